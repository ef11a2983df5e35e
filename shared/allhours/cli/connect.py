"""Lead through connecting a handle: credentials, webhook, and one read to prove it."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import webbrowser
from dataclasses import dataclass, field
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from allhours.cli import arguments as shared
from allhours.cli import deployed
from allhours.cli.consent import PORT, Loopback, code_in, redirect_in
from allhours.cli.organisation_file import now
from allhours.cli.terminal import say, tell, visible
from allhours.domain.errors import BadInput, Refused
from allhours.domain.life import may_read
from allhours.networks import NETWORKS, network_module
from allhours.networks.http import Http

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from allhours.domain.handle import Handle
    from allhours.domain.organisation import Organisation
    from allhours.networks import NetworkModule
    from allhours.networks.contract import Connector, Credentials, Question


class Vault(Protocol):
    """Where secrets are stored."""

    def store(self, secret: str, fields: Mapping[str, str]) -> Mapping[str, str]:
        """Store a secret's fields over what was there, and return that; make the secret if there is none."""
        ...


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the handle, and how its owner consents."""
    parser.set_defaults(connecting=True)
    parser.add_argument("network", choices=NETWORKS, metavar="NETWORK", help=", ".join(NETWORKS))
    parser.add_argument("account", metavar="ACCOUNT", help="the account, as the organisation file names it")
    parser.add_argument("--handle", help="which of its handles, where the account has several there")
    parser.add_argument(
        "--webhook", action="store_true", help="only subscribe the webhook, with the credentials there are"
    )
    parser.add_argument(
        "--fields",
        type=Path,
        metavar="FILE",
        help="JSON object of what would be asked, - for standard input; what it does not name stays, "
        'what it gives as "" is forgotten',
    )
    parser.add_argument(
        "--redirect",
        metavar="ADDRESS",
        help="the app's own redirect address, where the network takes no loopback one; "
        "then paste the address to which the browser was led",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=PORT,
        help=f"of the loopback redirect http://127.0.0.1:{PORT}/, which X, Reddit and LinkedIn want "
        "in the app's settings",
    )
    deployed.add_stack(parser)
    shared.add_organisation(parser)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65_536:  # noqa: PLR2004 - TCP's
        raise argparse.ArgumentTypeError(f"{text!r} is no port: write {PORT}, for example")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Connect one handle; 1 when it is not as the organisation file says, or its webhook is not called."""
    organisation = shared.organisation_of(arguments)
    handle = handle_of(organisation, arguments.network, arguments.account, arguments.handle or "")
    stack = deployed.stack(arguments)
    tell_people = _aside if arguments.json else say
    connecting = Connecting(
        handle=handle,
        sharing=sharing(organisation, handle),
        module=network_module(handle.network),
        credentials=stack.credentials,
        vault=stack.credentials,
        callback=f"{stack.output('WebhookUrl').rstrip('/')}/webhooks/{handle.network}",
        ask=_asking(arguments.fields, tell_people),
        tell=tell_people,
    )
    well = (
        connecting.prove()
        if arguments.webhook
        else connecting.credentials_of_owner(redirect=arguments.redirect or "", port=arguments.port)
    )
    well = well and connecting.subscribe()
    if arguments.json:
        tell({"handle": handle.key, "well": well, "said": connecting.said})
    return 0 if well else 1


def handle_of(organisation: Organisation, network: str, account: str, name: str) -> Handle:
    """Find the handle; `BadInput` says what to write in the organisation file, or which there are."""
    there = [
        handle
        for handle in organisation.handles_on(network)
        if handle.account == account and (not name or handle.handle == name)
    ]
    if len(there) > 1:
        names = ", ".join(repr(handle.handle) for handle in there)
        raise BadInput(f"{account} has several handles on {network}: choose by --handle one of {names}")
    if not there:
        others = sorted({handle.account for handle in organisation.handles_on(network)})
        known = f"; on {network} there are {', '.join(others)}" if others else ""
        raise BadInput(
            f"no account {account!r} has {'this' if name else 'a'} handle on {network}{known}: "
            f"write it below units.<unit>.accounts.{account}.handles.{network} first"
        )
    ruling = may_read(organisation.life_of(network))
    if not ruling.allowed:
        raise BadInput(f"{network} is {organisation.life_of(network)} in the organisation: {ruling.reason}")
    return there[0]


