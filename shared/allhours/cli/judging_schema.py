"""The shape of what judges a post: word lists, kinds of urgency, engagement policies, answer cards."""

from __future__ import annotations

from allhours.cli.answering_schema import CARD_PARTS
from allhours.cli.schema_parts import Schema, a_length, a_list, an_id, an_object, shaped, text
from allhours.cli.words import DRAFT_LISTS, LISTS
from allhours.domain.engagement import LANES, POLICIES, STANCES
from allhours.domain.judgement import NOBODY, TOPICS
from allhours.domain.urgency import COMPANY_DUTY, KINDS

_PHRASES = a_list(
    text("a phrase, as docs/organisation.md explains it", maxLength=200),
    "phrases to add to the shipped list; one with a - before it is taken away",
)
WORD_LISTS: Schema = {
    **an_object(
        "words by which posts and drafts are judged, by the list's name",
        dict.fromkeys((*LISTS, *DRAFT_LISTS), _PHRASES),
    ),
    "x-noun": "word list",
}
_URGENT = an_object(
    "what a kind of urgency asks",
    {
        "unit": an_id("unit that gets it, wherever it was said; the ladder decides where left out"),
        "answer_within": a_length("until the first answer, from the post that said so"),
        "protocol": text("what whoever answers keeps to; shown in the page and the event", maxLength=500),
        "page": a_list(
            {"enum": ["on_shift", COMPANY_DUTY]}, "who is called at once; on_shift always is", minItems=1
        ),
    },
)
URGENT: Schema = {
    **an_object("what cannot wait, by kind", dict.fromkeys(KINDS, _URGENT)),
    "x-noun": "kind of urgency",
}
_STANCE: Schema = {"enum": list(STANCES), "description": "whether such a post is answered"}
_LANE: Schema = {
    "enum": list(LANES),
    "description": "case: with its clock; light: told to the inbox; none: kept, told to nobody",
}
_POLICY = {"stance": _STANCE, "lane": _LANE, "unit": an_id("unit that gets its cases")}
_NAMES = a_list(text("a name", maxLength=100), "names and handles of other brands that are taken for us")
ENGAGEMENT: Schema = {
    **an_object(
        "whether we answer, by policy",
        {
            name: an_object("a policy", _POLICY | ({"names": _NAMES} if name == "other_brand" else {}))
            for name in POLICIES
        },
    ),
    "x-noun": "policy",
}
_CARD = shaped(
    "its id", r"^[a-zA-Z][a-zA-Z0-9_-]{0,63}$", "a card's id is letters, digits, - and _, at most 64 of them"
)
ANSWERS: Schema = {
    "type": "object",
    "description": "answer cards, by id",
    "propertyNames": _CARD,
    "additionalProperties": an_object(
        "a page of ours that answers what many ask",
        {
            "unit": an_id("unit whose it is"),
            "title": text("what it is called, for people", maxLength=200),
            "url": shaped(
                "where it is", r"^https://[^\s/?#]+[^\s]*$", "write an address as https://example.org/help"
            ),
            "says": a_list(text("a question", maxLength=300), "how people ask for it, in our own words"),
            "topics": a_list(
                {"enum": [topic for topic in TOPICS if topic != NOBODY]},
                "what it is about; all where left out",
            ),
            **CARD_PARTS,
        },
        ("unit", "title", "url"),
    ),
}
