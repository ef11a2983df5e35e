"""The shape of how we answer: voice, linting, approval, what is ours, who may write through the API."""

from __future__ import annotations

from allhours.cli.schema_parts import Schema, a_list, an_id, an_object, by_id, date, shaped, text
from allhours.domain.urgency import KINDS
from allhours.networks import NETWORKS, RETIRED

_LANGUAGE = shaped("a language", r"^[a-z]{2,3}$", 'write a language as "en"')
_RULINGS = ("block", "warn", "off")
_PEOPLE = a_list(an_id("a member"), "members", uniqueItems=True)

INITIALS = shaped(
    "what signs their answers (^AB); made from the name where left out",
    r"^[A-Za-zÀ-ÖØ-öø-ÿ]{1,4}$",
    "initials are one to four letters, as AB",
)
SIGN_IN = shaped(
    "who they are to the OIDC provider: the token's `sub`, or its verified e-mail address",
    r"^[^\s]{1,200}$",
    "write the token's `sub` or an e-mail address, without blanks",
)
LEADS: Schema = {**_PEOPLE, "description": "members who lead it beside its head"}
VOICE = an_object(
    "how answers sound, and how they end",
    {
        "tone": text("how a unit sounds, shown to who writes", maxLength=300),
        "promise": text("what a unit promises whoever writes to it, shown to who writes", maxLength=300),
        "signed_by": {
            "enum": ["initials", "name", "persona", "unit", "none"],
            "default": "initials",
            "description": "how an answer ends",
        },
        "personas": a_list(
            an_object(
                "a name that several answer by",
                {
                    "name": text("the name", maxLength=40),
                    "retired": {
                        "type": "boolean",
                        "default": False,
                        "description": "it signs nothing any more",
                    },
                },
                ("name",),
            ),
            "names that answers are signed by; the first that is not retired signs",
        ),
        "invitation": {
            "type": "object",
            "description": "the public line that asks somebody to write in private, by language",
            "propertyNames": _LANGUAGE,
            "additionalProperties": text("a text", maxLength=200),
        },
    },
)


def _ruling(what: str, usual: str, rulings: tuple[str, ...] = _RULINGS) -> Schema:
    return {"enum": list(rulings), "default": usual, "description": what}


LINTING = an_object(
    "what is done about a finding in a draft: block it, warn, or nothing",
    {
        "personal_data": _ruling(
            "numbers and addresses in private answers; in public they are always blocked",
            "block",
            ("block", "warn"),
        ),
        "promises": _ruling("what the desk alone cannot keep", "warn"),
        "forbidden": _ruling("phrases that we do not use", "block"),
        "links": _ruling("links out of our own domains", "block"),
        "shorteners": _ruling("links that hide where they lead", "block"),
        "length": _ruling("texts that the network does not take", "block"),
        "capitals": _ruling("shouting", "warn"),
        "relationship": _ruling("telling in public that somebody is a customer", "block"),
        "phrases": a_list(
            text("a phrase, as docs/organisation.md explains it", maxLength=200), "more forbidden phrases"
        ),
    },
)
_AGREED: Schema = {
    "enum": ["none", "second", "risk"],
    "default": "none",
    "description": "nobody, a second person always, or a second person where it is risky",
}
APPROVAL = an_object(
    "who has to agree to an answer",
    {
        "usual": _AGREED,
        "by_kind": {
            **an_object("otherwise for kinds of urgency", dict.fromkeys(KINDS, _AGREED)),
            "x-noun": "kind of urgency",
        },
    },
)
CARD_PARTS: Schema = {
    "text": text("the answer, without the link, which is written after it", maxLength=1000),
    "variants": {
        **an_object(
            "the whole answer on a network where it has to be another, by network",
            dict.fromkeys(NETWORKS, text("the answer there, as it goes out", maxLength=1000)),
        ),
        "x-noun": "network",
    },
    "owner": an_id("member who sees to it that it stays true"),
    "expires": date("first day on which nobody is offered it"),
    "approved_by": an_id("member who said that it is true"),
    "automatic": {
        "type": "boolean",
        "default": False,
        "description": "it may go out without a person, labelled so",
    },
}
ANSWERING: Schema = {
    "voice": {**VOICE, "description": "of every unit, for what it does not say itself"},
    "linting": {**LINTING, "description": "of every unit, for what it does not say itself"},
    "approval": {**APPROVAL, "description": "of every unit, for what it does not say itself"},
    "domains": a_list(
        shaped(
            "a domain",
            r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$",
            "write a domain as example.org, in lower case",
        ),
        "our own sites, all below them included; the hosts of the answer cards where left out",
    ),
    "published": a_list(
        text("an e-mail address, a telephone number or an IBAN", maxLength=100),
        "our own contacts, which an answer may name",
    ),
    "access": an_object(
        "who may see or do more than their own units' work",
        {
            "auditors": {**_PEOPLE, "description": "members who see everything and write nothing"},
            "admins": {**_PEOPLE, "description": "members who may do everything"},
        },
    ),
    "systems": by_id(
        an_object(
            "another system that writes through the API",
            {
                "sign_in": SIGN_IN
                | {"description": "the `sub` of its tokens at the OIDC provider, mostly its client id"},
                "units": a_list(an_id("a unit"), "whose cases it may write", minItems=1, uniqueItems=True),
                "case_url": shaped(
                    "where a person opens its side of a case",
                    r"^https://[^\s/?#]+[^\s]*\{id\}[^\s]*$",
                    "write an address with {id} in it, as https://example.zendesk.com/agent/tickets/{id}",
                ),
            },
            ("sign_in", "units"),
        ),
        "systems that write through the API, by id",
    ),
    "webhooks": a_list(
        an_object(
            "where another system is told of events",
            {
                "id": an_id("its name"),
                "url": shaped(
                    "where it is told; http only on this machine",
                    r"^(https://[^\s/?#@]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?)([/?][^\s#]*)?$",
                    "write an https address, as https://example.org/hook, without a name and password",
                ),
                "secret": text("name of the secret whose field `key` signs; webhooks/<id> where left out"),
                "units": a_list(an_id("a unit"), "whose events; all where left out", uniqueItems=True),
                "events": a_list(
                    shaped("an event", r"^[a-z_]+\.[a-z_]+$", "write an event as case.opened"),
                    "which events; all where left out",
                    uniqueItems=True,
                ),
            },
            ("id", "url"),
        ),
        "other systems that are told of events",
    ),
    "withdrawn": a_list(
        an_object(
            "a handle that was ours",
            {
                "network": {"enum": [*NETWORKS, *RETIRED], "description": "where it was"},
                "handle": text("what people saw", maxLength=200),
                "since": date("first day on which it was not ours"),
                "note": text("what customers are told of it", maxLength=200),
            },
            ("network", "handle", "since"),
        ),
        "handles that were ours and are no more",
    ),
}
