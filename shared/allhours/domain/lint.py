"""What an answer must not say, told before it goes out: each finding with its place and what to do about it.

It asks nobody anything and forgets what it read; a message never repeats what was written. `block` keeps an
answer in, `warn` asks whoever approves it; which it is, the unit's `linting` says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, Protocol

from allhours.domain.outgoing import findings
from allhours.domain.word_lists import WordLists, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from allhours.domain.organisation import Organisation
    from allhours.domain.voice import Linting, Ruling

Kind = Literal[
    "personal_data", "promises", "forbidden", "links", "shorteners", "length", "capitals", "relationship"
]

_SHORTENERS = (
    "bit.ly bitly.com buff.ly cutt.ly dlvr.it goo.gl is.gd lnkd.in ow.ly rb.gy rebrand.ly s.id"
    " shorturl.at t.co t.ly tiny.cc tiny.one tinyurl.com trib.al tny.im urlz.fr v.gd wa.link x.gd"
    " youtu.be"
)
SHORTENERS = frozenset(_SHORTENERS.split())
"""Hosts that hide where they lead: a customer cannot tell ours from a thief's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to mend in a draft, from `start` to before `end`; `ruling` is block or warn."""

    kind: Kind
    ruling: Ruling
    message: str
    start: int
    end: int


class Measured(Protocol):
    """How long a text is by one of a network's measures (`Length` of the networks)."""

    @property
    def used(self) -> int: ...  # noqa: D102 - the field of that name
    @property
    def allowed(self) -> int: ...  # noqa: D102
    @property
    def unit(self) -> str: ...  # noqa: D102
    @property
    def least(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """What a draft is held against: our own sites, our published contacts, the word lists for drafts."""

    domains: tuple[str, ...] = ()
    published: tuple[str, ...] = ()
    lists: WordLists

    @classmethod
    def of(cls, organisation: Organisation) -> Ours:
        """Return an organisation's; made once and kept, for it files every phrase."""
        return cls(
            domains=tuple(domain.casefold() for domain in organisation.domains),
            published=organisation.published,
            lists=WordLists(organisation.draft_lists),
        )


def lint(
    text: str,
    *,
    linting: Linting,
    ours: Ours,
    private: bool,
    first_public_line: bool = False,
    lengths: Sequence[Measured] = (),
) -> tuple[Finding, ...]:
    """Return what is to be mended in a draft, in the order of the text.

    `private` says that only its receiver reads it; a `first_public_line`, which asks somebody to write in
    private, is read by everybody whatever goes with it. Personal data never go out in public, whatever the
    unit says: its ruling counts for private answers. `lengths` are those of the text as it is sent.
    """
    public = first_public_line or not private
    rulings: Mapping[str, Ruling] = {
        "personal_data": "block" if public else linting.personal_data,
        "promises": linting.promises,
        "forbidden": linting.forbidden,
        "links": linting.links,
        "shorteners": linting.shorteners,
        "length": linting.length,
        "capitals": linting.capitals,
        "relationship": linting.relationship if public else "off",
    }
    found: list[tuple[Kind, str, int, int]] = [
        ("personal_data", each.advice, each.start, each.end)
        for each in findings(text, published=ours.published)
    ]
    found += _phrases(text, ours.lists, linting.phrases)
    found += _links(text, ours.domains, shorteners=linting.shorteners != "off")
    found += _lengths(text, lengths)
    found += _shouting(text)
    return tuple(
        Finding(kind=kind, ruling=rulings[kind], message=message, start=start, end=end)
        for kind, message, start, end in sorted(found, key=lambda each: (each[2], each[3], each[0]))
        if rulings[kind] != "off"
    )


# Phrases

_SAY_INSTEAD: Mapping[str, tuple[Kind, str]] = {
    "promises": (
        "promises",
        "this promises what the desk alone cannot keep: say what you do now, and leave outcome and time open",
    ),
    "forbidden": ("forbidden", "we do not say this: put it in other words, or leave it out"),
    "relationship": (
        "relationship",
        "this tells everybody that somebody is a customer: leave it out, and go on in private",
    ),
}
_DENIES = frozenset("never not no cannot cant dont doesnt wont nobody without neither nor".split())  # noqa: SIM905
_REACH = 5  # words before a phrase in which it may be denied: "we never ask you to share your PIN"
_PAUSE = re.compile(r"[.,;:!?\n]")
_WRITTEN_WORD = re.compile(r"[\w'\u2019\u02bc\u2018`]+|[.!?]+(?=\s|\Z)|\n+")


def _phrases(text: str, lists: WordLists, own: tuple[str, ...]) -> Iterator[tuple[Kind, str, int, int]]:
    words = words_of(text)
    hits = lists.hits(words)
    if own:
        hits["forbidden"] = [*hits.get("forbidden", ()), *_filed(own).hits(words).get("forbidden", ())]
    places = _places(text) if hits else ()
    for name, phrases in hits.items():
        kind, message = _SAY_INSTEAD[name]
        for phrase in dict.fromkeys(phrases):
            for at, end in _found(phrase.split(" "), places):
                if kind == "relationship" or not _denied(text, places, at):
                    yield kind, message, places[at][1], end


@lru_cache(maxsize=256)  # units, and a few revisions of them
def _filed(phrases: tuple[str, ...]) -> WordLists:
    return WordLists({"forbidden": phrases})


def _places(text: str) -> Sequence[tuple[str, int, int]]:
    """Return each folded word with where it stands in the text as it was written."""
    return [
        (word, match.start(), match.end())
        for match in _WRITTEN_WORD.finditer(text)
        for word in words_of(match.group())
    ]


def _found(phrase: Sequence[str], places: Sequence[tuple[str, int, int]]) -> Iterator[tuple[int, int]]:
    """Yield which place a phrase begins at, and where it ends in the text."""
    size = len(phrase)
    for at, (word, _, _) in enumerate(places):
        if word == phrase[0] and [each for each, _, _ in places[at : at + size]] == phrase:
            yield at, places[at + size - 1][2]


def _denied(text: str, places: Sequence[tuple[str, int, int]], at: int) -> bool:
    """Tell whether a phrase is said only to say no to it, without a pause in between."""
    start = places[at][1]
    return any(
        word in _DENIES and not _PAUSE.search(text, end, start)
        for word, _, end in places[max(0, at - _REACH) : at]
    )


# Links

_GENERIC = (
    "app bank biz blog chat cloud club co com dev edu email example finance fund gov help info int io"
    " link live loan loans money name net news online org page pay pro shop site social space store"
    " support team tech top vip website wiki world xyz zone"
)
_COUNTRIES = (
    "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw"
    " by bz ca cc cd cf cg ch ci ck cl cm cn cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu"
    " fi fj fk fm fo fr ga gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il"
    " im in iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma"
    " mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz"
    " om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sk sl sm sn"
    " so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc"
    " ve vg vi vn vu wf ws ye yt za zm zw"
)
_LAST_LABEL = "|".join(f"{_GENERIC} {_COUNTRIES}".split())
_LINK = re.compile(
    rf"""https?:[/\\]+[^\s<>"]+  # with a scheme, in any spelling that browsers take
    | (?<![\w@./\\-]) (?:[^\W_][\w-]*\.)+ (?:{_LAST_LABEL})(?![\w@-]) (?:[/?\#:][^\s<>"]*)?  # without one
    """,
    re.IGNORECASE | re.VERBOSE,
)
_SCHEME = re.compile(r"https?:[/\\]+", re.IGNORECASE)
_ENDS_HOST = re.compile(r"[/\\?#]")
_TRAILING = ".,;:!?)]}'\"\u2019\u201d"
_HIDDEN = "a short link hides where it leads: write the whole address of our page"
_NOT_OURS = "this link leads out of our own sites: link a page of ours, or leave it out"


def _links(text: str, domains: tuple[str, ...], *, shorteners: bool) -> Iterator[tuple[Kind, str, int, int]]:
    if "." not in text and "://" not in text:
        return
    for match in _LINK.finditer(text):
        link = match.group().rstrip(_TRAILING)
        host = host_of(link)
        start, end = match.start(), match.start() + len(link)
        if shorteners and host in SHORTENERS:
            yield "shorteners", _HIDDEN, start, end
        elif not is_within(host, domains):
            yield "links", _NOT_OURS, start, end


def host_of(link: str) -> str:
    r"""Return the host that a browser would ask, also where `user@`, a port or a `\` is to mislead."""
    authority = _ENDS_HOST.split(_SCHEME.sub("", link, count=1), maxsplit=1)[0]
    return authority.rpartition("@")[2].partition(":")[0].rstrip(".").casefold().removeprefix("www.")


def is_within(host: str, domains: Sequence[str]) -> bool:
    """Tell whether a host is one of the domains or below one."""
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)


