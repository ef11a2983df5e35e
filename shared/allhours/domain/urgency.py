"""What cannot wait: the kinds of urgency, the words that tell them, and what a kind asks of us."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SELF_HARM = "self_harm"
JUDGED = "judged"  # the model alone said so
RULED = "rule"  # a rule of the organisation with priority 1 said so
COMPANY_DUTY = "company_duty"


@dataclass(frozen=True, slots=True, kw_only=True)
class UrgentKind:
    """What one kind of urgency asks: a `unit` ("" leaves it to the ladder), a first answer `answer_within`.

    `answer_within` is in seconds from the post that said so; 0 promises no more than the service level.
    `protocol` is what whoever answers has to keep to; `page` names whom a page calls at once: whoever is on
    shift always, and company_duty beside them.
    """

    unit: str = ""
    answer_within: int = 0
    protocol: str = ""
    page: tuple[str, ...] = ("on_shift",)


_PROTOCOL = (
    "A person answers, now, warmly and in plain words: no template, no product, no link to a form. "
    "Ask whether they are safe. If life is in danger, tell the emergency services and the network's own help."
)
KINDS: Mapping[str, tuple[str, UrgentKind]] = MappingProxyType(
    {
        SELF_HARM: (
            "customer_care",
            UrgentKind(answer_within=300, protocol=_PROTOCOL, page=("on_shift", COMPANY_DUTY)),
        ),
        "draining": ("fraud_security", UrgentKind(answer_within=300)),
        "theft": ("fraud_security", UrgentKind(answer_within=600)),
        "fraud": ("fraud_security", UrgentKind(answer_within=600)),
        "loss": ("fraud_security", UrgentKind(answer_within=600)),
        "outage": ("online_banking", UrgentKind(answer_within=900)),
        "distress": ("", UrgentKind(answer_within=900)),
    }
)
"""Every kind, the gravest first: the topic whose unit gets it, and what holds where the file says nothing."""

NO_KINDS: Mapping[str, UrgentKind] = MappingProxyType({kind: usual for kind, (_, usual) in KINDS.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Urgent:
    """That a post cannot wait: its kind, the words that say so, and what the kind asks."""

    kind: str
    words: tuple[str, ...] = ()
    asks: UrgentKind = UrgentKind()

    @property
    def because(self) -> str:
        """Return the reason in words."""
        if self.kind == RULED:
            return self.words[0]
        said = ", ".join(f"“{each}”" for each in self.words)
        return f"{named(self.kind)}, {said}" if said else "the model judges that it cannot wait"

    @property
    def is_self_harm(self) -> bool:
        """Tell whether a life may be in danger: no automatic answer, ever, and a person at once."""
        return self.kind == SELF_HARM

    def to_json(self) -> dict[str, Any]:
        """Return what an event tells of it."""
        told: dict[str, Any] = {"kind": self.kind}
        if self.words:
            told["words"] = list(self.words)
        if self.asks.protocol:
            told["protocol"] = self.asks.protocol
        return told


def told_by_words(hits: Mapping[str, Sequence[str]], asked: Mapping[str, UrgentKind]) -> Urgent | None:
    """Return the gravest kind whose list was hit; None when none was."""
    kind = next((kind for kind in KINDS if kind in hits), None)
    if kind is None:
        return None
    return Urgent(kind=kind, words=tuple(hits[kind]), asks=asked.get(kind, KINDS[kind][1]))


def gravest(one: str, other: str) -> str:
    """Return the graver of two kinds; those that no word list tells (`judged`, `rule`) are none."""
    return next((kind for kind in KINDS if kind in {one, other}), "")


def named(kind: str) -> str:
    """Name a kind for people."""
    return kind.replace("_", "-") if kind == SELF_HARM else kind


def kind_to_json(kind: UrgentKind) -> dict[str, Any]:
    """Return a kind as the compiled organisation keeps it."""
    return {
        "unit": kind.unit,
        "answer_within": kind.answer_within,
        "protocol": kind.protocol,
        "page": list(kind.page),
    }


def kind_from_json(body: Mapping[str, Any]) -> UrgentKind:
    """Return the kind that `kind_to_json` wrote."""
    return UrgentKind(
        unit=body["unit"],
        answer_within=body["answer_within"],
        protocol=body["protocol"],
        page=tuple(body["page"]),
    )
