from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from icalendar import Calendar

from allhours.domain.calendar import (
    calendar_of_member,
    calendar_of_unit,
    calendar_of_units,
    rota_of,
    stints,
)
from allhours.domain.changes import Change
from allhours.domain.errors import BadInput
from allhours.domain.people import Leave
from tests.builders import NOON, an_organisation

MONDAY = int(datetime(2027, 3, 15, tzinfo=UTC).timestamp())
HOUR, DAY = 3_600, 86_400
WEEK = (MONDAY, MONDAY + 7 * DAY)


def read(text: str) -> list[dict[str, Any]]:
    """Let a calendar program read it: each event's properties by name."""
    (calendar,) = Calendar.from_ical(text, multiple=True)
    assert not calendar.errors
    events = calendar.walk("VEVENT")
    assert not any(event.errors for event in events)
    return [
        {
            "from": event.decoded("DTSTART"),
            "until": event.decoded("DTEND"),
            **{name.lower(): str(event[name]) for name in ("UID", "SUMMARY", "DESCRIPTION", "TRANSP")},
            "sequence": int(str(event["SEQUENCE"])),
        }
        for event in events
    ]


def a_change(**changes: Any) -> Change:
    usual: dict[str, Any] = {
        "change_id": "c-1",
        "kind": "override",
        "unit": "fraud",
        "start": MONDAY + 9 * HOUR,
        "end": MONDAY + 12 * HOUR,
        "by": "petra",
        "made_at": MONDAY - DAY,
        "remove": "ana",
        "add": "ben",
        "reason": "dentist",
    }
    return Change(**(usual | changes))


def test_a_members_calendar_holds_their_duties_in_all_units_and_nobody_elses() -> None:
    events = read(calendar_of_member(an_organisation(), "ana", *WEEK, NOON))
    assert {event["summary"] for event in events} >= {"Cards (london)", "Fraud (london)"}
    fraud = [event for event in events if event["summary"] == "Fraud (london)"]
    assert [event["from"].hour for event in fraud] == [8] * 7  # the week is hers
    assert all(event["until"] - event["from"] == timedelta(hours=8) for event in fraud)
    after = (WEEK[1], WEEK[1] + 7 * DAY)
    assert not [
        e for e in read(calendar_of_member(an_organisation(), "ana", *after, NOON)) if "Fraud" in e["summary"]
    ]


def test_a_calendar_moves_with_changes_and_says_who_made_them() -> None:
    organisation = an_organisation(changes=(a_change(),))
    ben = [e for e in read(calendar_of_member(organisation, "ben", *WEEK, NOON)) if "Fraud" in e["summary"]]
    assert [(e["from"].hour, e["until"].hour) for e in ben] == [(9, 12)]
    assert ben[0]["description"].startswith("override by petra (dentist)")
    ana = [e for e in read(calendar_of_member(organisation, "ana", *WEEK, NOON)) if "Fraud" in e["summary"]]
    assert [(e["from"].hour, e["until"].hour) for e in ana[:3]] == [(8, 9), (12, 16), (8, 16)]


def test_why_somebody_stands_in_is_in_no_calendar_but_their_own() -> None:
    organisation = an_organisation(changes=(a_change(reason="Ana is sick"),))
    unit = calendar_of_unit(organisation, "fraud", *WEEK, NOON)
    assert "override by petra" in unit
    assert "sick" not in unit + calendar_of_units(organisation, ("cards", "fraud"), *WEEK, NOON)
    assert "Ana is sick" in calendar_of_member(organisation, "ben", *WEEK, NOON)


def test_who_is_on_leave_has_no_duty() -> None:
    organisation = an_organisation()
    ana = replace(organisation.members["ana"], leave=(Leave(start=WEEK[0], end=WEEK[1] + DAY),))
    organisation = replace(organisation, members={**organisation.members, "ana": ana})
    assert read(calendar_of_member(organisation, "ana", *WEEK, NOON)) == []


def test_a_change_that_was_only_proposed_moves_nothing() -> None:
    proposed = an_organisation(changes=(a_change(state="proposed"),))
    assert calendar_of_unit(proposed, "fraud", *WEEK, NOON) == calendar_of_unit(
        an_organisation(), "fraud", *WEEK, NOON
    )


