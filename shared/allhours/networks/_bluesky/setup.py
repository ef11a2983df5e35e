"""Set up Bluesky: an app password that a person makes, and what can be seen of the account with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from allhours.domain.errors import Malformed, Refused
from allhours.networks._bluesky.fields import NETWORK, look
from allhours.networks._bluesky.session import APP_PASSWORD, NotThere, Session
from allhours.networks.contract import Health, Identity, Question

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Credentials
    from allhours.networks.http import Http

_SHAPE = re.compile(r"[a-z0-9]{4}(-[a-z0-9]{4}){3}")
_DECLARATION = "chat.bsky.actor.declaration"
_WHERE = "Settings, Privacy and security, App passwords; tick 'Allow access to your direct messages'"


class BlueskySetup:
    """What leads through Bluesky's setup; there is no page to consent on and no webhook."""

    questions: tuple[Question, ...] = (
        Question(
            field="identifier",
            prompt="the account's handle, as acme.example",
            where="in the account's profile",
        ),
        Question(field="app_password", prompt="an app password (xxxx-xxxx-xxxx-xxxx)", where=_WHERE),
    )

    def __init__(self, credentials: Credentials, http: Http) -> None:
        """Keep the ports."""
        self._credentials = credentials
        self._http = http

    def consent(
        self, handle: Handle, given: Mapping[str, str], *, redirect: str, state: str, verifier: str
    ) -> str:
        """Return no address: the app password is the consent."""
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
        """Return the secret's fields; logging in is rationed and waits for `identify`."""
        del code, redirect, verifier, at
        identifier, password = (
            given.get("identifier", "").strip().removeprefix("@"),
            given.get("app_password", ""),
        )
        if not _SHAPE.fullmatch(password.strip()):
            raise Refused(NETWORK, f"this is no app password; {APP_PASSWORD}", handle=handle.handle)
        return {"identifier": identifier, "app_password": password.strip()}

    def identify(self, handle: Handle, *, at: datetime) -> Identity:
        """Log in once and read the session; later functions go on with it."""
        us, told = self._look(Session(self._credentials, self._http, handle, at))
        name = told.get("handle")
        if not isinstance(name, str):
            raise Malformed(NETWORK, "the session has no handle", handle=handle.handle, field="handle")
        return Identity(native_id=us.native_id, name=f"@{name}", note=" ".join(_notes(told)))

    def register(self, handle: Handle, *, callback: str, at: datetime) -> tuple[str, ...]:
        """Let every customer write to us; Bluesky calls no webhook."""
        del callback
        polled = "Bluesky calls no webhook: it is polled"
        if handle.settings.get("direct_messages") == "off":
            return (polled, "direct messages are off, by the organisation file")
        session = Session(self._credentials, self._http, handle, at)
        us, declared, cid = session.us().native_id, *_declared(session)
        if declared.get("allowIncoming") == "all":
            return (polled, "direct messages are open to everybody")
        body = {
            "repo": us,
            "collection": _DECLARATION,
            "rkey": "self",
            "record": {**declared, "$type": _DECLARATION, "allowIncoming": "all"},
            "swapRecord": cid,
        }
        session.post("com.atproto.repo.putRecord", body)
        return (polled, "direct messages are open to everybody now, also to people whom we do not follow")

    def health(self, handle: Handle, *, callback: str, at: datetime) -> Health:
        """Look at the account, the right to read messages and the calls that are left."""
        del callback
        session = Session(self._credentials, self._http, handle, at)
        _us, told = self._look(session)
        notes = _notes(told)
        if handle.settings.get("direct_messages") != "off":
            try:
                session.get("chat.bsky.convo.getLog", [], chat=True)
            except Refused as error:
                notes.append(error.detail)
            declared, _cid = _declared(session)
            if declared.get("allowIncoming") != "all":
                notes.append(
                    "customers whom we do not follow cannot write to us: `allhours connect` opens it"
                )
        left, of = session.calls_left or (0, 0)
        return Health(
            quota=f"{left:,} of {of:,} calls left in this window" if of else "",
            quota_used=1 - left / of if of else None,
            notes=tuple(notes),
        )

    def renew(self, handle: Handle, *, at: datetime) -> bool:
        """Leave it to the polls: they renew the session long before its refresh token ends."""
        del handle, at
        return False

    def _look(self, session: Session) -> tuple[Handle, Mapping[str, object]]:
        return session.us(), session.get("com.atproto.server.getSession", [])


def _declared(session: Session) -> tuple[Mapping[str, object], str | None]:
    """Return what our account declares about messages, and the cid of it; nothing when it never did."""
    query = [("repo", session.us().native_id), ("collection", _DECLARATION), ("rkey", "self")]
    try:
        there = session.get("com.atproto.repo.getRecord", query)
    except NotThere:
        return {}, None
    value, cid = look(there, "value"), look(there, "cid")
    return value if isinstance(value, dict) else {}, cid if isinstance(cid, str) else None


def _notes(told: Mapping[str, object]) -> list[str]:
    """Return what is not as it should be with the account."""
    status = told.get("status")
    notes = []
    if told.get("active") is False:
        state = status if status in {"takendown", "suspended", "deactivated"} else "not active"
        notes.append(f"the account is {state}: nothing it says is shown")
    if told.get("emailConfirmed") is False:
        notes.append("the account's e-mail address is not confirmed: confirm it in the app's settings")
    return notes
