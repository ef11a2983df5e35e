"""Which adapter answers which port, once per warm function; a function pays at its start only for its own."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from allhours.aws import settings

if TYPE_CHECKING:
    from datetime import datetime

    from allhours.aws.authors import DynamoAuthors
    from allhours.aws.budgets import DynamoBudgets
    from allhours.aws.card_states import DynamoCardStates
    from allhours.aws.connections import DynamoConnections
    from allhours.aws.cursors import DynamoCursors
    from allhours.aws.dead_letters import DynamoDeadLetters
    from allhours.aws.endings import DynamoEndings
    from allhours.aws.gaps import DynamoGaps
    from allhours.aws.handovers import DynamoHandovers
    from allhours.aws.item_queue import SqsItemQueue
    from allhours.aws.link_serials import DynamoLinkSerials
    from allhours.aws.moves import DynamoMoves
    from allhours.aws.open_cases import DynamoOpenCases
    from allhours.aws.page_links import DynamoPageLinks
    from allhours.aws.pages import DynamoPages
    from allhours.aws.plans import DynamoPlans
    from allhours.aws.rates import DynamoConversations, DynamoRates
    from allhours.aws.reach import DynamoReaches
    from allhours.aws.records import DynamoRecords
    from allhours.aws.repliers import NetworkRepliers
    from allhours.aws.replies import DynamoReplies
    from allhours.aws.reply_queue import SqsReplies
    from allhours.aws.rota_changes import DynamoRotaChanges
    from allhours.aws.secrets import SecretsManagerCredentials
    from allhours.aws.spendings import DynamoSpendings
    from allhours.aws.statement_key import StatementKey
    from allhours.aws.topics import SnsPager, SnsTopic
    from allhours.aws.webhooks import SqsDeliveries
    from allhours.domain.automatic import AutomaticAnswers, Rules
    from allhours.domain.judgement import Judge
    from allhours.domain.organisation import Organisation
    from allhours.domain.router import Router
    from allhours.flows.desk_ports import Desk
    from allhours.flows.forward import Switchboard
    from allhours.flows.notify import Office


@cache
def credentials() -> SecretsManagerCredentials:
    """Return the secrets."""
    from allhours.aws.secrets import SecretsManagerCredentials

    return SecretsManagerCredentials(settings.secrets_prefix(), settings.records_table())


@cache
def cursors() -> DynamoCursors:
    """Return the cursors."""
    from allhours.aws.cursors import DynamoCursors

    return DynamoCursors(settings.records_table())


@cache
def item_queue() -> SqsItemQueue:
    """Return the common queue."""
    from allhours.aws.item_queue import SqsItemQueue

    return SqsItemQueue(settings.common_queue_url())


@cache
def records() -> DynamoRecords:
    """Return the items and cases."""
    from allhours.aws.organisation import organisation
    from allhours.aws.records import DynamoRecords

    return DynamoRecords(settings.records_table(), organisation().retention)


@cache
def replies() -> DynamoReplies:
    """Return the ledger of replies."""
    from allhours.aws.organisation import organisation
    from allhours.aws.replies import DynamoReplies

    return DynamoReplies(settings.records_table(), records(), organisation().retention)


@cache
def reply_queue() -> SqsReplies:
    """Return the queue of replies."""
    from allhours.aws.reply_queue import SqsReplies

    return SqsReplies(settings.replies_queue_url())


@cache
def repliers() -> NetworkRepliers:
    """Return the networks that can answer."""
    from allhours.aws.repliers import NetworkRepliers

    return NetworkRepliers()


@cache
def pages() -> DynamoPages:
    """Return the outbox of pages."""
    from allhours.aws.pages import DynamoPages

    return DynamoPages(settings.records_table())


@cache
def authors() -> DynamoAuthors:
    """Return what look-ups told of authors."""
    from allhours.aws.authors import DynamoAuthors

    return DynamoAuthors(settings.records_table())


@cache
def dead_letters() -> DynamoDeadLetters:
    """Return what could not be handled."""
    from allhours.aws.dead_letters import DynamoDeadLetters

    return DynamoDeadLetters(settings.records_table())


@cache
def topic() -> SnsTopic:
    """Return the topic of case events."""
    from allhours.aws.topics import SnsTopic

    return SnsTopic(settings.events_topic_arn())


@cache
def pager() -> SnsPager:
    """Return the on-call topic."""
    from allhours.aws.organisation import organisation
    from allhours.aws.topics import SnsPager

    contacts = ((name, member.contact.get("sns", name)) for name, member in organisation().members.items())
    return SnsPager(settings.pages_topic_arn(), dict(contacts))


def router(at: datetime) -> Router:
    """Return what decides, by the rota as it is now; the same object while nothing has changed."""
    from allhours.aws.organisation import live_organisation
    from allhours.domain.router import Router
    from allhours.domain.triage import Triage
    from allhours.networks.windows import ANSWER_WINDOWS, STORAGE_LIMITS

    live = live_organisation(at)
    routers = _routers()
    if not routers or routers[0].organisation is not live:
        # by the hour the rota changes; words, rules and models do not
        triage = routers[0].triage if routers else Triage(live, judge(live))
        routers[:] = [
            Router(
                live,
                answer_windows=ANSWER_WINDOWS,
                short_lived=frozenset(STORAGE_LIMITS),
                triage=triage,
                automatic=_automatic_answers(live),
            )
        ]
    return routers[0]


def judge(organisation: Organisation) -> Judge:
    """Return the trained models, which a warm function reads once."""
    from allhours import models

    return models.judge(organisation)


def _automatic_answers(organisation: Organisation) -> AutomaticAnswers | None:
    """Return what answers by itself; None where no card may, and nothing of it need be imported."""
    if not any(card.automatic for card in organisation.answers.values()):
        return None
    from allhours.domain.automatic import AutomaticAnswers

    def rules(network: str) -> Rules | None:  # which loads HTTP: only when something is to be answered
        from allhours.networks.rules import rules_of

        return rules_of(network)

    return AutomaticAnswers(organisation, rules, card_states().health)


@cache
def _routers() -> list[Router]:
    """Return where a warm function keeps its one router."""
    return []


@cache
def rota_changes() -> DynamoRotaChanges:
    """Return what changes by the hour."""
    from allhours.aws.rota_changes import DynamoRotaChanges

    return DynamoRotaChanges(settings.records_table())


@cache
def link_serials() -> DynamoLinkSerials:
    """Return which links still hold."""
    from allhours.aws.link_serials import DynamoLinkSerials

    return DynamoLinkSerials(settings.records_table())


def links_key() -> bytes:
    """Return what signs links, at most five minutes old."""
    return credentials().read("links")["key"].encode()


@cache
def budgets() -> DynamoBudgets:
    """Return how many pages each member was sent lately."""
    from allhours.aws.budgets import DynamoBudgets

    return DynamoBudgets(settings.records_table())


@cache
def reaches() -> DynamoReaches:
    """Return whom test pages reached."""
    from allhours.aws.reach import DynamoReaches

    return DynamoReaches(settings.records_table())


@cache
def page_links() -> DynamoPageLinks:
    """Return what makes the links in pages."""
    from allhours.aws.page_links import DynamoPageLinks

    return DynamoPageLinks(settings.records_table())


def switchboard(at: datetime) -> Switchboard:
    """Return all that it takes to send a page."""
    from allhours.flows.forward import Switchboard

    return Switchboard(
        pages=pages(),
        pager=pager(),
        budgets=budgets(),
        links=page_links(),
        organisation=paging_organisation(at),
    )


def paging_organisation(at: datetime) -> Organisation:
    """Return whom to call: by the rota as it is, or by the plan when its changes cannot be read.

    A page to who was planned is better than none.
    """
    from aws_lambda_powertools import Logger

    from allhours.aws.metrics import emit
    from allhours.aws.organisation import live_organisation, organisation
    from allhours.domain.errors import Busy

    try:
        return live_organisation(at)
    except Busy as busy:
        Logger().warning("paging by the plan", reason=str(busy))
        emit({"PagingByPlan": 1})
        return organisation()


@cache
def open_cases() -> DynamoOpenCases:
    """Return the open cases of each unit."""
    from allhours.aws.open_cases import DynamoOpenCases

    return DynamoOpenCases(settings.records_table())


@cache
def handovers() -> DynamoHandovers:
    """Return which handovers were told."""
    from allhours.aws.handovers import DynamoHandovers

    return DynamoHandovers(settings.records_table())


@cache
def plans() -> DynamoPlans:
    """Return what the last night saw of each unit's plan."""
    from allhours.aws.plans import DynamoPlans

    return DynamoPlans(settings.records_table())


