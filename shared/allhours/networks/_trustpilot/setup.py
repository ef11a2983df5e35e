"""Setting up Trustpilot: an API key, a first read of the reviews, and what a person does for the webhook."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from allhours.domain.errors import Refused
from allhours.networks import _reviews
from allhours.networks._trustpilot.api import NETWORK, Trustpilot, due
from allhours.networks.contract import Health, Identity, Question

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Credentials

APIS = "Trustpilot Business: Integrations, Developers, APIs"
WEBHOOKS = "Trustpilot Business: Integrations, Developers, Webhook notifications"


class TrustpilotSetup(_reviews.KeySetup):
    """Key and secret, which never run out; the tokens made of them renew themselves."""

    nothing_to_register = "no webhook of ours: reviews are polled"
    questions: tuple[Question, ...] = (
        Question(field="api_key", prompt="API key", where=APIS),
        Question(field="api_secret", prompt="API secret", where=APIS),
        Question(
            field="business_user_id",
            prompt="id of the business user who replies",
            where="Trustpilot Business: the profile of that user, or Trustpilot's support",
        ),
        Question(
            field="webhook_token",
            prompt="a long random word for the webhook's address",
            where="make one: openssl rand -hex 24",
            of_app=True,
        ),
    )

    def __init__(self, credentials: Credentials, api: Trustpilot, app_secret: str) -> None:
        """Keep the ports."""
        self._credentials = credentials
        self._api = api
        self._app_secret = app_secret

    def identify(self, handle: Handle, *, at: datetime) -> Identity:
        """Read one private review of the business unit."""
        if not handle.native_id:
            raise Refused(
                NETWORK,
                "the organisation file needs the business unit's id as native_id",
                handle=handle.handle,
            )
        path = f"/v1/private/business-units/{quote(handle.native_id, safe='')}/reviews"
        self._api.get(handle, path, at=at, params={"perPage": "1", "page": "1"})
        return Identity(native_id=handle.native_id, name=handle.handle, note="private reviews can be read")

    def register(self, handle: Handle, *, callback: str, at: datetime) -> tuple[str, ...]:
        """Return what a person does: Trustpilot has no call that subscribes."""
        if not callback:
            return super().register(handle, callback=callback, at=at)
        return (
            f"by hand, in {WEBHOOKS}: add this address for new, updated and deleted service reviews each",
            f"{callback}?token=… (the webhook_token of the secret {self._app_secret})",
        )

    def health(self, handle: Handle, *, callback: str, at: datetime) -> Health:
        """Return whether the keys open the reviews; Trustpilot tells nothing of webhooks."""
        notes: tuple[str, ...] = ()
        try:
            self.identify(handle, at=at)
        except Refused as error:
            notes = (error.detail,)
        webhook = f"Trustpilot tells nobody what is subscribed: look in {WEBHOOKS}" if callback else ""
        return Health(webhook=webhook, notes=notes)

    def renew(self, handle: Handle, *, at: datetime) -> bool:
        """Renew the token when it is about to end; Trustpilot turns down who asks earlier."""
        fields = self._credentials.read(handle.secret)
        if not due(fields, at):
            return False
        self._api.renewed(handle, fields, at=at)
        return True
