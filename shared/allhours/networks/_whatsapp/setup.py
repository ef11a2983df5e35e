"""Set up a WhatsApp number: a System User's token, both levels of the webhook, and how the number is doing.

Written from developers.facebook.com/documentation/business-messaging/whatsapp (webhooks/overview) and
facebook/openapi. A System User's token is made by hand and has no end, so there is no consent page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allhours.domain.errors import NetworkError, Refused
from allhours.networks._meta import fields
from allhours.networks._meta.setup import (
    app_fields,
    subscribe_app,
    subscribed_names,
    subscription,
    token_state,
    troubles,
)
from allhours.networks._whatsapp.graph import NETWORK, graph_for
from allhours.networks._whatsapp.posts import OPERATIONS, THING
from allhours.networks.contract import Health, Identity, Question

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.networks._meta.graph import Graph
    from allhours.networks.contract import Credentials
    from allhours.networks.http import Http

FIELDS = ("messages", "smb_message_echoes", *OPERATIONS)
SCOPES = ("whatsapp_business_messaging", "whatsapp_business_management")
NUMBER = "id,display_phone_number,verified_name,quality_rating,code_verification_status,name_status,status"
HISTORY = "id,message_id,events{delivery_status,webhook_update_state,timestamp}"

_DASHBOARD = "developers.facebook.com, your app, App settings, Basic"
_GOOD = {
    "quality_rating": {"GREEN", "UNKNOWN", "NA"},
    "status": {"CONNECTED", "LINKED"},
    "name_status": {"APPROVED", "AVAILABLE_WITHOUT_REVIEW"},
}


class WhatsAppSetup:
    """What leads through the setup of one phone number."""

    questions: tuple[Question, ...] = (
        Question(field="app_id", prompt="App ID", where=_DASHBOARD, of_app=True),
        Question(field="app_secret", prompt="App secret", where=_DASHBOARD, of_app=True),
        Question(
            field="verify_token",
            prompt="any long random word, by which WhatsApp greets the webhook",
            where="make one up; it is typed nowhere else",
            of_app=True,
        ),
        Question(
            field="access_token",
            prompt="token of a System User, without an end",
            where=f"business.facebook.com, System users, Generate token, with {' and '.join(SCOPES)}",
        ),
        Question(
            field="waba_id",
            prompt="id of the WhatsApp Business Account",
            where="WhatsApp Manager, Account tools, Phone numbers; it is in the address",
        ),
    )

    def __init__(self, credentials: Credentials, http: Http, *, app_secret: str) -> None:
        """Take the secrets and the line out."""
        self._credentials = credentials
        self._http = http
        self._app_secret = app_secret

    def consent(
        self, handle: Handle, given: Mapping[str, str], *, redirect: str, state: str, verifier: str
    ) -> str:
        """Return no address: the System User's token is the consent."""
        del handle, given, redirect, state, verifier
        return ""

    def exchange(
        self,
        handle: Handle,
        given: Mapping[str, str],
        *,
        code: str,
        redirect: str,
        verifier: str,
        at: datetime,
    ) -> Mapping[str, str]:
        """Return the secret's fields as they were typed."""
        del code, redirect, verifier, at
        told = {name: given.get(name, "").strip() for name in ("access_token", "waba_id")}
        if not told["access_token"] or not told["waba_id"].isdecimal():
            detail = "type the token, and the account's id, which has digits only"
            raise Refused(NETWORK, detail, handle=handle.handle)
        return told

    def identify(self, handle: Handle, *, at: datetime) -> Identity:
        """Find the number among those of the account: by its id, else by its digits."""
        asked = {"fields": NUMBER, "limit": "100"}
        page = next(self._graph(handle, at).pages(f"{self._account(handle)}/phone_numbers", asked))
        for row in page.rows:
            shown = fields.text_of(row.get("display_phone_number"), "display_phone_number", limit=50)
            native_id = fields.id_or_nothing(row.get("id"))
            wanted = handle.native_id or _digits(handle.handle)
            if native_id and wanted and wanted in {native_id, _digits(shown)}:
                name = fields.text_of(row.get("verified_name"), "verified_name", limit=fields.LONGEST_NAME)
                return Identity(
                    native_id=native_id, name=f"{name} {shown}".strip(), note=", ".join(_notes(row))
                )
        detail = f"account {self._account(handle)} has no number {handle.native_id or handle.handle}"
        raise Refused(NETWORK, detail, handle=handle.handle)

    def register(self, handle: Handle, *, callback: str, at: datetime) -> tuple[str, ...]:
        """Subscribe the app to all fields, and the account to the app."""
        graph, app = self._graph(handle, at), self._app()
        verify_token = self._credentials.read(self._app_secret).get("verify_token", "")
        subscribe_app(graph, app, thing=THING, names=FIELDS, callback=callback, verify_token=verify_token)
        account = self._account(handle)
        graph.write("POST", f"{account}/subscribed_apps", {})
        return (
            f"the app calls {callback} for {', '.join(FIELDS)}",
            f"account {account} is subscribed",
            "a person must switch the app to Live in its dashboard, and register the number where it is not",
        )

    def health(self, handle: Handle, *, callback: str, at: datetime) -> Health:
        """Look at the token, both levels of the webhook, the number, and the deliveries that failed."""
        graph, app = self._graph(handle, at), self._app()
        state = token_state(graph, self._credentials.read(handle.secret).get("access_token", ""), app)
        notes = [] if state.valid else ["Meta calls the token invalid"]
        if missing := sorted(set(SCOPES) - state.scopes):
            notes.append(f"permissions are missing: {', '.join(missing)}")
        told = troubles(subscription(graph, app, THING), thing=THING, names=FIELDS, callback=callback)
        page = next(graph.pages(f"{self._account(handle)}/subscribed_apps", {}))
        if subscribed_names(page.rows, app[0]) is None:
            told.append("the account is not subscribed to the app")
        notes += _notes(graph.get(handle.native_id, {"fields": NUMBER}))
        notes += self._gaps(graph, handle)
        return Health(
            token_expires=state.ends,
            webhook="; ".join(told) or "app and account are subscribed",
            webhook_ok=not told if callback else None,
            notes=tuple(notes),
        )

    def renew(self, handle: Handle, *, at: datetime) -> bool:
        """Return that nothing was renewed: a System User's token has no end."""
        del handle, at
        return False

    def _gaps(self, graph: Graph, handle: Handle) -> Iterator[str]:
        """Yield how many of the last hundred messages the webhook did not hear of."""
        try:
            page = next(
                graph.pages(f"{handle.native_id}/message_history", {"fields": HISTORY, "limit": "100"})
            )
        except NetworkError as error:
            yield f"the history of deliveries cannot be read: {error.detail}"
            return
        for state, words in (("FAILED", "did not reach our webhook"), ("RETRYING", "wait for our webhook")):
            number = sum(_has(row, state) for row in page.rows)
            if number:
                yield f"{number} of the last {len(page.rows)} messages {words}"

    def _account(self, handle: Handle) -> str:
        account = self._credentials.read(handle.secret).get("waba_id", "")
        if not account.isdecimal():
            raise Refused(NETWORK, f"secret {handle.secret} needs waba_id, digits only", handle=handle.handle)
        return account

    def _app(self) -> tuple[str, str]:
        return app_fields(self._credentials, NETWORK, self._app_secret)

    def _graph(self, handle: Handle, at: datetime) -> Graph:
        return graph_for(self._http, self._credentials, handle, app_secret=self._app_secret, at=at)


def _has(row: Mapping[str, Any], state: str) -> bool:
    """Return whether the newest event that tells of the webhook says this."""
    told = [each for each in fields.listed(row, "events") if each.get("webhook_update_state")]
    newest = max(told, key=lambda event: str(event.get("timestamp")), default={})
    return newest.get("webhook_update_state") == state


def _notes(number: Mapping[str, Any]) -> list[str]:
    """Return what is not as it should be with a number."""
    return [
        f"the number's {name.replace('_', ' ')} is {fields.word(value)}"
        for name, good in _GOOD.items()
        if (value := number.get(name)) and value not in good
    ]


def _digits(text: str) -> str:
    return "".join(filter(str.isdecimal, text))
