"""The shape of the organisation file as JSON Schema; `docs/organisation.schema.json` is this, for editors.

`errorMessage` holds the mend for a value of the wrong shape, `x-noun` what the keys of a mapping name.
Editors show the first and skip the second.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from allhours.domain.life import Life
from allhours.networks import NETWORKS, RETIRED

Schema = dict[str, Any]

_END = r"(?![\s\S])"  # the end of the text, for editors as well; `$` would let a line break follow
_ONE_LINE = r"^(?![\s\S]*[\x00-\x1f\x7f-\x9f\u2028\u2029])[\s\S]*\S"

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _text(description: str, **more: object) -> Schema:
    return {
        "type": "string",
        "pattern": _ONE_LINE,
        "errorMessage": "must not be blank, and must be one line without control characters",
        "maxLength": 1000,
        "description": description,
        **more,
    }


def _shaped(description: str, pattern: str, mend: str, **more: object) -> Schema:
    whole = pattern.removesuffix("$") + _END
    return {"type": "string", "pattern": whole, "errorMessage": mend, "description": description, **more}


def _id(description: str) -> Schema:
    mend = "an id is lower-case letters, digits, - and _, begins with a letter and has at most 40"
    return _shaped(description, r"^[a-z][a-z0-9_-]{0,39}$", mend)


def _duration(description: str, **more: object) -> Schema:
    return _shaped(description, r"^\d{1,5}[smhd]$", 'write a length as "30s", "30m", "6h" or "90d"', **more)


def _whole(description: str, least: int, most: int, **more: object) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most, "description": description, **more}


def _date(description: str) -> Schema:
    return _shaped(description, r"^\d{4}-\d{2}-\d{2}$", "write a date as 2027-01-31")


def _instant(description: str) -> Schema:
    mend = 'write an instant with its offset, as "2027-01-31T09:00Z"'
    return _shaped(description, r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})$", mend)


def _date_or_instant(description: str) -> Schema:
    pattern = r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2}))?$"
    mend = 'write a date as 2027-01-31, or an instant with its offset, as "2027-01-31T09:00Z"'
    return _shaped(description, pattern, mend)


def _clock(description: str, *, end: bool = False) -> Schema:
    pattern = r"^(([01]\d|2[0-3]):[0-5]\d" + ("|24:00" if end else "") + ")$"
    last = '"24:00"' if end else '"23:59"'
    return _shaped(description, pattern, f'write a clock time as "09:00", from "00:00" to {last}, in quotes')


def _list(items: Schema, description: str, **more: object) -> Schema:
    return {"type": "array", "items": items, "description": description, "maxItems": 1000, **more}


def _object(description: str, properties: Schema, required: tuple[str, ...] = (), **more: object) -> Schema:
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
        **more,
    }


def _by_id(items: Schema, description: str) -> Schema:
    return {
        "type": "object",
        "description": description,
        "propertyNames": _id("its id"),
        "additionalProperties": items,
    }


_TEXTS: Schema = {"type": "object", "additionalProperties": _text("a text")}
_BASE_URL = _shaped(
    "address of the server, without a slash at the end",
    r"^https?://[^\s/?#]+([/?]\S*[^/\s])?$",
    "write an address as https://example.org, without a slash at the end",
)
_DAYS = _list({"enum": ["all", *DAYS]}, "weekdays on which it starts", minItems=1)
_HANDLE_NAME = _text("what people see: @acmecards, a Page's name, a feed's address")
_HANDLE = _object(
    "a handle with more than its name",
    {
        "handle": _HANDLE_NAME,
        "native_id": _text(
            "the network's id of it; `allhours connect` tells it, docs/networks.md who needs it"
        ),
        "base_url": _BASE_URL,
        "listen": _list(_text("a word or #hashtag"), "brand words and hashtags to search for"),
        "secret": _text("name of the secret with its tokens; <network>/<account> where left out"),
        "settings": {**_TEXTS, "description": "what only this network knows, see docs/networks.md"},
    },
    ("handle",),
)
_ONE_HANDLE: Schema = {
    "anyOf": [_HANDLE_NAME, _HANDLE],
    "errorMessage": "write a handle as a text or as a mapping with `handle`",
}
_HANDLES: Schema = {
    "anyOf": [_HANDLE_NAME, _HANDLE, _list(_ONE_HANDLE, "several handles", minItems=1)],
    "errorMessage": "write a handle as a text, as a mapping with `handle`, or as a list of those",
}
_LANGUAGE = _shaped("a language", r"^[a-z]{2,3}$", 'write a language as "en"')
_STEP = _object(
    "one step of an escalation",
    {
        "after": _duration("since the page's beginning"),
        "notify": _shaped(
            "who is paged",
            r"^(on_shift|unit_head|company_duty|member:\S+|desk:\S+)$",
            "write on_shift, unit_head, company_duty, member:<id> or desk:<id>",
        ),
        "repeat": _duration("how long until it is repeated"),
        "times": _whole("how often it is made in all, with `repeat`", 1, 100),
        "alarm": {"type": "boolean", "description": "raise the alarm; the last step must"},
    },
    ("after", "notify"),
)
_ESCALATION = _list(_STEP, "who is paged, in order, until somebody acknowledges it", minItems=1)
_SERVICE_LEVELS = _list(
    _object(
        "what is promised for one priority",
        {
            "priority": _whole("1 urgent, 2 high, 3 normal", 1, 3),
            "first_answer": _duration("until the first answer"),
            "resolution": _duration("until the case is closed"),
            "clock": {
                "enum": ["wall", "staffed"],
                "default": "wall",
                "description": "whether it runs always, or only while somebody is on duty for the unit",
            },
        },
        ("priority",),
    ),
    "how soon a case is answered and resolved, by priority",
)
_NEED = _object(
    "how many people at least",
    {
        "days": _DAYS,
        "start": _clock("from"),
        "end": _clock("until; not after the start means next day", end=True),
        "tz": _text("IANA time zone"),
        "need": _whole("people on duty", 0, 1000),
        "certificates": _list(_id("a certificate"), "only people who hold all of these are counted"),
        "languages": _list(_LANGUAGE, "only people who speak all of these are counted"),
    },
    ("days", "start", "end", "tz", "need"),
)
_CALENDAR: Schema = {
    "country": _shaped("ISO 3166 country", r"^[A-Z]{2}$", 'write a country as "GB"'),
    "subdiv": _text("its part, as the holidays package names it"),
    "add": _list(_date("a date"), "further holidays"),
    "drop": _list(_date("a date"), "days that are none here"),
}
_SITE = _object(
    "a place where people work, and its public holidays",
    {"tz": _text("IANA time zone"), **_CALENDAR},
    ("tz",),
)
_MEMBER = _object(
    "one of us",
    {
        "name": _text("name for people"),
        "site": _id("where they work"),
        "tz": _text("IANA time zone, where they work at no site"),
        "contact": _object(
            "where pages reach them", {"sns": _text("name of their subscription to pages")}, ("sns",)
        ),
        "languages": _list(_LANGUAGE, "what they speak"),
        "certificates": _list(
            {
                "anyOf": [
                    _id("a certificate"),
                    _object(
                        "a certificate that ends",
                        {"id": _id("a certificate"), "until": _date("first day without it")},
                        ("id", "until"),
                    ),
                ],
                "errorMessage": "write a certificate as an id or as {id: fca, until: 2027-05-01}",
            },
            "what they are allowed to do",
        ),
        "leave": _list(
            _object(
                "a planned absence, by the member's clock",
                {
                    "from": _date_or_instant("first day of it"),
                    "until": _date_or_instant("first day back"),
                    "reason": _text("for people"),
                },
                ("from", "until"),
            ),
            "when they are away",
        ),
        "units_at_once": {
            "type": "boolean",
            "default": False,
            "description": "whether they may be on duty for several units at a time",
        },
    },
    ("name",),
)
_DESK = _object(
    "a team in one time zone",
    {
        "site": _id("where it works: time zone and holidays"),
        "tz": _text("IANA time zone, for a desk at no site"),
        "members": _list(_id("a member"), "who works there; on shift together where a shift has no rotation"),
        "concurrency": _whole("cases that a member handles at a time", 1, 100, default=1),
        "holidays": _object("public holidays of a desk at no site", _CALENDAR),
    },
)
_ROTATION = _object(
    "members who take turns",
    {
        "members": _list(_id("a member"), "in the order of their turns", minItems=1, uniqueItems=True),
        "every": _whole("length of a turn, in units", 1, 366, default=1),
        "unit": {"enum": ["day", "week"], "default": "week", "description": "unit of a turn"},
        "anchor": _date("local date on which the first member's turn begins"),
        "size": _whole("members on at once", 1, 100, default=1),
    },
    ("members", "anchor"),
)
_ON_HOLIDAY = "write keep, skip or {cover_from: <desk>}"
_COVER = _object(
    "another desk covers it",
    {
        "cover_from": {
            "anyOf": [_id("a desk of the unit"), _list(_id("a desk of the unit"), "in order", minItems=1)],
            "errorMessage": "write a desk or a list of desks",
            "description": "desks of the unit; the first that has no holiday itself covers it",
        }
    },
    ("cover_from",),
)
_SHIFT = _object(
    "hours of a desk, by its local clock",
    {
        "id": _id("name of the shift"),
        "desk": _id("a desk of the unit"),
        "days": _DAYS,
        "start": _clock("from"),
        "end": _clock("until; not after the start means next day, 24:00 the next midnight", end=True),
        "on_holiday": {
            "anyOf": [{"type": "string", "enum": ["keep", "skip"], "errorMessage": _ON_HOLIDAY}, _COVER],
            "errorMessage": _ON_HOLIDAY,
            "default": "keep",
            "description": "whether it is worked on a holiday of its desk, or another desk covers it",
        },
        "valid": _object(
            "dates between which it holds",
            {
                "from": _date("first date"),
                "until": {
                    "anyOf": [_date("the date after the last"), {"type": "null"}],
                    "errorMessage": "write a date as 2027-01-31",
                },
            },
        ),
        "rotation": _ROTATION,
    },
    ("id", "desk", "days", "start", "end"),
)
_ACCOUNT = _object(
    "a branded identity of the unit",
    {
        "general": {
            "type": "boolean",
            "default": False,
            "description": "its handles say nothing about the unit (the main account)",
        },
        "handles": {
            **_object("where it is, by network", dict.fromkeys((*NETWORKS, *RETIRED), _HANDLES)),
            "x-noun": "network",
        },
    },
    ("handles",),
)
_GAP = _object(
    "hours known to be without cover; the fallback gets the work",
    {"from": _instant("begin"), "until": _instant("end"), "reason": _text("why it is accepted")},
    ("from", "until", "reason"),
)
_UNIT = _object(
    "a business unit",
    {
        "title": _text("name for people"),
        "head": _id("member who heads it (escalation's unit_head)"),
        "accounts": _by_id(_ACCOUNT, "its branded identities, the one to answer from by default first"),
        "fallback": _id("desk or member that gets the work in a gap"),
        "choose": {
            "enum": ["order", "least_open", "hash"],
            "default": "order",
            "description": "which desk, when several are on shift",
        },
        "min_staff": _list(_NEED, "how many people at least; one at all times where left out"),
        "desks": _by_id(_DESK, "its teams, in the order in which they are asked"),
        "shifts": _list(_SHIFT, "its weekly hours"),
        "certificates": _list(_id("a certificate"), "what everybody on duty must hold"),
        "languages": _list(_LANGUAGE, "what everybody on duty must speak"),
        "escalation": _ESCALATION,
        "service_levels": _SERVICE_LEVELS,
        "handover": {
            "enum": ["move", "queue"],
            "default": "move",
            "description": "whether open cases of who leaves move to the next owner or back to the desk",
        },
        "holding_answer": {
            "type": "object",
            "description": "what a customer may be told while nobody is there, by language",
            "propertyNames": _LANGUAGE,
            "additionalProperties": _text(
                "a text in which {time} is when somebody is there again", maxLength=250
            ),
        },
        "reopen_within": _duration("how long its author may reopen a closed case", default="7d"),
        "accepted_gaps": _list(_GAP, "gaps that do not fail the check"),
    },
    ("title", "fallback", "desks", "shifts"),
)
_RULE = _object(
    "words that tell the unit; all conditions must hold, any one word, pattern or hashtag is enough",
    {
        "id": _id("name of the rule, shown as the reason"),
        "unit": _id("unit that gets it; left out where it only raises the priority"),
        "words": _list(
            _text("a whole word or phrase"), "words or phrases, without regard to case and accents"
        ),
        "patterns": _list(
            _text("a regular expression", maxLength=200),
            "regular expressions, on lower-case text without accents",
        ),
        "hashtags": _list(
            _shaped("a hashtag", r"^#?\w+$", "a hashtag is letters, digits and _, without spaces"),
            "hashtags, # may be left out",
        ),
        "languages": _list(_LANGUAGE, "only posts in one of these"),
        "networks": _list({"enum": list(NETWORKS)}, "only posts on one of these"),
        "priority": _whole("1 urgent (pages), 2 high, 3 normal, 4 no action", 1, 4),
        "ignore": {"type": "boolean", "description": "a public post that it matches first opens no case"},
    },
    ("id",),
)
_NETWORK = _object(
    "what all handles on a network share",
    {
        "base_url": _BASE_URL,
        "silent_after": _duration("a page is sent when nothing was heard for so long"),
        "daily_budget": {
            "type": "number",
            "exclusiveMinimum": 0,
            "description": "paid reads or quota units a day: pages at 80 %, reading stops at 100 %",
        },
        "life": {
            "enum": [life.value for life in Life],
            "description": "where it is in its life with us: live, then listen_only, frozen, archived",
            "default": Life.LIVE.value,
        },
        "settings": {**_TEXTS, "description": "settings of each handle that does not say otherwise"},
    },
)

SCHEMA: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Allhours organisation",
    **_object(
        "units, members, accounts, rota and rules of an organisation",
        {
            "version": {"const": 1, "description": "of this format"},
            "organisation": _object("who we are", {"name": _text("name for people")}, ("name",)),
            "announce_gaps": _list(
                _duration("a length"),
                "how long before it begins a gap is announced; at its beginning it always is",
                default=["14d", "72h", "24h"],
            ),
            "rest": _duration("between two duties of a member, at least; 0m asks for none", default="11h"),
            "test_pages": _object(
                "a page to each member every week, by the member's clock",
                {
                    "day": {"enum": list(DAYS), "description": "weekday"},
                    "at": _clock("when"),
                    "within": _duration("who has not acknowledged by then is unreachable", default="8h"),
                },
                ("day", "at"),
            ),
            "retention": _duration("how long cases and items are kept, 30 days at least", default="90d"),
            "fallback_unit": _id("unit that decides where no rule does"),
            "company_duty": _id("member who is paged last (escalation's company_duty)"),
            "networks": {
                **_object("by network", dict.fromkeys((*NETWORKS, *RETIRED), _NETWORK)),
                "x-noun": "network",
            },
            "sites": _by_id(_SITE, "places where people work"),
            "members": _by_id(_MEMBER, "everybody who may be on duty"),
            "units": _by_id(_UNIT, "business units"),
            "escalation": {**_ESCALATION, "description": "of every unit that has none of its own"},
            "operations_escalation": {**_ESCALATION, "description": "of pages about the system itself"},
            "service_levels": {**_SERVICE_LEVELS, "description": "of every unit that has none of its own"},
            "rules": _list(_RULE, "routing rules; the first that matches and names a unit gives the unit"),
        },
        ("version", "organisation", "fallback_unit", "members", "units"),
    ),
}


def published() -> str:
    """Return the text of docs/organisation.schema.json."""
    return json.dumps(SCHEMA, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(published())
