"""`allhours connect`: every network from the first question to a proved and subscribed connection."""

from __future__ import annotations

import io
import json
import re
import socket
import sys
import threading
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from allhours.cli import arguments as shared
from allhours.cli import connect, deployed
from allhours.cli.__main__ import main
from allhours.cli.connect import Connecting, handle_of, sharing
from allhours.cli.consent import Loopback, code_in
from allhours.cli.organisation_file import load, now
from allhours.domain.errors import BadInput, NetworkError, Refused, Unreachable
from allhours.domain.life import Life
from allhours.networks import NETWORKS
from allhours.networks.contract import Identity
from allhours.networks.http import Http
from tests.builders import an_organisation
from tests.templates import ROOT
from tests.unit.networks.town import Town

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from allhours.domain.handle import Handle
    from allhours.networks.contract import Question

Captured = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch

CONSENTING = (
    *("x", "facebook", "instagram", "threads", "mastodon", "reddit", "youtube", "tiktok", "linkedin"),
    "googlebusiness",
)
"""Networks with a page of consent; Facebook only where no system user's token is typed."""
PORTALS = ("tiktok",)
"""Networks whose page of consent leads where their portal says, whatever we ask for."""
OURS = "https://allhours.example/back/"


@dataclass
class Vault:
    """Secrets in memory, as Secrets Manager keeps them; `stored` lists every secret that was written."""

    kept: dict[str, Mapping[str, str]] = field(default_factory=dict)
    stored: list[str] = field(default_factory=list)

    def read(self, secret: str) -> Mapping[str, str]:
        if secret not in self.kept:
            raise Refused(secret.partition("/")[0], f"the secret {secret} cannot be read")
        return self.kept[secret]

    def store(self, secret: str, fields: Mapping[str, str]) -> Mapping[str, str]:
        before = self.kept.get(secret, {})
        self.kept[secret] = dict(fields)
        self.stored.append(secret)
        return before

    def renew(
        self, secret: str, stale: Mapping[str, str], ask: Callable[[Mapping[str, str]], Mapping[str, str]]
    ) -> Mapping[str, str]:
        if self.read(secret) != stale:
            return self.read(secret)
        self.kept[secret] = {**stale, **ask(stale)}
        return self.kept[secret]


@dataclass
class Desk:
    """A person at the terminal, and what they see; `typed` holds what they would type, by field."""

    town: Town
    vault: Vault = field(default_factory=Vault)
    typed: dict[str, str] = field(default_factory=dict)
    asked: dict[str, bool] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    led_to: list[str] = field(default_factory=list)

    def connecting(self, **changes: Any) -> Connecting:
        pushes = self.town.capabilities.pushes
        usual: dict[str, Any] = {
            "handle": self.town.handle,
            "module": self.town.module,
            "credentials": self.vault,
            "vault": self.vault,
            "callback": self.town.listen() if pushes else "https://nobody.example/",
            "ask": self.answer,
            "open_page": self.consent,
            "paste": lambda: self.led_to[-1],
            "tell": self.seen.append,
        }
        return Connecting(**(usual | changes))

    def answer(self, question: Question, known: bool) -> str | None:  # noqa: FBT001 - Connecting.ask
        self.asked[question.field] = known
        return self.typed.get(question.field)

    def consent(self, page: str) -> None:
        """Consent as the account's owner does, and go where the network leads."""
        self.led_to.append(requests.get(page, allow_redirects=False, timeout=5).headers["location"])
        browse(self.led_to[-1])

    @property
    def secrets(self) -> set[str]:
        """Return everything that nobody may see."""
        told = {value for each in (*self.vault.kept.values(), self.typed) for value in hushed(each)}
        return {value for value in told if len(value) > 7}


def hushed(fields: Mapping[str, str]) -> Iterator[str]:
    """Yield what is secret of a secret, which holds ids and addresses too."""
    for name, value in fields.items():
        if re.search("token|secret|password|jwt|key$", name, re.IGNORECASE):
            yield value


def browse(address: str) -> None:
    """Ask for a loopback address as a browser does, later and beside us."""
    if address.startswith("http://127.0.0.1:"):
        threading.Thread(target=requests.get, args=(address,), kwargs={"timeout": 5}, daemon=True).start()


def lead_back(page: str, **query: str) -> None:
    """Let the network lead the browser back with an answer of its own."""
    browse(f"{parse_qs(urlsplit(page).query)['redirect_uri'][0]}?{urlencode(query)}")


