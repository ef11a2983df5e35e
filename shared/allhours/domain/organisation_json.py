"""The compiled organisation: the reviewed file as JSON, which functions read without a parser of YAML."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import date, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from allhours.domain.engagement import Policy, policy_to_json
from allhours.domain.errors import BadInput
from allhours.domain.escalation import Step
from allhours.domain.handle import Handle
from allhours.domain.life import Life
from allhours.domain.organisation import Account, AnswerCard, Organisation, Rule, TestPages, Unit
from allhours.domain.people import Certificate, Leave, Member, Site
from allhours.domain.rota_json import unit_rota_from_json, unit_rota_to_json
from allhours.domain.service_level import ServiceLevel
from allhours.domain.urgency import kind_from_json, kind_to_json
from allhours.domain.voice import Approval, Linting, Persona, System, Voice, Webhook, Withdrawn

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 4  # of the compiled file; a function refuses any other, so code and rota are deployed together


def organisation_to_json(organisation: Organisation) -> dict[str, Any]:
    """Return the compiled file; equal organisations give equal JSON."""
    return {
        "format": FORMAT,
        "name": organisation.name,
        "revision": organisation.revision,
        "tzdata": organisation.tzdata,
        "fallback_unit": organisation.fallback_unit,
        "members": [
            {
                "id": m.member_id,
                "name": m.name,
                "zone": m.zone,
                "contact": dict(m.contact),
                "site": m.site,
                "languages": list(m.languages),
                "certificates": [[c.certificate_id, c.valid_until] for c in m.certificates],
                "leave": [[away.start, away.end, away.reason] for away in m.leave],
                "units_at_once": m.units_at_once,
                "initials": m.initials,
                "sign_in": m.sign_in,
            }
            for m in organisation.members.values()
        ],
        "units": [
            {
                "id": u.unit_id,
                "title": u.title,
                "accounts": list(u.accounts),
                "members": list(u.members),
                "reopen_within": int(u.reopen_within.total_seconds()),
                "rota": unit_rota_to_json(u.rota),
                "head": u.head,
                "certificates": list(u.certificates),
                "languages": list(u.languages),
                "handover": u.handover,
                "holding_answer": dict(u.holding_answer),
                "service_levels": [asdict(level) for level in u.service_levels],
                "accepted_gaps": [list(gap) for gap in u.accepted_gaps],
                "topics": list(u.topics),
                "leads": list(u.leads),
                "voice": _voice_to_json(u.voice),
                "linting": asdict(u.linting),
                "approval": {"usual": u.approval.usual, "by_kind": dict(u.approval.by_kind)},
            }
            for u in organisation.units.values()
        ],
        "accounts": [
            {
                "id": a.account_id,
                "unit": a.unit,
                "general": a.general,
                "handles": [
                    {
                        "network": h.network,
                        "handle": h.handle,
                        "base_url": h.base_url,
                        "native_id": h.native_id,
                        "listen": list(h.listen),
                        "secret": h.secret,
                        "settings": dict(h.settings),
                    }
                    for h in a.handles
                ],
            }
            for a in organisation.accounts.values()
        ],
        "rules": [
            {
                "id": r.rule_id,
                "unit": r.unit,
                "words": list(r.words),
                "patterns": list(r.patterns),
                "hashtags": list(r.hashtags),
                "languages": list(r.languages),
                "networks": list(r.networks),
                "priority": r.priority,
                "ignore": r.ignore,
                "shadow": r.shadow,
            }
            for r in organisation.rules
        ],
        "silent_after": {
            name: int(after.total_seconds()) for name, after in organisation.silent_after.items()
        },
        "retention": int(organisation.retention.total_seconds()),
        "daily_budgets": dict(organisation.daily_budgets),
        "lives": {name: life.value for name, life in organisation.lives.items()},
        "escalation": {
            unit: [asdict(step) for step in steps] for unit, steps in organisation.escalation.items()
        },
        "sites": [
            {
                "id": s.site_id,
                "zone": s.zone,
                "country": s.country,
                "holidays": [day.isoformat() for day in sorted(s.holidays)],
            }
            for s in organisation.sites.values()
        ],
        "company_duty": organisation.company_duty,
        "rest": organisation.rest,
        "announce_gaps": list(organisation.announce_gaps),
        "test_pages": asdict(organisation.test_pages) if organisation.test_pages else None,
        "word_lists": {name: list(phrases) for name, phrases in organisation.word_lists.items()},
        "urgent": {kind: kind_to_json(each) for kind, each in organisation.urgent.items()},
        "engagement": {name: policy_to_json(each) for name, each in organisation.engagement.items()},
        "answers": [
            {
                "id": c.card_id,
                "unit": c.unit,
                "title": c.title,
                "url": c.url,
                "says": list(c.says),
                "topics": list(c.topics),
                "text": c.text,
                "variants": dict(c.variants),
                "owner": c.owner,
                "expires": c.expires,
                "approved_by": c.approved_by,
                "automatic": c.automatic,
            }
            for c in organisation.answers.values()
        ],
        "draft_lists": {name: list(phrases) for name, phrases in organisation.draft_lists.items()},
        "domains": list(organisation.domains),
        "published": list(organisation.published),
        "auditors": list(organisation.auditors),
        "admins": list(organisation.admins),
        "systems": [asdict(each) for each in organisation.systems.values()],
        "webhooks": [asdict(each) for each in organisation.webhooks],
        "withdrawn": [asdict(each) for each in organisation.withdrawn],
    }


def organisation_from_json(body: Mapping[str, Any]) -> Organisation:
    """Return the organisation that `organisation_to_json` wrote.

    `BadInput` tells to compile it again when the format is another.
    """
    if body.get("format") != FORMAT:
        found = body.get("format")
        message = f"the organisation is compiled in format {found!r}, not {FORMAT}: deploy both together"
        raise BadInput(message)
    return Organisation(
        name=body["name"],
        revision=body["revision"],
        tzdata=body["tzdata"],
        fallback_unit=body["fallback_unit"],
        members={
            m["id"]: Member(
                member_id=m["id"],
                name=m["name"],
                zone=m["zone"],
                contact=MappingProxyType(m["contact"]),
                site=m["site"],
                languages=tuple(m["languages"]),
                certificates=tuple(
                    Certificate(certificate_id=name, valid_until=until) for name, until in m["certificates"]
                ),
                leave=tuple(Leave(start=start, end=end, reason=reason) for start, end, reason in m["leave"]),
                units_at_once=m["units_at_once"],
                initials=m["initials"],
                sign_in=m["sign_in"],
            )
            for m in body["members"]
        },
        units={
            u["id"]: Unit(
                unit_id=u["id"],
                title=u["title"],
                accounts=tuple(u["accounts"]),
                members=tuple(u["members"]),
                reopen_within=timedelta(seconds=u["reopen_within"]),
                rota=unit_rota_from_json(u["rota"]),
                head=u["head"],
                certificates=tuple(u["certificates"]),
                languages=tuple(u["languages"]),
                handover=u["handover"],
                holding_answer=MappingProxyType(u["holding_answer"]),
                service_levels=tuple(ServiceLevel(**level) for level in u["service_levels"]),
                accepted_gaps=tuple((start, end) for start, end in u["accepted_gaps"]),
                topics=tuple(u["topics"]),
                leads=tuple(u["leads"]),
                voice=_voice(u["voice"]),
                linting=replace(Linting(**u["linting"]), phrases=tuple(u["linting"]["phrases"])),
                approval=Approval(
                    usual=u["approval"]["usual"], by_kind=MappingProxyType(u["approval"]["by_kind"])
                ),
            )
            for u in body["units"]
        },
        accounts={
            a["id"]: Account(
                account_id=a["id"],
                unit=a["unit"],
                general=a["general"],
                handles=tuple(_handle(a, h) for h in a["handles"]),
            )
            for a in body["accounts"]
        },
        rules=tuple(
            Rule(
                rule_id=r["id"],
                unit=r["unit"],
                words=tuple(r["words"]),
                patterns=tuple(r["patterns"]),
                hashtags=tuple(r["hashtags"]),
                languages=tuple(r["languages"]),
                networks=tuple(r["networks"]),
                priority=r["priority"],
                ignore=r["ignore"],
                shadow=r["shadow"],
            )
            for r in body["rules"]
        ),
        silent_after={name: timedelta(seconds=after) for name, after in body["silent_after"].items()},
        retention=timedelta(seconds=body["retention"]),
        daily_budgets=MappingProxyType(dict(body.get("daily_budgets", {}))),
        lives=MappingProxyType({name: Life(life) for name, life in body.get("lives", {}).items()}),
        escalation=MappingProxyType(
            {unit: tuple(Step(**step) for step in steps) for unit, steps in body["escalation"].items()}
        ),
        sites={
            s["id"]: Site(
                site_id=s["id"],
                zone=s["zone"],
                country=s["country"],
                holidays=frozenset(date.fromisoformat(day) for day in s["holidays"]),
            )
            for s in body["sites"]
        },
        company_duty=body["company_duty"],
        rest=body["rest"],
        announce_gaps=tuple(body["announce_gaps"]),
        test_pages=TestPages(**body["test_pages"]) if body["test_pages"] else None,
        word_lists=MappingProxyType({name: tuple(phrases) for name, phrases in body["word_lists"].items()}),
        urgent=MappingProxyType({kind: kind_from_json(each) for kind, each in body["urgent"].items()}),
        engagement=MappingProxyType({name: Policy(**each) for name, each in body["engagement"].items()}),
        answers=MappingProxyType(
            {
                c["id"]: AnswerCard(
                    card_id=c["id"],
                    unit=c["unit"],
                    title=c["title"],
                    url=c["url"],
                    says=tuple(c["says"]),
                    topics=tuple(c["topics"]),
                    text=c["text"],
                    variants=MappingProxyType(c["variants"]),
                    owner=c["owner"],
                    expires=c["expires"],
                    approved_by=c["approved_by"],
                    automatic=c["automatic"],
                )
                for c in body["answers"]
            }
        ),
        draft_lists=MappingProxyType({name: tuple(phrases) for name, phrases in body["draft_lists"].items()}),
        domains=tuple(body["domains"]),
        published=tuple(body["published"]),
        auditors=tuple(body["auditors"]),
        admins=tuple(body["admins"]),
        systems=MappingProxyType(
            {s["system_id"]: replace(System(**s), units=tuple(s["units"])) for s in body["systems"]}
        ),
        webhooks=tuple(
            replace(Webhook(**w), units=tuple(w["units"]), events=tuple(w["events"]))
            for w in body["webhooks"]
        ),
        withdrawn=tuple(Withdrawn(**each) for each in body["withdrawn"]),
    )


def _handle(account: Mapping[str, Any], body: Mapping[str, Any]) -> Handle:
    return Handle(
        network=body["network"],
        account=account["id"],
        unit=account["unit"],
        handle=body["handle"],
        base_url=body["base_url"],
        native_id=body["native_id"],
        listen=tuple(body["listen"]),
        secret=body["secret"],
        settings=MappingProxyType(body["settings"]),
    )


def _voice_to_json(voice: Voice) -> dict[str, Any]:
    return {
        "tone": voice.tone,
        "promise": voice.promise,
        "signed_by": voice.signed_by,
        "personas": [asdict(persona) for persona in voice.personas],
        "invitation": dict(voice.invitation),
    }


def _voice(body: Mapping[str, Any]) -> Voice:
    return Voice(
        tone=body["tone"],
        promise=body["promise"],
        signed_by=body["signed_by"],
        personas=tuple(Persona(**persona) for persona in body["personas"]),
        invitation=MappingProxyType(body["invitation"]),
    )
