"""How we answer, as the functions get it: each unit's own over what the file says for all."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from allhours.domain.lint import host_of
from allhours.domain.voice import Approval, Linting, Persona, System, Voice, Webhook, Withdrawn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MOST_LETTERS = 2


def voice(unit: Mapping[str, Any], body: Mapping[str, Any]) -> Voice:
    """Return how a unit speaks; what it does not say, the top of the file does."""
    said = {**body.get("voice", {}), **unit.get("voice", {})}
    if "personas" in said:
        said["personas"] = tuple(Persona(**persona) for persona in said["personas"])
    if "invitation" in said:
        said["invitation"] = MappingProxyType(dict(said["invitation"]))
    return Voice(**said)


def linting(unit: Mapping[str, Any], body: Mapping[str, Any]) -> Linting:
    """Return what the linter does for a unit; its phrases are forbidden beside those of all."""
    both = (body.get("linting", {}), unit.get("linting", {}))
    phrases = (phrase for each in both for phrase in each.get("phrases", ()))
    return Linting(**{**both[0], **both[1], "phrases": tuple(dict.fromkeys(phrases))})


def approval(unit: Mapping[str, Any], body: Mapping[str, Any]) -> Approval:
    """Return who has to agree in a unit; kinds that it does not name are as for all."""
    own, usual = unit.get("approval", {}), body.get("approval", {})
    return Approval(
        usual=own.get("usual", usual.get("usual", "none")),
        by_kind=MappingProxyType({**usual.get("by_kind", {}), **own.get("by_kind", {})}),
    )


def people(unit: Mapping[str, Any]) -> frozenset[str]:
    """Return everybody who may answer for a unit: its desks, rotations, leads and head."""
    named = [member for desk in unit["desks"].values() for member in desk.get("members", ())]
    turns = [member for shift in unit["shifts"] for member in shift.get("rotation", {}).get("members", ())]
    return frozenset((*named, *turns, *unit.get("leads", ()), *filter(None, (unit.get("head"),))))


def initials(body: Mapping[str, Any]) -> dict[str, str]:
    """Return everybody's initials: as written, or made of the name so that no two in a unit are the same."""
    found = {name: each["initials"] for name, each in body["members"].items() if "initials" in each}
    teams = [people(unit) for unit in body["units"].values()]
    for name, each in body["members"].items():
        if name not in found:
            beside = {other for team in teams if name in team for other in team}
            taken = {found[other].casefold() for other in beside if other in found}
            found[name] = next(made for made in _initials(each["name"]) if made.casefold() not in taken)
    return found


def _initials(name: str) -> Iterator[str]:
    """Yield initials for a name, the most natural first; there is always another."""
    words = ["".join(filter(str.isalpha, word)).upper() for word in name.split()]
    words = [word for word in words if word] or ["X"]
    if len(words) > 1:
        yield words[0][0] + words[-1][0]
    letters = "".join(words)
    yield letters[:_MOST_LETTERS]
    yield from (letters[0] + letter for letter in letters[_MOST_LETTERS:])
    yield from (f"{letters[0]}{number}" for number in range(2, 10_000))


def domains(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return our own sites: those that the file names, or the hosts of its answer cards."""
    cards = (host_of(card["url"]) for card in body.get("answers", {}).values())
    return tuple(body.get("domains", dict.fromkeys(cards)))


def systems(body: Mapping[str, Any]) -> Mapping[str, System]:
    """Return the systems that write through the API, by id."""
    return MappingProxyType(
        {
            name: System(
                system_id=name,
                sign_in=each["sign_in"],
                units=tuple(each["units"]),
                case_url=each.get("case_url", ""),
            )
            for name, each in body.get("systems", {}).items()
        }
    )


def webhooks(body: Mapping[str, Any]) -> tuple[Webhook, ...]:
    """Return where other systems are told of events."""
    return tuple(
        Webhook(
            webhook_id=each["id"],
            url=each["url"],
            secret=each.get("secret", f"webhooks/{each['id']}"),
            units=tuple(each.get("units", ())),
            events=tuple(each.get("events", ())),
        )
        for each in body.get("webhooks", ())
    )


def withdrawn(body: Mapping[str, Any]) -> tuple[Withdrawn, ...]:
    """Return the handles that were ours."""
    return tuple(Withdrawn(**each) for each in body.get("withdrawn", ()))