def test_a_units_calendar_names_who_is_there_and_where_nobody_is() -> None:
    events = read(calendar_of_unit(an_organisation(), "fraud", MONDAY, MONDAY + DAY, NOON))
    monday = [(e["from"].hour, e["summary"]) for e in events if e["from"].day == 15]
    assert monday == [(8, "Fraud: Ana (london)"), (16, "Fraud: NOBODY")]
    assert {e["transp"] for e in events} == {"TRANSPARENT"}


def test_the_calendar_of_ones_own_duty_makes_one_busy() -> None:
    assert {e["transp"] for e in read(calendar_of_member(an_organisation(), "ana", *WEEK, NOON))} == {
        "OPAQUE"
    }


def test_a_duty_keeps_its_uid_and_hours_whatever_window_is_asked_for() -> None:
    whole = {
        e["uid"]: (e["from"], e["until"])
        for e in read(calendar_of_unit(an_organisation(), "fraud", *WEEK, NOON))
    }
    assert len(whole) == 15  # seven shifts, eight gaps around them
    middle = (MONDAY + 2 * DAY + 9 * HOUR, MONDAY + 4 * DAY + 17 * HOUR)  # both in the midst of something
    part = {
        e["uid"]: (e["from"], e["until"])
        for e in read(calendar_of_unit(an_organisation(), "fraud", *middle, NOON))
    }
    assert part
    assert part.items() <= whole.items()


def test_a_later_calendar_outranks_an_earlier_one_also_when_a_change_was_taken_back() -> None:
    changed = read(calendar_of_unit(an_organisation(changes=(a_change(),)), "fraud", *WEEK, NOON))
    later = read(calendar_of_unit(an_organisation(), "fraud", *WEEK, NOON + timedelta(hours=1)))
    assert later[0]["uid"] == changed[0]["uid"]
    assert max(e["sequence"] for e in changed) < min(e["sequence"] for e in later) < 2**31


def test_the_calendar_has_a_name_and_says_how_often_to_look_again() -> None:
    text = calendar_of_units(an_organisation(), ("cards", "fraud"), *WEEK, NOON)
    (calendar,) = Calendar.from_ical(text, multiple=True)
    assert str(calendar["NAME"]) == str(calendar["X-WR-CALNAME"]) == "Cards + Fraud: rota of Acme Bank"
    assert calendar.decoded("REFRESH-INTERVAL") == timedelta(hours=1)
    assert "X-PUBLISHED-TTL:PT1H" in text


def test_no_word_of_a_person_can_add_a_line_to_a_calendar() -> None:
    title = "Cards; loans, \\ and\r\nBEGIN:VALARM\u2028X \N{GRINNING FACE}" + "é" * 80
    organisation = an_organisation()
    cards = replace(organisation.units["cards"], title=title)
    organisation = replace(organisation, units={"cards": cards})
    text = calendar_of_unit(organisation, "cards", *WEEK, NOON)
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    assert text.count("\n") == text.count("\r\n")
    assert r"SUMMARY:Cards\; loans\, \\ and  BEGIN:VALARM" in text.replace("\r\n ", "")
    shown = title.replace("\r\n", "  ").replace("\u2028", " ")
    assert {e["summary"] for e in read(text)} == {f"{shown}: Ana (london)"}


def test_a_part_of_a_duty_that_a_change_covers_is_shown_once() -> None:
    stays_longer = a_change(remove="", add="ana", start=MONDAY + 12 * HOUR, end=MONDAY + 18 * HOUR)
    rota = rota_of(an_organisation(changes=(stays_longer,)), "fraud", MONDAY, MONDAY + DAY)
    hours = [((one.start - MONDAY) // HOUR, (one.end - MONDAY) // HOUR) for one in stints(rota)]
    assert hours == [(8, 12), (12, 18)]


def test_somebody_unknown_is_told_with_those_there_are() -> None:
    with pytest.raises(BadInput, match="no member is called 'zoe'; there are ana, ben"):
        calendar_of_member(an_organisation(), "zoe", *WEEK, NOON)
    with pytest.raises(BadInput, match="no unit is called 'loans'; there are cards"):
        calendar_of_unit(an_organisation(), "loans", *WEEK, NOON)