@cache
def rates() -> DynamoRates:
    """Return how often each handle is spoken to."""
    from allhours.aws.rates import DynamoRates

    return DynamoRates(settings.records_table())


@cache
def conversations() -> DynamoConversations:
    """Return when conversations began."""
    from allhours.aws.rates import DynamoConversations

    return DynamoConversations(settings.records_table())


@cache
def connections() -> DynamoConnections:
    """Return how each handle's connection was."""
    from allhours.aws.connections import DynamoConnections

    return DynamoConnections(settings.records_table())


@cache
def spendings() -> DynamoSpendings:
    """Return what paid reads and quota units have cost."""
    from allhours.aws.spendings import DynamoSpendings

    return DynamoSpendings(settings.records_table())


@cache
def gaps() -> DynamoGaps:
    """Return the holes in the rota that are on record."""
    from allhours.aws.gaps import DynamoGaps

    return DynamoGaps(settings.records_table())


@cache
def deliveries() -> SqsDeliveries:
    """Return the deliveries to webhooks, and their dead letters."""
    from allhours.aws.webhooks import SqsDeliveries

    return SqsDeliveries(settings.webhook_deliveries_url(), settings.webhook_dead_letters_url())


@cache
def office() -> Office:
    """Return all that it takes to tell a webhook."""
    from allhours.aws.organisation import organisation
    from allhours.aws.table import compact
    from allhours.aws.webhooks import DynamoWebhooks
    from allhours.flows.notify import Office
    from allhours.networks.receiver import Receiver

    return Office(
        webhooks={one.webhook_id: one for one in organisation().webhooks},
        record=DynamoWebhooks(settings.records_table()),
        deliveries=deliveries(),
        posts=Receiver(local=settings.stage() == "local"),
        secrets=credentials().read,
        written=compact,
    )


