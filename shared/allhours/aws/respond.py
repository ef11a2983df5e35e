"""The handler behind the queue of replies: one visit or receipt a call."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from aws_lambda_powertools import Logger

from allhours.aws import wiring
from allhours.aws.metrics import emit
from allhours.aws.reply_queue import told_in
from allhours.domain.errors import BadInput, Busy
from allhours.flows.respond import Became, Visited, hear, visit

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = Logger()


def respond_batch(event: Mapping[str, Any]) -> dict[str, Any]:
    """See to what each record names; what was turned down for now comes again."""
    again: list[dict[str, str]] = []
    for record in event["Records"]:
        at = datetime.now(UTC)
        try:
            visited = _see_to(record, at)
        except (BadInput, Busy) as error:  # bad input goes to the dead letters, after as many tries
            logger.warning("reply left for the next try", reason=str(error))
            again.append({"itemIdentifier": record["messageId"]})
            visited = Visited()
        _tell(visited, failed=bool(again))
    return {"batchItemFailures": again}


def _see_to(record: Mapping[str, Any], at: datetime) -> Visited:
    told = told_in(record)
    see_to = partial(visit, told) if isinstance(told, str) else partial(hear, told)
    return see_to(
        ledger=wiring.replies(),
        repliers=wiring.repliers(),
        organisation=wiring.paging_organisation(at),
        own=uuid4().hex,  # one a visit, never at import: snapshots of a function share what it began with
        at=at,
    )


def _tell(visited: Visited, *, failed: bool) -> None:
    """Print what became of it, in ids, states and sentences of ours; never what is said to the customer."""
    reply, became = visited.reply, visited.became
    posted = became is Became.POSTED and reply is not None
    if reply and became is not Became.NOTHING:
        logger.info(
            "reply visited",
            reply_id=reply.reply_id,
            case_id=reply.case_id,
            network=reply.network,
            handle=reply.handle,
            state=reply.state.value,
            became=became.value,
            attempts=reply.attempts,
            reason=visited.why,
        )
    elif visited.why:
        logger.warning(
            "reply not as it should be", reply_id=reply.reply_id if reply else "", reason=visited.why
        )
    waited = (datetime.now(UTC) - reply.approved_at).total_seconds() if posted and reply else 0
    emit(
        {
            "Visited": 1,
            "Posted": int(posted),
            "Rejected": int(became is Became.REJECTED),
            "NeedsHuman": int(became is Became.NEEDS_HUMAN),
            "Retried": int(became in {Became.AGAIN, Became.WAITS}),
            "Doubts": int(became is Became.DOUBT),
            "AnswersLeft": int(failed),
            "ApproveToPostedMs": waited * 1000,
        }
    )