def sharing(organisation: Organisation, handle: Handle) -> tuple[Handle, ...]:
    """Return the other handles that live by the same secret: several apps of one key, pages of one member."""
    there = organisation.handles_on(handle.network)
    return tuple(each for each in there if each != handle and handle.secret and each.secret == handle.secret)


def _pasted() -> str:
    return sys.stdin.readline().strip()


@dataclass(kw_only=True)
class Connecting:
    """One handle on its way; `said` is what was told, for machines.

    `ask` returns what was typed, `None` for what is to stay as it is stored, and "" for what is to be
    forgotten.
    """

    handle: Handle
    module: NetworkModule
    credentials: Credentials
    vault: Vault
    callback: str
    ask: Callable[[Question, bool], str | None]
    open_page: Callable[[str], object] = webbrowser.open
    paste: Callable[[], str] = _pasted
    tell: Callable[[str], None] = say
    sharing: tuple[Handle, ...] = ()
    said: list[str] = field(default_factory=list[str])
    _before: dict[str, Mapping[str, str]] = field(init=False, default_factory=dict[str, "Mapping[str, str]"])

    @property
    def app_secret(self) -> str:
        """Return the name of the app's secret."""
        return f"{self.handle.network}/app"

    @property
    def connector(self) -> Connector:
        """Return what leads through this network's setup."""
        return self.module.setting_up(self.credentials, Http(), app_secret=self.app_secret)

    def credentials_of_owner(self, *, redirect: str = "", port: int = PORT) -> bool:
        """Get the credentials, store them, and prove them; what is not proved is taken back.

        So functions go on with the credentials that work, whatever goes wrong here, and never read the
        account of somebody who was signed in to the browser by chance.
        """
        well = False
        try:
            self._get(redirect, Loopback(port))
            well = self.prove()
        finally:
            if not well:
                self._put_back()
        return well

    def prove(self) -> bool:
        """Read once with what is stored; return whether the network knows the handle as the file does.

        So it must be with every handle that lives by the same secret.
        """
        return all(self._proves(handle) for handle in (self.handle, *self.sharing))

    def _proves(self, handle: Handle) -> bool:
        who = self.connector.identify(handle, at=now())
        note = f" ({who.note})" if who.note else ""
        title = self.module.capabilities.title
        self._say(f"{title}: {handle.handle} is {who.name}, id {who.native_id or '-'}{note}")
        if who.native_id and handle.native_id and who.native_id != handle.native_id:
            self._say(
                f"the organisation file says native_id {handle.native_id!r}: these are the credentials "
                f"of another account, or the file is wrong; write native_id: {who.native_id!r} if it is"
            )
            if handle != self.handle:
                self._say(
                    f"{handle.handle} has the same secret {handle.secret}: give one its own in the file"
                )
            return False
        if who.native_id and not handle.native_id:
            self._say(f"if that is the account you mean, write native_id: {who.native_id!r} into the file")
        return True

    def subscribe(self) -> bool:
        """Subscribe our webhook, do what else the network needs, and return whether deliveries will come."""
        connector = self.connector
        callback = self.callback if self.module.capabilities.pushes else ""
        for line in connector.register(self.handle, callback=callback, at=now()):
            self._say(line)
        health = connector.health(self.handle, callback=callback, at=now())
        if health.token_expires:
            days = (health.token_expires - now()).days
            self._say(f"a person is needed again before {health.token_expires:%Y-%m-%d}, in {days} days")
        for name, told in (("webhook", health.webhook), ("quota", health.quota)):
            if told:
                self._say(f"{name}: {told}")
        for note in health.notes:
            self._say(f"note: {note}")
        return health.webhook_ok is not False

    def _get(self, redirect: str, loopback: Loopback) -> None:
        """Ask what a person must type, let the owner consent where there is a page for it, and store both."""
        connector = self.connector
        for need in self.module.capabilities.needs:
            self._say(f"needs {need}")
        of_app, of_handle = self._stored(self.app_secret), self._stored(self.handle.secret)
        had = dict(of_app)
        asked = [each for each in connector.questions if each.of_app or self.handle.secret]
        if len(asked) < len(connector.questions):
            self._say("it has no secret; if it needs one, name it in the organisation file (secret) first")
        for question in asked:
            known = of_app if question.of_app else of_handle
            typed = self.ask(question, question.field in known)
            if typed is not None:
                known[question.field] = typed
            if not question.optional and not known.get(question.field):
                raise BadInput(f"{question.field} is needed: {question.prompt} ({question.where})")
        if of_app != had:  # before the exchange, for some sign it with the app's secret
            self._store(self.app_secret, of_app)
        given = {name: value for name, value in (of_app | of_handle).items() if value}
        back, state, verifier = (
            redirect or loopback.address,
            secrets.token_urlsafe(24),
            secrets.token_urlsafe(48),
        )
        page = connector.consent(self.handle, given, redirect=back, state=state, verifier=verifier)
        code = code_in(self._led_to(page, loopback), state) if page else ""
        fields = connector.exchange(self.handle, given, code=code, redirect=back, verifier=verifier, at=now())
        typed_ones = {each.field for each in asked if not each.of_app} & {*given}
        fields = {name: given[name] for name in typed_ones} | dict(fields)
        if fields and self.handle.secret:
            self._store(self.handle.secret, fields)

    def _led_to(self, page: str, loopback: Loopback) -> str:
        """Return the address to which the owner's consent led."""
        self.tell(f"let the owner of {self.handle.handle} consent here: {page}")
        back = redirect_in(page)
        if back == loopback.address:
            self._say(f"it leads back to {back}, which must stand in the app's settings (or --redirect)")
            with loopback:
                self.open_page(page)
                return loopback.wait()
        self._say(f"it leads to {back or 'the address in the app settings'}: paste all of that address here")
        self.open_page(page)
        if led_to := self.paste():
            return led_to
        raise BadInput("no address was pasted: run the command again")

    def _stored(self, secret: str) -> dict[str, str]:
        try:
            return dict(self.credentials.read(secret)) if secret else {}
        except Refused:
            return {}  # there is none yet, which is why we are here

    def _store(self, secret: str, fields: Mapping[str, str]) -> None:
        kept = {name: value for name, value in fields.items() if value}
        self._before[secret] = self.vault.store(secret, kept)
        self._say(f"stored {', '.join(sorted(kept)) or 'nothing'} in the secret {secret}")

    def _put_back(self) -> None:
        """Put back what was there before; the app's first secret stays, for nothing works with it yet."""
        for secret, fields in self._before.items():
            if fields or secret == self.handle.secret:
                self.vault.store(secret, fields)
                what = "is as it was before" if fields else "is empty again"
                self._say(f"not proved, so the secret {secret} {what}")

    def _say(self, line: str) -> None:
        self.said.append(line)
        self.tell(line)