@cache
def card_states() -> DynamoCardStates:
    """Return how the links of the answer cards are."""
    from allhours.aws.card_states import DynamoCardStates

    return DynamoCardStates(settings.records_table())


@cache
def statement_key() -> StatementKey:
    """Return what signs what we say about ourselves."""
    from allhours.aws.clients import kms
    from allhours.aws.statement_key import StatementKey

    return StatementKey(kms(), settings.statement_key())


@cache
def moves() -> DynamoMoves:
    """Return what hands cases over."""
    from allhours.aws.moves import DynamoMoves
    from allhours.aws.organisation import organisation

    return DynamoMoves(settings.records_table(), records(), organisation().retention)


def desk(at: datetime) -> Desk:
    """Return all that it takes to work at a desk, by the rota as it is now."""
    from dataclasses import replace

    from allhours.aws.organisation import live_organisation

    return replace(_desk(), organisation=live_organisation(at))


@cache
def _desk() -> Desk:
    from allhours.aws.card_states import DynamoCardStates
    from allhours.aws.desk_networks import DeskNetworks
    from allhours.aws.desk_store import DynamoDesk
    from allhours.aws.organisation import organisation
    from allhours.domain.lint import Ours
    from allhours.flows.desk_ports import Desk

    bank = organisation()
    return Desk(
        organisation=bank,
        ours=Ours.of(bank),
        store=DynamoDesk(settings.records_table(), bank),
        approvals=replies(),
        ledger=replies(),
        networks=DeskNetworks(),
        cards=DynamoCardStates(settings.records_table()),
    )


@cache
def endings() -> DynamoEndings:
    """Return what else is kept of items that ended."""
    from allhours.aws.endings import DynamoEndings

    return DynamoEndings(settings.records_table())