# Length and tone

_LONG_WORD = re.compile(r"[^\W\d_]{4,}")  # a shorter one in capitals is a name: PIN, CVV, APR
_LONG_ENOUGH = 12  # letters in long words; fewer are no tone
_LOUD = 2  # long words in capitals; a single one is a name, or stressed
_MARKS = re.compile(r"!{4,}")


def _lengths(text: str, lengths: Sequence[Measured]) -> Iterator[tuple[Kind, str, int, int]]:
    for length in lengths:
        told = f"{length.used} of {length.allowed} {length.unit}"
        if length.used > length.allowed:
            yield "length", f"{told}: shorten it by {length.used - length.allowed}", 0, len(text)
        elif length.used < length.least:
            yield "length", f"{told}: the network takes {length.least} at least, write more", 0, len(text)


def _shouting(text: str) -> Iterator[tuple[Kind, str, int, int]]:
    if match := _MARKS.search(text):
        yield "capitals", "so many exclamation marks shout: one is enough", match.start(), match.end()
    words = _LONG_WORD.findall(text)
    letters = "".join(words)
    capitals = sum(map(str.isupper, letters))
    loud = sum(map(str.isupper, words))
    if loud >= _LOUD and len(letters) >= _LONG_ENOUGH and 2 * capitals > len(letters):
        yield "capitals", "capitals shout: write it in lower case", 0, len(text)