def state_in(page: str) -> str:
    return parse_qs(urlsplit(page).query)["state"][0]


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def desk(request: pytest.FixtureRequest, monkeypatch: Patch) -> Iterator[Desk]:
    """Return a desk before a network on which nothing is connected yet; Mastodon unless asked otherwise."""
    monkeypatch.setattr(Loopback.wait, "__defaults__", (20.0,))  # a test that waits in vain ends soon
    network = getattr(request, "param", "mastodon")
    with Town(network) as town:
        desk = Desk(town)
        settled: Any = town  # its webhook reads the secrets that connect stores
        settled.secrets = desk.vault
        town.reader = town.module.connect(desk.vault, Http(), app_secret=f"{network}/app", meter=town.meter)
        given = {**town.stand_in.app_secret, **town.stand_in.secret}
        desk.typed = {
            each.field: given[each.field] for each in town.connector.questions if each.field in given
        }
        if network in CONSENTING:
            desk.typed.pop("user_token", None)
        if network == "feeds":
            town.handle = replace(town.handle, secret="")
        yield desk


def on(*networks: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("desk", networks, indirect=True)


# Every network


@on(*NETWORKS)
def test_a_handle_is_connected_from_nothing_to_a_proved_read(desk: Desk, port: int) -> None:
    connecting = desk.connecting()
    assert connecting.credentials_of_owner(port=port, redirect=OURS if desk.town.network in PORTALS else "")
    assert connecting.subscribe()
    can, network = desk.town.capabilities, desk.town.network
    assert bool(desk.led_to) == (network in CONSENTING)
    assert {*can.secret_fields} <= {*desk.vault.kept.get(f"{network}/acmebank", {})}
    assert {*can.app_secret_fields} <= {*desk.vault.kept.get(f"{network}/app", {})}
    assert not [
        secret for secret in desk.secrets for line in (*connecting.said, *desk.seen) if secret in line
    ]
    if can.polls_every and desk.town.stand_in.polled:
        desk.town.poll()


@on(*CONSENTING)
def test_where_no_loopback_is_taken_the_address_is_pasted(desk: Desk) -> None:
    connecting = desk.connecting()
    assert connecting.credentials_of_owner(redirect=OURS)
    assert desk.led_to[0].startswith("https://allhours.example/")
    assert not [line for line in desk.seen if "code=" in line]


@on(*CONSENTING)
def test_an_exchange_that_fails_leaves_everything_as_it_was(desk: Desk) -> None:
    network = desk.town.network
    before = {f"{network}/acmebank": {"old": "token"}, f"{network}/app": {"old": "app secret"}}
    desk.vault.kept = dict(before)
    wrong = f"{OURS}?code=not-a-code&state="
    opened: list[str] = []
    connecting = desk.connecting(open_page=opened.append, paste=lambda: wrong + state_in(opened[0]))
    with pytest.raises(NetworkError):
        connecting.credentials_of_owner(redirect=OURS)
    assert desk.vault.kept == before
    assert f"{network}/acmebank" not in desk.vault.stored


@on(*NETWORKS)
def test_credentials_of_another_account_do_not_stay(desk: Desk, port: int) -> None:
    secret = desk.town.handle.secret
    desk.vault.kept[secret] = {"old": "token"}
    connector = desk.town.connector
    handle = desk.town.handle
    desk.town.handle = replace(handle, native_id="999", handle="@SomebodyElse")
    module: Any = SimpleNamespace(
        capabilities=desk.town.capabilities, setting_up=lambda *_, **__: Another(connector, handle)
    )
    connecting = desk.connecting(module=module)
    assert not connecting.credentials_of_owner(
        port=port, redirect=OURS if desk.town.network in PORTALS else ""
    )
    assert any("of another account" in line for line in desk.seen)
    assert desk.vault.kept[secret] == {"old": "token"}


class Another:
    """A network that takes every consent and says that it is somebody else's."""

    def __init__(self, real: Any, handle: Handle) -> None:
        self._real, self._handle = real, handle

    def __getattr__(self, name: str) -> Any:
        if name == "identify":
            return lambda _handle, **_: Identity(native_id="42", name="@Private")
        call = getattr(self._real, name)
        return (
            (lambda _handle, *given, **named: call(self._handle, *given, **named)) if callable(call) else call
        )


@on(*sorted({*NETWORKS} - {"bluesky"}))  # Bluesky logs in anew with the app password
def test_a_network_that_turns_a_token_down_tells_nobody_which(desk: Desk, port: int) -> None:
    connecting = desk.connecting()
    connecting.credentials_of_owner(port=port, redirect=OURS if desk.town.network in PORTALS else "")
    desk.town.stand_in.fail("refused_token", 20)
    with pytest.raises(NetworkError) as told:
        connecting.prove()
    assert not [secret for secret in desk.secrets if secret in f"{told.value}{told.value!r}"]


# What goes wrong between the question and the proof


def test_a_browser_that_brings_another_state_is_not_believed(desk: Desk, port: int) -> None:
    connecting = desk.connecting(open_page=lambda page: lead_back(page, code="c", state="another"))
    with pytest.raises(BadInput, match="belongs to another question"):
        connecting.credentials_of_owner(port=port)
    assert desk.vault.stored == []


def test_an_owner_who_does_not_consent_is_told_in_the_networks_words(desk: Desk, port: int) -> None:
    def denied(page: str) -> None:
        lead_back(page, error="access_denied", error_description="denied it", state=state_in(page))

    with pytest.raises(BadInput, match="the owner did not consent: denied it"):
        desk.connecting(open_page=denied).credentials_of_owner(port=port)


def test_nobody_waits_for_ever(desk: Desk, port: int, monkeypatch: Patch) -> None:
    monkeypatch.setattr(Loopback.wait, "__defaults__", (0.01,))
    with pytest.raises(BadInput, match="nobody consented within"):
        desk.connecting(open_page=lambda _page: None).credentials_of_owner(port=port)


def test_a_port_that_is_taken_says_how_to_choose_another(desk: Desk) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(BadInput, match="choose another with --port"):
            desk.connecting().credentials_of_owner(port=taken.getsockname()[1])


def test_a_connection_that_a_browser_opens_ahead_keeps_nobody_waiting(port: int) -> None:
    with Loopback(port) as loopback, socket.create_connection(("127.0.0.1", port)):
        assert requests.get(f"{loopback.address}favicon.ico", timeout=5).status_code == 404
        assert requests.get(f"{loopback.address}?code=c&state=s", timeout=5).status_code == 200
        assert code_in(loopback.wait(1), "s") == "c"


def test_nothing_pasted_is_said_as_such(desk: Desk) -> None:
    connecting = desk.connecting(open_page=lambda _page: None, paste=lambda: "")
    with pytest.raises(BadInput, match="no address was pasted"):
        connecting.credentials_of_owner(redirect=OURS)


@on("x")
def test_an_interrupt_leaves_the_apps_old_secret(desk: Desk, port: int) -> None:
    def interrupted(_page: str) -> None:
        raise KeyboardInterrupt

    desk.vault.kept["x/app"] = {"consumer_secret": "the old one"}
    with pytest.raises(KeyboardInterrupt):
        desk.connecting(open_page=interrupted).credentials_of_owner(port=port)
    assert desk.vault.kept == {"x/app": {"consumer_secret": "the old one"}}


@on("youtube")
def test_the_apps_first_secret_stays_although_nobody_consents(desk: Desk, port: int) -> None:
    connecting = desk.connecting(open_page=lambda page: lead_back(page, state=state_in(page)))
    with pytest.raises(BadInput, match="did not consent: without a reason"):
        connecting.credentials_of_owner(port=port)
    kept = {"youtube/app": desk.typed}
    assert desk.vault.kept == kept, "so that the next run need not ask for it again"


@on("telegram")
def test_tokens_that_do_not_prove_leave_a_first_secret_empty(desk: Desk) -> None:
    desk.typed["bot_token"] = "7000009:" + "A" * 35
    with pytest.raises(NetworkError) as told:
        desk.connecting().credentials_of_owner()
    assert desk.vault.kept["telegram/acmebank"] == {}
    assert desk.typed["bot_token"] not in f"{told.value}{desk.seen}"


@on("telegram")
def test_tokens_are_stored_before_they_are_used(desk: Desk) -> None:
    class Full(Vault):
        def store(self, secret: str, fields: Mapping[str, str]) -> Mapping[str, str]:
            if secret == "telegram/acmebank":
                raise Unreachable("telegram", "another function is renewing the token")
            return super().store(secret, fields)

    desk.vault = Full()
    with pytest.raises(Unreachable):
        desk.connecting().credentials_of_owner()
    assert desk.town.stand_in.asked == []


# What is typed


@on("whatsapp")
def test_return_keeps_what_is_stored(desk: Desk) -> None:
    app, own = desk.town.stand_in.app_secret, desk.town.stand_in.secret
    desk.vault.kept = {"whatsapp/app": dict(app), "whatsapp/acmebank": dict(own)}
    desk.typed = {}
    assert desk.connecting().credentials_of_owner()
    assert desk.vault.kept == {"whatsapp/app": dict(app), "whatsapp/acmebank": dict(own)}
    assert desk.vault.stored == ["whatsapp/acmebank"], "an app secret that did not change is not written"
    assert all(desk.asked.values())


@on("whatsapp")
def test_a_field_that_is_needed_and_missing_is_named_with_where_to_find_it(desk: Desk) -> None:
    del desk.typed["waba_id"]
    with pytest.raises(BadInput, match=r"waba_id is needed: .*WhatsApp Manager"):
        desk.connecting().credentials_of_owner()
    assert desk.vault.stored == []


@on("facebook")
def test_a_system_users_token_makes_a_page_token_without_a_browser(desk: Desk) -> None:
    desk.typed["user_token"] = desk.town.stand_in.secret["user_token"]
    assert desk.connecting().credentials_of_owner()
    assert desk.led_to == []
    assert desk.vault.kept["facebook/acmebank"].keys() == {"page_token", "user_token"}


@on("facebook")
def test_an_optional_field_can_be_forgotten(desk: Desk, port: int) -> None:
    desk.vault.kept["facebook/acmebank"] = {"user_token": "of-somebody-who-left", "page_token": "p"}
    desk.typed["user_token"] = ""
    assert desk.connecting().credentials_of_owner(port=port)
    assert desk.led_to, "the owner was asked instead"
    assert "of-somebody-who-left" not in desk.vault.kept["facebook/acmebank"].values()


@on("bluesky")
def test_a_session_of_the_old_credentials_does_not_stay_beside_the_new_ones(desk: Desk) -> None:
    desk.vault.kept["bluesky/acmebank"] = {"accessJwt": "old", "refreshJwt": "old", "did": "did:plc:old"}
    assert desk.connecting().credentials_of_owner()
    assert "old" not in desk.vault.kept["bluesky/acmebank"].values()


@on("bluesky")
def test_what_a_network_without_webhooks_needs_is_done_too(desk: Desk) -> None:
    connecting = desk.connecting()
    assert connecting.credentials_of_owner()
    assert connecting.subscribe()
    assert "direct messages are open to everybody now" in " ".join(desk.seen)


@on("feeds")
def test_a_feed_that_everybody_may_read_needs_no_secret(desk: Desk) -> None:
    assert desk.connecting().credentials_of_owner()
    assert (desk.vault.stored, desk.asked) == ([], {})
    assert any("name it in the organisation file (secret) first" in line for line in desk.seen)


@on("feeds")
def test_a_feeds_password_is_stored_where_the_file_says(desk: Desk) -> None:
    desk.town.handle = replace(desk.town.handle, secret="feeds/acmebank")
    desk.typed = {"user": "reader", "password": "hush hush hush"}
    assert desk.connecting().credentials_of_owner()
    assert desk.vault.kept == {"feeds/acmebank": desk.typed}


@on("mastodon")
def test_a_secret_that_another_account_lives_by_is_not_taken_from_it(desk: Desk, port: int) -> None:
    desk.vault.kept[desk.town.handle.secret] = {"access_token": "of the other"}
    other = replace(desk.town.handle, handle="@acmecards", native_id="999")
    assert not desk.connecting(sharing=(other,)).credentials_of_owner(port=port)
    assert desk.seen[-2].startswith("@acmecards has the same secret mastodon/acmebank")
    assert desk.vault.kept[desk.town.handle.secret] == {"access_token": "of the other"}


@on("googleplay")
def test_one_key_may_open_several_apps(desk: Desk) -> None:
    second = replace(desk.town.handle, handle="Acme Cards")
    assert desk.connecting(sharing=(second,)).credentials_of_owner()
    assert "Google Play: Acme Cards is Acme Cards" in " ".join(desk.seen)


@on("mastodon")
def test_a_file_that_does_not_name_the_account_is_told_its_id(desk: Desk, port: int) -> None:
    native_id, desk.town.handle = desk.town.handle.native_id, replace(desk.town.handle, native_id="")
    assert desk.connecting().credentials_of_owner(port=port)
    assert any(f"write native_id: {native_id!r}" in line for line in desk.seen)


# The command


@pytest.fixture
def command(desk: Desk, monkeypatch: Patch) -> Callable[..., int]:
    """Return the command, as it meets a deployed stack and an organisation with this one handle."""
    bank = an_organisation()
    account = replace(bank.accounts["acmebank"], handles=(desk.town.handle,))
    bank = replace(bank, accounts={"acmebank": account})
    webhook = desk.town.listen().rpartition("/webhooks/")[0] if desk.town.capabilities.pushes else "https://w"
    stack = SimpleNamespace(credentials=desk.vault, output={"WebhookUrl": f"{webhook}/"}.__getitem__)
    monkeypatch.setattr(deployed, "stack", lambda _arguments: stack)
    monkeypatch.setattr(shared, "organisation_of", lambda _arguments: bank)
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    def run(*words: str) -> int:
        return main(["connect", *words])

    return run


@pytest.fixture
def file(desk: Desk, tmp_path: Path) -> str:
    path = tmp_path / "fields.json"
    path.write_text(json.dumps(desk.typed), "utf-8")
    return str(path)


@on("telegram", "googleplay", "whatsapp", "discourse", "trustpilot", "appstore", "bluesky")
def test_what_would_be_asked_can_stand_in_a_file(
    desk: Desk, command: Callable[..., int], file: str, capsys: Captured
) -> None:
    assert command(desk.town.network, "acmebank", "--fields", file) == 0
    told = capsys.readouterr()
    assert "stored " in told.out
    assert not [secret for secret in desk.secrets if secret in told.out + told.err]


@on("whatsapp")
def test_for_machines_standard_output_is_one_object_and_people_read_beside(
    desk: Desk, command: Callable[..., int], file: str, capsys: Captured
) -> None:
    assert command("whatsapp", "acmebank", "--fields", file, "--json") == 0
    told = capsys.readouterr()
    result = json.loads(told.out)
    assert (result["handle"], result["well"]) == (desk.town.handle.key, True)
    assert result["said"]
    assert "the app calls" in told.err
    assert not [secret for secret in desk.secrets if secret in told.out + told.err]


@on("whatsapp")
def test_the_webhook_alone_is_subscribed_with_the_credentials_there_are(
    desk: Desk, command: Callable[..., int], capsys: Captured
) -> None:
    desk.vault.kept = {
        "whatsapp/app": desk.town.stand_in.app_secret,
        "whatsapp/acmebank": desk.town.stand_in.secret,
    }
    assert command("whatsapp", "acmebank", "--webhook") == 0
    assert "webhook: app and account are subscribed" in capsys.readouterr().out
    assert desk.vault.stored == []


@on("telegram")
def test_another_accounts_credentials_end_with_1_and_subscribe_nothing(
    desk: Desk, command: Callable[..., int], file: str, capsys: Captured, monkeypatch: Patch
) -> None:
    def somebody_else(*_: object, **__: object) -> Identity:
        return Identity(native_id="42", name="@Private")

    monkeypatch.setattr(type(desk.town.connector), "identify", somebody_else)
    assert command("telegram", "acmebank", "--fields", file) == 1
    told = capsys.readouterr()
    assert "of another account" in told.out
    assert (told.err, desk.town.stand_in.asked) == ("", [])


@on("telegram")
def test_a_network_that_refuses_is_told_in_one_line(
    desk: Desk, command: Callable[..., int], file: str, capsys: Captured
) -> None:
    desk.town.stand_in.fail("refused_token")
    assert command("telegram", "acmebank", "--fields", file) == 1
    error = capsys.readouterr().err
    assert error.startswith("allhours: telegram")
    assert error.count("\n") == 1
    assert desk.typed["bot_token"] not in error


@on("telegram")
@pytest.mark.parametrize("raw", [b"no json", b"[1]", b'{"bot_token": 7}', b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_holds_no_fields_says_how_it_looks(
    raw: bytes, command: Callable[..., int], tmp_path: Path, capsys: Captured
) -> None:
    path = tmp_path / "fields.json"
    path.write_bytes(raw)
    assert command("telegram", "acmebank", "--fields", str(path)) == 1
    assert "write a JSON object of texts" in capsys.readouterr().err


@on("telegram")
def test_a_file_that_is_not_there_is_named(command: Callable[..., int], capsys: Captured) -> None:
    assert command("telegram", "acmebank", "--fields", "nowhere.json") == 2
    assert "nowhere.json" in capsys.readouterr().err


@on("telegram")
def test_fields_are_read_from_standard_input(
    desk: Desk, command: Callable[..., int], monkeypatch: Patch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(desk.typed)))
    assert command("telegram", "acmebank", "--fields", "-") == 0


@on("telegram")
def test_without_a_terminal_nobody_is_asked(command: Callable[..., int], capsys: Captured) -> None:
    assert command("telegram", "acmebank") == 1
    assert "give it by --fields FILE" in capsys.readouterr().err


@dataclass
class Terminal(io.StringIO):
    """A terminal on which nothing is read but by getpass."""

    def isatty(self) -> bool:
        return True


@on("facebook")
@pytest.mark.parametrize(("typed", "kept"), [("", "old"), ("-", None), (" new ", "new")])
def test_a_person_keeps_forgets_or_types_what_is_optional(
    typed: str, kept: str | None, desk: Desk, capsys: Captured, monkeypatch: Patch
) -> None:
    answers = {"user_token: ": typed}
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(connect, "getpass", answers.pop)
    question = next(each for each in desk.town.connector.questions if each.field == "user_token")
    told = connect._asked(question, True, print)
    assert told == {"old": None, None: "", "new": "new"}[kept]
    assert not answers
    assert "return keeps what is stored, - forgets it" in capsys.readouterr().out


@on("telegram")
@pytest.mark.parametrize(("ended", "code"), [(EOFError, 1), (KeyboardInterrupt, 130)])
def test_whoever_stops_typing_changes_nothing(
    ended: type[BaseException], code: int, desk: Desk, command: Callable[..., int], monkeypatch: Patch
) -> None:
    def stop(_prompt: str) -> str:
        raise ended

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(connect, "getpass", stop)
    assert command("telegram", "acmebank") == code
    assert desk.vault.stored == []


# Which handle


def test_an_account_that_there_is_not_is_told_with_those_there_are() -> None:
    with pytest.raises(
        BadInput, match="no account 'acme' has a handle on x; on x there are acmebank, acmecards"
    ):
        handle_of(an_organisation(), "x", "acme", "")
    with pytest.raises(BadInput, match="'acmepay' has this handle"):
        handle_of(an_organisation(), "x", "acmepay", "@other")


def test_of_several_handles_one_is_chosen_by_name() -> None:
    bank = an_organisation()
    account = bank.accounts["acmepay"]
    second = replace(account.handles[0], handle="@acmepayhelp", native_id="77")
    bank = replace(
        bank, accounts={**bank.accounts, "acmepay": replace(account, handles=(*account.handles, second))}
    )
    with pytest.raises(BadInput, match="choose by --handle one of '@acmepay', '@acmepayhelp'"):
        handle_of(bank, "x", "acmepay", "")
    assert handle_of(bank, "x", "acmepay", "@acmepayhelp") == second


def test_handles_that_live_by_the_same_secret_are_found() -> None:
    bank = an_organisation()
    one, two = bank.accounts["acmecards"].handles
    same = replace(one, handle="@acmecardshelp")
    account = replace(bank.accounts["acmecards"], handles=(one, two, same))
    bank = replace(bank, accounts={**bank.accounts, "acmecards": account})
    assert sharing(bank, one) == (same,)
    assert sharing(bank, two) == ()
    assert sharing(bank, replace(one, secret="")) == ()


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http"])
def test_what_is_no_port_is_told(port: str, capsys: Captured) -> None:
    assert main(["connect", "x", "acmebank", f"--port={port}"]) == 2
    assert "is no port" in capsys.readouterr().err


def test_a_network_that_is_not_read_any_more_is_not_connected() -> None:
    with pytest.raises(BadInput, match="x is frozen"):
        handle_of(an_organisation(lives={"x": Life.FROZEN}), "x", "acmepay", "")


def test_a_network_that_has_ended_cannot_be_chosen(capsys: Captured) -> None:
    assert main(["connect", "myspace", "acmebank"]) == 2
    assert "myspace" in capsys.readouterr().err


def test_a_handle_can_be_connected_before_its_native_id_is_known(tmp_path: Path) -> None:
    small = ROOT / "tests" / "organisations" / "small.yaml"
    bare = tmp_path / "bank.yaml"
    bare.write_text(small.read_text("utf-8").replace(', native_id: "41"', ""), "utf-8")
    assert "native_id" in str(load([bare], now()).mistakes)
    connecting = load([bare], now(), connecting=True)
    assert connecting.organisation is not None
    assert connecting.organisation.handles_on("x")[0].native_id == ""
