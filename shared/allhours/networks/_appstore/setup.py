"""Setting up the App Store: a key of App Store Connect, and a first read of the app's reviews."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allhours.domain.errors import Refused
from allhours.networks._appstore import posts
from allhours.networks._reviews import KeySetup
from allhours.networks.appstore import NETWORK, address
from allhours.networks.contract import Health, Identity, Question

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.networks._appstore.api import AppStore

KEYS = "App Store Connect: Users and Access, Integrations, App Store Connect API"


class AppStoreSetup(KeySetup):
    """A key that never runs out."""

    nothing_to_register = "nothing to register: Apple's webhooks tell nothing of reviews, they are polled"
    questions: tuple[Question, ...] = (
        Question(field="key_id", prompt="Key ID", where=KEYS),
        Question(
            field="issuer_id", prompt="Issuer ID, empty for a person's own key", where=KEYS, optional=True
        ),
        Question(
            field="private_key",
            prompt="the text of the .p8 file, its lines joined by \\n",
            where=f"{KEYS}: it can be downloaded once",
        ),
    )

    def __init__(self, api: AppStore) -> None:
        """Keep the port."""
        self._api = api

    def identify(self, handle: Handle, *, at: datetime) -> Identity:
        """Read one review of the app."""
        self._quota(handle, at)
        return Identity(native_id=handle.native_id, name=handle.handle, note="reviews can be read")

    def health(self, handle: Handle, *, callback: str, at: datetime) -> Health:
        """Return how much of the hour's calls is used."""
        del callback
        try:
            hourly = self._quota(handle, at)
        except Refused as error:
            return Health(notes=(error.detail,))
        most, left = hourly.get("lim", 0), hourly.get("rem", 0)
        if not most:
            return Health(quota="Apple told no hourly limit")
        return Health(quota=f"{left} of {most} calls are left in this hour", quota_used=1 - left / most)

    def _quota(self, handle: Handle, at: datetime) -> dict[str, int]:
        if not handle.native_id:
            raise Refused(
                NETWORK,
                "the organisation file needs the app's Apple ID (a number) as native_id",
                handle=handle.handle,
            )
        url = address(handle, "apps", handle.native_id, posts.REVIEW)
        return dict(self._api.quota(handle, url, at=at))