def _aside(line: str) -> None:
    """Tell people on standard error: standard output is for machines."""
    sys.stderr.write(f"{visible(line)}\n")


def _asking(path: Path | None, tell_people: Callable[[str], None]) -> Callable[[Question, bool], str | None]:
    if path is None:
        return lambda question, known: _asked(question, known, tell_people)
    given = _given(path)
    return lambda question, _known: given.get(question.field)


def _given(path: Path) -> Mapping[str, str]:
    try:
        body = json.loads(sys.stdin.read() if str(path) == "-" else path.read_text("utf-8"))
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict) or not all(isinstance(value, str) for value in body.values()):
        raise BadInput(f'{path}: write a JSON object of texts, {{"access_token": "…"}}')
    return {name: value.strip() for name, value in body.items()}


def _asked(question: Question, known: bool, tell_people: Callable[[str], None]) -> str | None:  # noqa: FBT001 - Connecting.ask
    """Ask on the terminal, without showing what is typed."""
    if not sys.stdin.isatty():
        raise BadInput(f"{question.field} is asked on a terminal: or give it by --fields FILE")
    stays = ", return keeps what is stored" if known else ", return for none" if question.optional else ""
    forgets = ", - forgets it" if known and question.optional else ""
    tell_people(f"{question.prompt} ({question.where}){stays}{forgets}")
    try:
        typed = getpass(f"{question.field}: ").strip()
    except EOFError:
        raise BadInput(f"{question.field} was not typed: run the command again") from None
    return "" if forgets and typed == "-" else typed or None
