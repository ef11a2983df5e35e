"""The cast: customers of the example bank, invented with all they say, and who posts it at what pace."""

from __future__ import annotations

import json
import random
from collections import deque
from dataclasses import dataclass, field, replace
from itertools import cycle
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from infra.local.town import Town, Venue

SPAM_RULE: Mapping[str, Any] = {
    "id": "spam",
    "ignore": True,
    "words": ["free followers", "double your coins"],
}
"""Laid before the example bank's own rules, so that a run shows what is filtered."""

LADDERS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "fraud_security": (
        {"after": "0s", "notify": "on_shift"},
        {"after": "12s", "notify": "unit_head", "repeat": "12s", "times": 3, "alarm": True},
    )
}
"""Instead of the example bank's own, whose steps are minutes: a run shows how a page climbs."""
ASLEEP_IN = "fraud_security"
"""The unit in which whoever is called first does not wake up."""

PACE_SECONDS = 0.9  # between two posts, on average
BURST_EVERY = 16  # posts
BURST_SECONDS = 0.05
SILENT_SECONDS = 1.0  # between two looks of a cast that has said all


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that somebody does: say, answer, edit, delete.

    `name` lets later lines refer to the post; `on` names the post that is answered, edited or deleted.
    Without an `author` it is the brand that speaks.
    """

    network: str
    account: str
    author: str = ""
    text: str = ""
    private: bool = False
    name: str = ""
    on: str = ""
    do: str = "say"


def _said(network: str, account: str, author: str, text: str, name: str = "", *, on: str = "") -> Line:
    return Line(network=network, account=account, author=author, text=text, name=name, on=on)


def _private(network: str, account: str, author: str, text: str, name: str = "") -> Line:
    return Line(network=network, account=account, author=author, text=text, private=True, name=name)


def _ours(network: str, account: str, text: str, on: str = "", name: str = "") -> Line:
    return Line(network=network, account=account, text=text, on=on, name=name)


def _edited(network: str, account: str, on: str, text: str) -> Line:
    return Line(network=network, account=account, text=text, on=on, do="edit")


def _deleted(network: str, account: str, on: str) -> Line:
    return Line(network=network, account=account, on=on, do="delete")


# Numbers that look real: the schemes' published test cards, the example of the IBAN registry.
CAST: Sequence[Line] = (
    # Cards
    _said(
        "x",
        "acmebank",
        "leela_r",
        "my card was declined at the supermarket with money on it, what is going on?",
    ),
    _said(
        "mastodon",
        "acmebank",
        "marek",
        "The cash machine in Elm Street swallowed my card and nobody answers the phone.",
    ),
    # Early, since whoever is on duty sleeps: this is the page that is to be seen climbing
    _said(
        "x",
        "acmesafe",
        "diana_f",
        "somebody used my card in a town where I have never been, I did not make these payments",
    ),
    # One of every network, so that a short run hears them all
    _said(
        "instagram", "acmecards", "leela_draws", "Where is my new card? I ordered it two weeks ago.", "new"
    ),
    _private("whatsapp", "acmebank", "Amara Obi", "My card is blocked and I am at the airport"),
    _said("threads", "acmebank", "sam.writes", "your app logs me out again and again"),
    _said("reddit", "acmebank", "maria_k", "Card declined abroad twice, is this normal?", "abroad"),
    _said("youtube", "acmebank", "Noor", "The app crashes when I open my statement", "crash"),
    _said("tiktok", "acmebank", "pavel.p", "my app login fails since the update"),
    _private("telegram", "acmebank", "Ben Okoro", "I lost my card on the train, block it please"),
    _said("linkedin", "acmebank", "Ingrid Berg", "The standing order for our salaries did not go out."),
    _said("discourse", "acmebank", "tomas_r", "The app logs me out every five minutes", "minutes"),
    _said("googleplay", "acmeapp", "Kiri T", "Login broken. Since the update I cannot log in.", "play"),
    _said("appstore", "acmeapp", "Dede", "Face ID stopped working and the app is down half of the day"),
    _said(
        "googlebusiness", "acmebank", "Wanda S", "Forty minutes in the queue, and the cash machine was empty."
    ),
    _said(
        "trustpilot",
        "acmebank",
        "Hamid",
        "Charged twice for one transfer, nobody answers the phone.",
        "twice",
    ),
    _said("discourse", "acmebank", "greta_l", "Same here, and support never called back", on="minutes"),
    _said("youtube", "acmebank", "Yara", "Same for me, since Tuesday", on="crash"),
    _said("reddit", "acmebank", "oli_73", "Mine too, in Portugal", on="abroad"),
    _said("instagram", "acmecards", "omar.haddad", "Same here!", on="new"),
    # The same question on three networks
    _said("x", "acmeapp", "hana_k", "Sign-in is stuck since this morning, the fingerprint screen just spins"),
    _said(
        "mastodon", "acmebank", "viktor", "sign-in stuck again since this morning, fingerprint screen spins!"
    ),
    _said(
        "facebook",
        "acmeapp",
        "Lia Moreau",
        "Since this morning sign-in is stuck: the fingerprint screen spins",
    ),
    _private(
        "instagram", "acmebank", "Priya", "I lost my wallet, here is my card 4242 4242 4242 4242, block it"
    ),
    _private("discourse", "acmebank", "maria_ps", "My customer number is in the letter, please have a look"),
    _edited("googleplay", "acmeapp", "play", "Login works again after the second update, thank you."),
    _edited("trustpilot", "acmebank", "twice", "Charged twice for one transfer. They paid it back today."),
    _deleted("reddit", "acmebank", "abroad"),
    _said("x", "acmecards", "tomasz_w", "contactless stopped working this morning, chip is fine", "chip"),
    _said(
        "x",
        "acmecards",
        "nadia_k",
        "same here since the weekend, is there a list of affected cards?",
        on="chip",
    ),
    _said(
        "bluesky",
        "acmecards",
        "jun.bsky.social",
        "How do I set a new PIN from abroad? I am in Osaka until Friday.",
    ),
    _said(
        "facebook", "acmecards", "Bruno Reis", "Is cashback still paid on the old credit card?", "cashback"
    ),
    _said("facebook", "acmecards", "Wei Chen", "They told me no, only on the new one.", on="cashback"),
    _said(
        "facebook", "acmecards", "Bruno Reis", "Thanks. And how do I change to the new one?", on="cashback"
    ),
    _private(
        "x", "acmecards", "olu_ade", "Hi, my card is 4111 1111 1111 1111, why was it declined twice today?"
    ),
    _said(
        "mastodon",
        "acmecards",
        "sofia@tooth.example",
        "La tarjeta nueva no ha llegado todavía, ¿cuánto tarda?",
    ),
    _said("x", "acmebank", "pierre_l", "Ma carte ne marche plus à l'étranger, que faire ?"),
    _said("bluesky", "acmebank", "greta.bsky.social", "Apple Pay refuses my debit card since the update."),
    # Payments
    _said(
        "x", "acmepay", "hannah_b", "I sent a transfer on Monday and it never arrived. Reference ACME-2291."
    ),
    _said(
        "facebook", "acmepay", "Igor Petrenko", "Mein Dauerauftrag wurde zweimal ausgeführt, bitte um Hilfe."
    ),
    _private(
        "facebook",
        "acmepay",
        "Carla Mendes",
        "The payment went to DE89 3704 0044 0532 0130 00 by mistake, can you recall it?",
    ),
    _said("mastodon", "acmebank", "yuki", "standing order left twice this month, payee got it once"),
    _said("x", "acmebank", "ahmed_s", "salary not in my account yet, my colleague has hers", "salary"),
    _said("x", "acmebank", "rita_o", "mine neither, and rent is due today", on="salary"),
    _said("x", "acmebank", "ahmed_s", "it just came in, thank you!", on="salary"),
    _said(
        "bluesky", "acmebank", "milan.bsky.social", "What exchange rate do you use for a transfer in zloty?"
    ),
    _said(
        "feeds",
        "acmebank",
        "Dorothy",
        "Wire to Canada: which routing number do I give them? Acme Bank's page is no help.",
    ),
    # The app
    _said("x", "acmeapp", "katja_m", "app is down again? just spins after the fingerprint", "down"),
    _said("x", "acmeapp", "ben_11", "down for me too, Leeds", on="down"),
    _said("x", "acmeapp", "sana_q", "works on the website, not on the phone", on="down"),
    _said("bluesky", "acmeapp", "theo.bsky.social", "Is your app down or is it my phone?"),
    _said("mastodon", "acmebank", "ilse", "online banking is down, error 503 on every page"),
    _said(
        "facebook",
        "acmeapp",
        "Marta Nowak",
        "I cannot log in since the update, it asks for a verification code that never comes.",
        "code",
    ),
    _ours("facebook", "acmeapp", "We are looking into it, Marta.", on="code"),
    _said("facebook", "acmeapp", "Marta Nowak", "Still nothing, two hours later.", on="code"),
    _private(
        "mastodon",
        "acmebank",
        "amina",
        "locked out after changing my phone, mail me at amina.o@mailbox.example please",
    ),
    _said("x", "acmebank", "luis_v", "la app no me deja entrar desde ayer"),
    # Fraud, theft, distress
    _said(
        "x",
        "acmebank",
        "george_h",
        "someone took my phone and my banking app is on it, block my account please",
    ),
    _said(
        "mastodon", "acmesafe", "ravi", "Got a text that claims to be you and asks for my passcode. #acmescam"
    ),
    _said(
        "bluesky", "acmesafe", "elif.bsky.social", "Is acme-verify.example yours? Looks like phishing to me."
    ),
    _private(
        "facebook",
        "acmesafe",
        "Helen Moss",
        "I was scammed, 900 gone. Card 5555 5555 5555 4444, phone +44 20 7946 0958. Please call.",
    ),
    _said(
        "facebook", "acmebank", "Paulo Lima", "Me han robado la cartera en el metro con la tarjeta dentro."
    ),
    _private(
        "x", "acmebank", "quiet_one", "I cannot feed my kids this week because of your fees, I am desperate."
    ),
    # Accounts
    _said("x", "acmesavings", "fiona_t", "interest rate on the instant saver fell again?"),
    _said(
        "facebook",
        "acmesavings",
        "Anton Vogel",
        "How do I close my account and move the balance to my wife's?",
    ),
    _said("facebook", "acmesavings", "Rosa Iglesias", "¿Puedo abrir una cuenta sin ir a la sucursal?"),
    _said(
        "mastodon", "acmebank", "noor", "Where do I find last year's statements? The tax office wants them."
    ),
    _said(
        "bluesky", "acmebank", "claude.bsky.social", "Mon compte affiche un solde négatif depuis ce matin."
    ),
    _said("feeds", "acmebank", "Winston", "Overdraft fees compared: acme bank against the others"),
    # Loans and mortgages
    _said("x", "acmehomes", "priya_n", "is a mortgage offer still good for six months?"),
    _said("facebook", "acmehomes", "Jack Doyle", "My loan repayment was taken twice. Reference 2024-118."),
    _said("mastodon", "acmebank", "matteo", "Car finance: can I pay the rest off early without a fee?"),
    # Insurance
    _said("facebook", "acmecover", "Tessa Lind", "Does my travel insurance cover a cancelled flight?"),
    _private(
        "facebook",
        "acmehomes",
        "Lucia Ferro",
        "Necesito hablar de mi hipoteca, mi correo es lucia.f@correo.example",
    ),
    # Care, praise, chatter
    _said("x", "acmebank", "gus_p", "thank you to Marie in the Bath branch, she sorted it in five minutes"),
    _said("bluesky", "acmebank", "bea.bsky.social", "40 minutes on hold. Is there a real person anywhere?"),
    _said("facebook", "acmebank", "Sven Dahl", "Love the new branch in Malmö!"),
    _said("mastodon", "acmebank", "kim@other.example", "great service today, keep it up"),
    _said(
        "feeds",
        "acmebank",
        "Olive",
        "Does anybody know when the Hill Road branch opens? acme bank never says.",
    ),
    _said("feeds", "acmebank", "Rufus", "Best bread in town, as every week: the bakery at the corner."),
    # Edits and deletions
    _said("mastodon", "acmebank", "vera", "my card is stuck in the mahcine", "typo"),
    _edited("mastodon", "acmebank", "typo", "my card is stuck in the machine at Elm Street"),
    _said("facebook", "acmebank", "Nils Berg", "Why do you charge for statements?", "regret"),
    _deleted("facebook", "acmebank", "regret"),
    _said("mastodon", "acmebank", "pat", "wrong bank, sorry!", "oops"),
    _deleted("mastodon", "acmebank", "oops"),
    _said("bluesky", "acmebank", "ines.bsky.social", "Your website shows my old address", "address"),
    _edited(
        "bluesky",
        "acmebank",
        "address",
        "@acmebank.example Your website shows my old address, and so does the app",
    ),
    _said("x", "acmebank", "dev_null", "why is the app asking for my mother's name", "mother"),
    _edited("x", "acmebank", "mother", "@acmebank why is the app asking for my mother's maiden name?"),
    # The bank itself
    _ours("x", "acmebank", "Our branches are closed on Monday.", name="closed"),
    _said("x", "acmebank", "early_bird", "and the cash machines?", on="closed"),
    _ours("facebook", "acmebank", "Meet us at the summer fair.", name="fair"),
    _said("facebook", "acmebank", "Tilda Holm", "Will there be balloons again?", on="fair"),
    # Hostile
    _said(
        "x",
        "acmebank",
        "xx_root_xx",
        "<script>alert('card')</script> & \"quotes\" \\u0000 {{7*7}} ${jndi:ldap://127.0.0.1/a}",
    ),
    _said(
        "mastodon",
        "acmebank",
        "zalgo",
        "h\u0335e\u0336l\u0337p \u202emy payment\u202c is gone \u200b\u200b\u2066now\u2069 \U0001f92f",
    ),
    _said("facebook", "acmebank", "Long Winded", "You never listen. " * 400),
    _said("bluesky", "acmebank", "spam.bsky.social", "free followers! double your coins today"),
    _said("x", "acmebank", "crypto_moon", "double your coins, ask me how"),
)

BURST: Sequence[str] = (
    "app is down",
    "is your app down?",
    "cannot log in, it just spins",
    "anyone else locked out?",
    "website is down too",
    "the app keeps going down",
    "error 503 when I open the app",
    "paying at the till and the app is down, great",
)


@dataclass(slots=True, kw_only=True)
class Performance:
    """The cast at work in a town: lines in order, round after round, in bursts now and then."""

    town: Town
    lines: Sequence[Line]
    once: bool = False
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    _names: dict[str, str] = field(default_factory=dict[str, str])
    _waiting: deque[Line] = field(default_factory=deque[Line])
    _round: int = 0
    _since_burst: int = 0

    def next(self) -> float:
        """Let the next line happen, and return the seconds until the one after it."""
        if not self._waiting and self.once and self._round:
            return SILENT_SECONDS
        if not self._waiting:
            self._round += 1
            self._waiting.extend(self._again(line) for line in self.lines)
            self._names.clear()
        self._do(self._waiting.popleft())
        self._since_burst += 1
        if self._since_burst == BURST_EVERY and not self.once:
            self._waiting.extendleft(self._burst())
        if self._since_burst < BURST_EVERY + len(BURST):
            calm = self._since_burst < BURST_EVERY
            return self.chance.uniform(0.4, 1.6) * PACE_SECONDS if calm else BURST_SECONDS
        self._since_burst = 0
        return PACE_SECONDS

    def _again(self, line: Line) -> Line:
        """Return the line for this round: other people, so other conversations."""
        if self._round == 1 or not line.author:
            return line
        name, dot, host = line.author.partition("@" if "@" in line.author else ".")
        return replace(line, author=f"{name}{self._round}{dot}{host}")

    def _burst(self) -> Iterator[Line]:
        where = cycle(
            [("x", "acmeapp"), ("mastodon", "acmebank"), ("bluesky", "acmeapp"), ("facebook", "acmeapp")]
        )
        for text, (network, account) in zip(BURST, where, strict=False):
            who = f"user{self.chance.randrange(10**6)}{'.bsky.social' if network == 'bluesky' else ''}"
            yield Line(network=network, account=account, author=who, text=text)

    def _do(self, line: Line) -> None:
        venue = self.town.venue(line.network, line.account)
        on = self._names.get(line.on, "")
        if venue is None or (line.on and not on):
            return  # this town has no such place
        if line.do == "edit":
            venue.stand_in.edit(on, line.text)
        elif line.do == "delete":
            venue.stand_in.delete(on)
        elif not line.author:
            self._keep(line, venue.stand_in.brand_says(line.text, reply_to=on))
        else:
            said = self.town.say(venue, line.author, line.text, reply_to=on, private=line.private)
            self._keep(line, said)

    def _keep(self, line: Line, native_id: str) -> None:
        if line.name:
            self._names[line.name] = native_id


def voices(path: Path, town: Town) -> tuple[list[Line], list[str]]:
    """Read `{"text": …, "network"?: …, "author"?: …}` a line; return the good ones and what is wrong."""
    lines: list[Line] = []
    wrong: list[str] = []
    networks = list(dict.fromkeys(venue.handle.network for venue in town.venues))
    turn = cycle(networks)
    for number, written in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if not written.strip():
            continue
        try:
            lines.append(_voice(json.loads(written), turn, town, number))
        except ValueError as error:
            wrong.append(f"{path.name}:{number}: {error}")
    return lines, wrong


def _voice(body: object, turn: Iterator[str], town: Town, number: int) -> Line:
    if not isinstance(body, dict):
        raise ValueError("is not a JSON object")  # noqa: TRY004 - told with the line, as all that is wrong there
    text = body.get("text")
    if not isinstance(text, str) or not text.strip():
        raise ValueError("has no text")
    network = body.get("network") or next(turn)
    venue: Venue | None = town.venue(network) if isinstance(network, str) else None
    if venue is None:
        raise ValueError(f"network {network!r} has no stand-in here")
    author = str(body.get("author") or f"voice{number}")
    return Line(network=network, account=venue.handle.account, author=author, text=text)
