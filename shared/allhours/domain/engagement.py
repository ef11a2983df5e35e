"""Whether we answer at all: must, may or must not, and whether a post is a case, a light thing or nothing.

Rules first: a word list that is hit decides. Praise, thanks and chat leave the lane of cases only where the
model is sure as well, nothing in them is asked, and nothing says otherwise: silence needs a reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from allhours.domain.item import Visibility
from allhours.domain.judgement import AT_NAME, NOBODY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from allhours.domain.judgement import Opinion, Said

MUST, MAY, MUST_NOT = STANCES = ("must", "may", "must_not")
CASE, LIGHT, NONE = LANES = ("case", "light", "none")

_STARS_OF_A_COMPLAINT = 3  # a review with so many stars or fewer is always a case


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is done with posts of one sort; `unit` gets their cases, "" leaves it to the ladder."""

    stance: str
    lane: str = CASE
    unit: str = ""


POLICIES: Mapping[str, Policy] = MappingProxyType(
    {
        "legal_threat": Policy(stance=MUST_NOT),
        "minor": Policy(stance=MUST_NOT),
        "press": Policy(stance=MUST_NOT),
        "staff": Policy(stance=MUST_NOT),
        "troll": Policy(stance=MUST_NOT, lane=NONE),
        "other_brand": Policy(stance=MUST_NOT, lane=NONE),
        "praise": Policy(stance=MAY, lane=LIGHT),
        "thanks": Policy(stance=MAY, lane=LIGHT),
        "chat": Policy(stance=MAY, lane=LIGHT),
    }
)
"""What holds where the organisation file says nothing; looked at in this order."""

_SENSITIVE = ("legal_threat", "minor", "press", "staff")
_UNWANTED = ("troll", "other_brand")
GRATEFUL = ("praise", "thanks")
CHATTER = ("news", "jobs", "promotion", "bank_reply")
BLOCKED = "blocked"
WANTS = (BLOCKED, "wants_person")  # lists of what somebody wants of us
_BUT = frozenset(
    (
        "but",
        "still",
        "however",
        "although",
        "except",
        "please",
        "pls",
        "plz",
        "though",
        "yet",
        "unfortunately",
    )
)
_OPENERS = frozenset(
    (
        *("how", "why", "when", "where", "what", "which", "who", "can", "could", "would", "will", "shall"),
        *("do", "does", "did", "is", "are", "may", "any", "anyone"),
    )
)
_JOINTS = frozenset((".", "and", "so", "also"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Engagement:
    """Which policy holds for a post, what it says, and why in words."""

    policy: str
    stance: str
    lane: str
    reason: str
    unit: str = ""


def engaged(
    said: Said,
    words: Sequence[str],
    hits: Mapping[str, Sequence[str]],
    opinion: Opinion | None,
    policies: Mapping[str, Policy],
    *,
    wanted: bool,
    casual: float,
) -> Engagement | None:
    """Return the policy that holds for a post; None where it is a case that must be answered, as any other.

    `wanted` tells that it cannot wait, or that a rule of the organisation claims it: then it stays a case.
    `casual` is how sure the model must be that it is nobody's business before it opens none.
    """
    heard = wanted or always_heard(said)
    for name in _SENSITIVE:
        if name in hits:
            return _held(name, hits[name], policies, heard=heard)
    for name in _UNWANTED:
        if name in hits and not heard and BLOCKED not in hits and _is_nobodys(said, opinion, name):
            return _held(name, hits[name], policies, heard=False)
    if heard or opinion is None or opinion.odds.get(NOBODY, 0.0) < casual or _asks(said, words, hits):
        return None
    name = next((name for name in GRATEFUL if name in hits), "chat")
    list_hit = next((each for each in (name, *CHATTER) if each in hits), "")
    held = _held(name, hits.get(list_hit, ()), policies, heard=False)
    lane = NONE if held.lane == LIGHT and name == "chat" and not said.to_us else held.lane
    told = f"{held.reason}; {opinion.odds[NOBODY]:.0%} sure that it is nobody's business"
    return Engagement(policy=name, stance=held.stance, lane=lane, reason=told, unit=held.unit)


def always_heard(said: Said) -> bool:
    """Tell what is a case whatever it says: private words, a bad review, a post without words."""
    return (
        said.visibility is Visibility.PRIVATE
        or 0 < said.rating <= _STARS_OF_A_COMPLAINT
        or not any(map(str.isalnum, AT_NAME.sub("", said.text)))
    )


def _held(name: str, found: Sequence[str], policies: Mapping[str, Policy], *, heard: bool) -> Engagement:
    policy = policies.get(name, POLICIES[name])
    lane = CASE if heard else policy.lane
    reason = name + "".join(f", “{each}”" for each in found)
    if policy.stance == MUST_NOT and lane == CASE:
        reason += f": nobody but {policy.unit or 'a person of the unit'} answers"
    return Engagement(policy=name, stance=policy.stance, lane=lane, reason=reason, unit=policy.unit)


def _is_nobodys(said: Said, opinion: Opinion | None, name: str) -> bool:
    """Tell whether a rude post, or one that names another brand, is not a customer's all the same."""
    if opinion is None:
        return name == "troll" or not said.to_us
    return max(opinion.odds, key=lambda topic: opinion.odds[topic], default=NOBODY) == NOBODY


def _asks(said: Said, words: Sequence[str], hits: Mapping[str, Sequence[str]]) -> bool:
    """Tell whether something is wanted: who thanks and asks is a customer with a question."""
    if any(name in hits for name in WANTS):
        return True
    if not any(name in hits for name in GRATEFUL):
        return False
    asked = any(
        word in _OPENERS and before in _JOINTS for before, word in zip((".", *words), words, strict=False)
    )
    return asked or "?" in said.text or not _BUT.isdisjoint(words)


def policy_to_json(policy: Policy) -> dict[str, Any]:
    """Return a policy as the compiled organisation keeps it."""
    return {"stance": policy.stance, "lane": policy.lane, "unit": policy.unit}
