"""The shape of the organisation file as JSON Schema; `docs/organisation.schema.json` is this, for editors.

`errorMessage` holds the mend for a value of the wrong shape, `x-noun` what the keys of a mapping name.
Editors show the first and skip the second.
"""

from __future__ import annotations

import json
import sys

from allhours.cli.answering_schema import (
    ANSWERING,
    APPROVAL,
    INITIALS,
    LEADS,
    LINTING,
    SIGN_IN,
    VOICE,
)
from allhours.cli.judging_schema import ANSWERS, ENGAGEMENT, URGENT, WORD_LISTS
from allhours.cli.schema_parts import (
    Schema,
    a_length,
    a_list,
    an_id,
    an_instant,
    an_object,
    by_id,
    clock,
    date,
    date_or_instant,
    shaped,
    text,
    whole,
)
from allhours.domain.judgement import NOBODY, TOPICS
from allhours.domain.life import Life
from allhours.networks import NETWORKS, RETIRED

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_TEXTS: Schema = {"type": "object", "additionalProperties": text("a text")}
_BASE_URL = shaped(
    "address of the server, without a slash at the end",
    r"^https?://[^\s/?#]+([/?]\S*[^/\s])?$",
    "write an address as https://example.org, without a slash at the end",
)
_DAYS = a_list({"enum": ["all", *DAYS]}, "weekdays on which it starts", minItems=1)
_HANDLE_NAME = text("what people see: @acmecards, a Page's name, a feed's address")
_HANDLE = an_object(
    "a handle with more than its name",
    {
        "handle": _HANDLE_NAME,
        "native_id": text(
            "the network's id of it; `allhours connect` tells it, docs/networks.md who needs it"
        ),
        "base_url": _BASE_URL,
        "listen": a_list(text("a word or #hashtag"), "brand words and hashtags to search for"),
        "secret": text("name of the secret with its tokens; <network>/<account> where left out"),
        "settings": {**_TEXTS, "description": "what only this network knows, see docs/networks.md"},
    },
    ("handle",),
)
_ONE_HANDLE: Schema = {
    "anyOf": [_HANDLE_NAME, _HANDLE],
    "errorMessage": "write a handle as a text or as a mapping with `handle`",
}
_HANDLES: Schema = {
    "anyOf": [_HANDLE_NAME, _HANDLE, a_list(_ONE_HANDLE, "several handles", minItems=1)],
    "errorMessage": "write a handle as a text, as a mapping with `handle`, or as a list of those",
}
_LANGUAGE = shaped("a language", r"^[a-z]{2,3}$", 'write a language as "en"')
_STEP = an_object(
    "one step of an escalation",
    {
        "after": a_length("since the page's beginning"),
        "notify": shaped(
            "who is paged",
            r"^(on_shift|unit_head|company_duty|member:\S+|desk:\S+)$",
            "write on_shift, unit_head, company_duty, member:<id> or desk:<id>",
        ),
        "repeat": a_length("how long until it is repeated"),
        "times": whole("how often it is made in all, with `repeat`", 1, 100),
        "alarm": {"type": "boolean", "description": "raise the alarm; the last step must"},
    },
    ("after", "notify"),
)
_ESCALATION = a_list(_STEP, "who is paged, in order, until somebody acknowledges it", minItems=1)
_SERVICE_LEVELS = a_list(
    an_object(
        "what is promised for one priority",
        {
            "priority": whole("1 urgent, 2 high, 3 normal", 1, 3),
            "first_answer": a_length("until the first answer"),
            "resolution": a_length("until the case is closed"),
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
_NEED = an_object(
    "how many people at least",
    {
        "days": _DAYS,
        "start": clock("from"),
        "end": clock("until; not after the start means next day", end=True),
        "tz": text("IANA time zone"),
        "need": whole("people on duty", 0, 1000),
        "certificates": a_list(an_id("a certificate"), "only people who hold all of these are counted"),
        "languages": a_list(_LANGUAGE, "only people who speak all of these are counted"),
    },
    ("days", "start", "end", "tz", "need"),
)
_CALENDAR: Schema = {
    "country": shaped("ISO 3166 country", r"^[A-Z]{2}$", 'write a country as "GB"'),
    "subdiv": text("its part, as the holidays package names it"),
    "add": a_list(date("a date"), "further holidays"),
    "drop": a_list(date("a date"), "days that are none here"),
}
_SITE = an_object(
    "a place where people work, and its public holidays",
    {"tz": text("IANA time zone"), **_CALENDAR},
    ("tz",),
)
_MEMBER = an_object(
    "one of us",
    {
        "name": text("name for people"),
        "site": an_id("where they work"),
        "tz": text("IANA time zone, where they work at no site"),
        "contact": an_object(
            "where pages reach them", {"sns": text("name of their subscription to pages")}, ("sns",)
        ),
        "languages": a_list(_LANGUAGE, "what they speak"),
        "certificates": a_list(
            {
                "anyOf": [
                    an_id("a certificate"),
                    an_object(
                        "a certificate that ends",
                        {"id": an_id("a certificate"), "until": date("first day without it")},
                        ("id", "until"),
                    ),
                ],
                "errorMessage": "write a certificate as an id or as {id: fca, until: 2027-05-01}",
            },
            "what they are allowed to do",
        ),
        "leave": a_list(
            an_object(
                "a planned absence, by the member's clock",
                {
                    "from": date_or_instant("first day of it"),
                    "until": date_or_instant("first day back"),
                    "reason": text("for people"),
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
        "initials": INITIALS,
        "sign_in": SIGN_IN,
    },
    ("name",),
)
_DESK = an_object(
    "a team in one time zone",
    {
        "site": an_id("where it works: time zone and holidays"),
        "tz": text("IANA time zone, for a desk at no site"),
        "members": a_list(
            an_id("a member"), "who works there; on shift together where a shift has no rotation"
        ),
        "concurrency": whole("cases that a member handles at a time", 1, 100, default=1),
        "holidays": an_object("public holidays of a desk at no site", _CALENDAR),
    },
)
_ROTATION = an_object(
    "members who take turns",
    {
        "members": a_list(an_id("a member"), "in the order of their turns", minItems=1, uniqueItems=True),
        "every": whole("length of a turn, in units", 1, 366, default=1),
        "unit": {"enum": ["day", "week"], "default": "week", "description": "unit of a turn"},
        "anchor": date("local date on which the first member's turn begins"),
        "size": whole("members on at once", 1, 100, default=1),
    },
    ("members", "anchor"),
)
_ON_HOLIDAY = "write keep, skip or {cover_from: <desk>}"
_COVER = an_object(
    "another desk covers it",
    {
        "cover_from": {
            "anyOf": [
                an_id("a desk of the unit"),
                a_list(an_id("a desk of the unit"), "in order", minItems=1),
            ],
            "errorMessage": "write a desk or a list of desks",
            "description": "desks of the unit; the first that has no holiday itself covers it",
        }
    },
    ("cover_from",),
)
_SHIFT = an_object(
    "hours of a desk, by its local clock",
    {
        "id": an_id("name of the shift"),
        "desk": an_id("a desk of the unit"),
        "days": _DAYS,
        "start": clock("from"),
        "end": clock("until; not after the start means next day, 24:00 the next midnight", end=True),
        "on_holiday": {
            "anyOf": [{"type": "string", "enum": ["keep", "skip"], "errorMessage": _ON_HOLIDAY}, _COVER],
            "errorMessage": _ON_HOLIDAY,
            "default": "keep",
            "description": "whether it is worked on a holiday of its desk, or another desk covers it",
        },
        "valid": an_object(
            "dates between which it holds",
            {
                "from": date("first date"),
                "until": {
                    "anyOf": [date("the date after the last"), {"type": "null"}],
                    "errorMessage": "write a date as 2027-01-31",
                },
            },
        ),
        "rotation": _ROTATION,
    },
    ("id", "desk", "days", "start", "end"),
)
_ACCOUNT = an_object(
    "a branded identity of the unit",
    {
        "general": {
            "type": "boolean",
            "default": False,
            "description": "its handles say nothing about the unit (the main account)",
        },
        "handles": {
            **an_object("where it is, by network", dict.fromkeys((*NETWORKS, *RETIRED), _HANDLES)),
            "x-noun": "network",
        },
    },
    ("handles",),
)
_GAP = an_object(
    "hours known to be without cover; the fallback gets the work",
    {"from": an_instant("begin"), "until": an_instant("end"), "reason": text("why it is accepted")},
    ("from", "until", "reason"),
)
_UNIT = an_object(
    "a business unit",
    {
        "title": text("name for people"),
        "head": an_id("member who heads it (escalation's unit_head)"),
        "accounts": by_id(_ACCOUNT, "its branded identities, the one to answer from by default first"),
        "fallback": an_id("desk or member that gets the work in a gap"),
        "choose": {
            "enum": ["order", "least_open", "hash"],
            "default": "order",
            "description": "which desk, when several are on shift",
        },
        "min_staff": a_list(_NEED, "how many people at least; one at all times where left out"),
        "desks": by_id(_DESK, "its teams, in the order in which they are asked"),
        "shifts": a_list(_SHIFT, "its weekly hours"),
        "certificates": a_list(an_id("a certificate"), "what everybody on duty must hold"),
        "languages": a_list(_LANGUAGE, "what everybody on duty must speak"),
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
            "additionalProperties": text(
                "a text in which {time} is when somebody is there again", maxLength=250
            ),
        },
        "topics": a_list(
            {"enum": [topic for topic in TOPICS if topic != NOBODY]},
            "what posts may be about that belong here; its own id where left out",
            minItems=1,
        ),
        "reopen_within": a_length("how long its author may reopen a closed case", default="7d"),
        "accepted_gaps": a_list(_GAP, "gaps that do not fail the check"),
        "leads": LEADS,
        "voice": VOICE,
        "linting": LINTING,
        "approval": APPROVAL,
    },
    ("title", "fallback", "desks", "shifts"),
)
_RULE = an_object(
    "words that tell the unit; all conditions must hold, any one word, pattern or hashtag is enough",
    {
        "id": an_id("name of the rule, shown as the reason"),
        "unit": an_id("unit that gets it; left out where it only raises the priority"),
        "words": a_list(
            text("a whole word or phrase"), "words or phrases, without regard to case and accents"
        ),
        "patterns": a_list(
            text("a regular expression", maxLength=200),
            "regular expressions, on lower-case text without accents",
        ),
        "hashtags": a_list(
            shaped("a hashtag", r"^#?\w+$", "a hashtag is letters, digits and _, without spaces"),
            "hashtags, # may be left out",
        ),
        "languages": a_list(_LANGUAGE, "only posts in one of these"),
        "networks": a_list({"enum": list(NETWORKS)}, "only posts on one of these"),
        "priority": whole("1 urgent (pages), 2 high, 3 normal, 4 no action", 1, 4),
        "ignore": {"type": "boolean", "description": "a public post that it matches first opens no case"},
        "shadow": {
            "type": "boolean",
            "default": False,
            "description": "it changes nothing; what it would have changed is on record",
        },
    },
    ("id",),
)
_NETWORK = an_object(
    "what all handles on a network share",
    {
        "base_url": _BASE_URL,
        "silent_after": a_length("a page is sent when nothing was heard for so long"),
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
    **an_object(
        "units, members, accounts, rota and rules of an organisation",
        {
            "version": {"const": 1, "description": "of this format"},
            "include": a_list(text("a file beside this one"), "files over which this one is laid"),
            "organisation": an_object("who we are", {"name": text("name for people")}, ("name",)),
            "announce_gaps": a_list(
                a_length("a length"),
                "how long before it begins a gap is announced; at its beginning it always is",
                default=["14d", "72h", "24h"],
            ),
            "rest": a_length("between two duties of a member, at least; 0m asks for none", default="11h"),
            "test_pages": an_object(
                "a page to each member every week, by the member's clock",
                {
                    "day": {"enum": list(DAYS), "description": "weekday"},
                    "at": clock("when"),
                    "within": a_length("who has not acknowledged by then is unreachable", default="8h"),
                },
                ("day", "at"),
            ),
            "retention": a_length("how long cases and items are kept, 30 days at least", default="90d"),
            "fallback_unit": an_id("unit that decides where no rule does"),
            "company_duty": an_id("member who is paged last (escalation's company_duty)"),
            "networks": {
                **an_object("by network", dict.fromkeys((*NETWORKS, *RETIRED), _NETWORK)),
                "x-noun": "network",
            },
            "sites": by_id(_SITE, "places where people work"),
            "members": by_id(_MEMBER, "everybody who may be on duty"),
            "units": by_id(_UNIT, "business units"),
            "escalation": {**_ESCALATION, "description": "of every unit that has none of its own"},
            "operations_escalation": {**_ESCALATION, "description": "of pages about the system itself"},
            "service_levels": {**_SERVICE_LEVELS, "description": "of every unit that has none of its own"},
            "word_lists": WORD_LISTS,
            "urgent": URGENT,
            "engagement": ENGAGEMENT,
            "answers": ANSWERS,
            **ANSWERING,
            "rules": a_list(_RULE, "routing rules; the first that matches and names a unit gives the unit"),
        },
        ("version", "organisation", "fallback_unit", "members", "units"),
    ),
}


def published() -> str:
    """Return the text of docs/organisation.schema.json."""
    return json.dumps(SCHEMA, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(published())
