from __future__ import annotations

import json
from typing import Any

import pytest

from tests.bench import cost, desk, prices, report, rota
from tests.bench.cloud import Bill, Cloud, holds, row_bytes, units, updated
from tests.bench.cold import ANSWERING, INGEST, QUEUE_HANDLERS
from tests.bench.items import OPENING, SHARES, items
from tests.bench.measure import percentile
from tests.bench.targets import BASE, Line, lines

COLD = (*INGEST, *QUEUE_HANDLERS, *ANSWERING, "tutorial")
WEIGHT = {
    "files": 9,
    "files_raw": 70_000,
    "files_served": 75_000,
    "list_requests": 1,
    "list_served": 24_000,
    "list_packed": 3_000,
}
CALLS = {
    "approve": {"dynamodb.BatchGetItem": 4.0, "dynamodb.TransactWriteItems": 1.0},
    "forward": {"sqs.SendMessageBatch": 1.0},
    "respond": {"dynamodb.BatchGetItem": 1.0, "dynamodb.TransactWriteItems": 2.0, "http.POST": 1.0},
    "peer": {"dynamodb.PutItem": 1.0, "dynamodb.UpdateItem": 1.0, "http.POST": 1.0},
}


def a_run(**changed: Any) -> dict[str, Any]:
    parts = dict.fromkeys(("functions", "queue_in", "inbox_out", "writes", "reads", "logs"), 0.5)
    routing: dict[str, Any] = {
        "items": 200,
        "calls": {"ours": 1.1, "tutorial": 7.0},
        "cpu_us": {"ours": 600.0, "tutorial": 2700.0},
        "log_bytes": {"ours": 28.0, "tutorial": 1300.0},
        "units": {"ours": [5.0, 1.0], "tutorial": [5.1, 0.5]},
        "rows": {kind: {"mean": 900.0, "above_1_kb": 0.1} for kind in ("ITEM", "CASE")},
        "body_bytes": 670.0,
        "cost": {"ours": {**parts, "total": 3.0}, "straightforward": {**parts, "total": 7.5}},
    }
    burst = {
        "crash_points": 125,
        "inbox": 1000,
        "lost": 0,
        "duplicated": 0,
        "queued_twice": 3,
        "their_crash_points": 16,
        "their_lost": 900,
        "their_lost_most": 900,
        "their_points_with_duplicates": 10,
    }
    cold = {BASE: (200.0, 46.0), **dict.fromkeys(COLD, (230.0, 50.0))}
    webhook = {"x": 350.0, "facebook": 340.0, "send": 280.0}
    shifts = {"compile_ms": {"ours": 32.0, "theirs": 128.0}, "who_us": 0.2}
    found = {"bank": 0.99, "precision": 0.99, "should": 0.95, "foreign": 0.91}
    guard = {
        "Allhours": {**found, "hard_negative": 0.01, "background": 0.0, "us": 60.0},
        "peer": {**found, "bank": 0.8, "hard_negative": 0.6, "background": 0.3, "us": 6000.0},
    }
    single = {"calls": 1, "p50_us": 300.0, "p99_us": 900.0}
    at_the_desk = {
        "weight": WEIGHT,
        "api": {
            "a bare handler": {"calls": 0, "p50_us": 5.0, "p99_us": 9.0},
            "GET /api/me": {"calls": 0, "p50_us": 600.0, "p99_us": 1200.0},
            "one get_item of boto3": single,
        },
    }
    answering = {
        "answers": 20,
        "calls": CALLS,
        "cpu_us": {"approve": 3000.0, "forward": 300.0, "respond": 3700.0, "peer": 1000.0},
        "write_units": {"approve": 14.0, "forward": 0.0, "respond": 24.0, "peer": 2.0},
    }
    run: dict[str, Any] = {
        "desk": at_the_desk,
        "answering": answering,
        "routing": routing,
        "burst": burst,
        "cold": cold,
        "webhook": webhook,
        "rota": shifts,
        "paid": {"mentions": 1440, "heard": 1440, "charged": 1500},
        "guard": guard,
    }
    for name, values in changed.items():
        run[name] = {**run[name], **values}
    return run


def missed(run: dict[str, Any]) -> set[str]:
    return {line.target_id for line in lines(**run) if line.target and not line.met}


def test_a_run_within_every_target_misses_none() -> None:
    assert missed(a_run()) == set()


@pytest.mark.parametrize(
    ("target_id", "part", "worse"),
    [
        ("P1", "routing", {"calls": {"ours": 1.21, "tutorial": 7.0}}),
        ("P1", "routing", {"calls": {"ours": 1.1, "tutorial": 5.0}}),
        ("P2", "routing", {"cpu_us": {"ours": 680.0, "tutorial": 2700.0}}),
        ("P3", "cold", {"route": (241.0, 50.0)}),
        ("P3", "cold", {"ingest_x": (300.0, 65.0)}),
        ("P4", "routing", {"cost": {"ours": {"total": 3.61}, "straightforward": {"total": 7.5}}}),
        ("P4", "routing", {"cost": {"ours": {"total": 3.5}, "straightforward": {"total": 6.9}}}),
        ("P5", "burst", {"lost": 1}),
        ("P5", "burst", {"duplicated": 1}),
        ("P5", "burst", {"inbox": 999}),
        ("P8", "rota", {"compile_ms": {"ours": 43.0, "theirs": 128.0}}),
        ("P8", "rota", {"who_us": 1.1}),
        ("P10", "routing", {"log_bytes": {"ours": 61.0, "tutorial": 1300.0}}),
        ("P11", "paid", {"charged": 1513}),
        ("P11", "paid", {"heard": 1439}),
        ("P12", "webhook", {"facebook": 365.0}),
        ("P3", "cold", {"respond": (300.0, 65.0)}),
        ("desk", "desk", {"weight": {**WEIGHT, "files_served": 76_000}}),
        ("desk", "desk", {"weight": {**WEIGHT, "list_requests": 2}}),
        *(
            ("answer", "answering", {"calls": {**CALLS, step: {**CALLS[step], **worse}}})
            for step, worse in (
                ("approve", {"dynamodb.TransactWriteItems": 1.05}),
                ("respond", {"dynamodb.BatchGetItem": 1.05}),
                ("respond", {"http.POST": 1.05}),
            )
        ),
        *(
            ("guard", "guard", {"Allhours": {**a_run()["guard"]["Allhours"], **worse}})
            for worse in (
                {"bank": 0.984},
                {"precision": 0.989},
                {"foreign": 0.89},
                {"hard_negative": 0.011},
                {"background": 0.003},
                {"us": 151.0},
            )
        ),
    ],
)
def test_each_target_is_missed_by_a_little_too_much(target_id: str, part: str, worse: dict[str, Any]) -> None:
    assert missed(a_run(**{part: worse})) == {target_id}


@pytest.mark.parametrize("name", ["ingest_feeds", "desk", "respond"])
def test_what_speaks_to_others_may_be_slower_to_start_than_the_queues_but_not_larger(name: str) -> None:
    assert missed(a_run(cold={name: (400.0, 63.0)})) == set()


def test_the_calendars_of_the_peer_hold_the_same_rules_as_our_rota() -> None:
    for ours, theirs in zip(rota.ours(), rota.theirs(), strict=True):
        assert rota.on_duty_by_us(ours) == rota.on_duty_by_them(theirs)
        assert len(theirs) > 200


def test_the_document_shows_every_line_and_says_why_a_target_is_missed() -> None:
    run = a_run(routing={"cpu_us": {"ours": 900.0, "tutorial": 2700.0}})
    rows: list[Line] = list(lines(**run))
    text = report.markdown(rows, run, "two cores")
    assert all(f"| {row.metric} |" in text for row in rows)
    assert "| 0.33 | ≤ 0.25 | no |" in text
    assert "- **P2**: botocore" in text
    assert "two cores" in text
    assert "| GET /api/me | 0 | 600 µs | 1,200 µs | 120 | 2.0 |" in text
    assert "| forward: the stream's record | 1.00 | 300 µs | 0.0 | 1 SendMessageBatch |" in text
    assert "| peer | 0.800 | 0.990 | 0.950 | 0.910 | 0.600 | 0.300 | 6,000 |" in text


def test_without_the_shared_texts_the_guard_has_no_line_and_no_table() -> None:
    run = a_run() | {"guard": {}}
    rows = list(lines(**run))
    assert not [row for row in rows if row.target_id == "guard"]
    assert "beside its peers" not in report.markdown(rows, run, "two cores")


def test_a_batch_is_billed_for_its_processor_share_and_its_waiting() -> None:
    batch = cost.Invocation(items=10, cpu_ms=5.12, calls=11)
    assert batch.billed_ms == pytest.approx(5.12 * 1769 / 512 + 88)
    gb_s = batch.billed_ms / 1000 / 2
    assert batch.dollars(prices.LAMBDA_ARM) == pytest.approx((0.20 + gb_s * 13.3334) / 10)


def test_the_plans_two_durations_come_out() -> None:
    assert cost.Invocation(items=1, cpu_ms=2.7, calls=7).billed_ms == pytest.approx(60, abs=6)
    assert cost.Invocation(items=10, cpu_ms=3.71, calls=11).billed_ms == pytest.approx(100, abs=6)


def test_rows_and_logs_cost_what_the_plan_says() -> None:
    assert cost.rows(4, 0) == (2.5, 0)
    assert cost.logs(909, 1) == pytest.approx(0.63, abs=0.01)


@pytest.mark.parametrize(("size", "billed"), [(0, 1), (1, 1), (1024, 1), (1025, 2), (4096, 4)])
def test_units_are_begun_kilobytes(size: int, billed: int) -> None:
    assert units(size, 1024) == billed


def test_a_row_counts_names_and_values_in_utf_8() -> None:
    assert row_bytes({"key": {"S": "é"}, "v": {"N": "1234"}, "on": {"BOOL": True}}) == 5 + 5 + 3


def written(cloud: Cloud, operation: str, **asked: Any) -> Bill:
    cloud.bill = Bill()
    cloud.answer(f"before-send.dynamodb.{operation}", json.dumps(asked).encode())
    return cloud.bill


def a_put(**row: str) -> dict[str, Any]:
    return {"TableName": "records", "Item": {name: {"S": value} for name, value in row.items()}}


def test_a_transaction_costs_twice_and_an_index_entry_once() -> None:
    cloud = Cloud()
    put = a_put(key="CASE#1", list="KEPT#x", list_at="2026")
    assert written(cloud, "TransactWriteItems", TransactItems=[{"Put": put}]).write_units == 3
    assert written(cloud, "TransactWriteItems", TransactItems=[{"Put": put}]).write_units == 2
    assert written(cloud, "PutItem", **a_put(key="ITEM#1", text="x" * 1100)).write_units == 2


def test_a_failed_condition_is_told_and_paid_for_and_changes_nothing() -> None:
    cloud = Cloud()
    put = {
        **a_put(key="ITEM#1", text="first"),
        "ConditionExpression": "attribute_not_exists(#key)",
        "ExpressionAttributeNames": {"#key": "key"},
    }
    written(cloud, "PutItem", **put)
    bill = written(
        cloud, "TransactWriteItems", TransactItems=[{"Put": {**put, **a_put(key="ITEM#1", text="2")}}]
    )
    assert bill.write_units == 2
    assert b"ConditionalCheckFailed" in cloud.answers[-1][1]
    assert cloud.rows["records", "ITEM#1"]["text"] == {"S": "first"}


def test_an_update_sets_adds_and_removes_where_its_condition_holds() -> None:
    cloud = Cloud()
    written(cloud, "PutItem", **a_put(key="REPLY#1", st="ready", own="me"))
    update = {
        "TableName": "records",
        "Key": {"key": {"S": "REPLY#1"}},
        "UpdateExpression": "SET #st = :st, tries = tries + :one ADD spent :one REMOVE own",
        "ConditionExpression": "attribute_not_exists(done) AND #st = :was",
        "ExpressionAttributeNames": {"#st": "st"},
        "ExpressionAttributeValues": {":st": {"S": "claimed"}, ":was": {"S": "ready"}, ":one": {"N": "1"}},
    }
    written(cloud, "UpdateItem", **update)
    after = {"key": {"S": "REPLY#1"}, "st": {"S": "claimed"}, "tries": {"N": "1"}, "spent": {"N": "1"}}
    assert cloud.rows["records", "REPLY#1"] == after == updated(update, {"st": {"S": "ready"}})
    written(cloud, "UpdateItem", **update)
    assert b"ConditionalCheckFailed" in cloud.answers[-1][1]
    assert cloud.rows["records", "REPLY#1"] == after


@pytest.mark.parametrize(
    ("condition", "held"),
    [
        ("v = :two", True),
        ("v < :two", False),
        ("v <= :two", True),
        ("v < :ten", True),
        ("absent < :ten", False),
        ("attribute_not_exists(v) OR v = :ten", False),
        ("attribute_not_exists(v) OR (v = :two AND attribute_not_exists(done))", True),
    ],
)
def test_a_condition_is_met_as_dynamodb_meets_it(condition: str, held: bool) -> None:  # noqa: FBT001 - a table
    values = {":two": {"N": "2"}, ":ten": {"N": "10"}}
    write = {"ConditionExpression": condition, "ExpressionAttributeValues": values}
    assert holds(write, {"v": {"N": "2"}}) is held


def test_what_one_transaction_deletes_and_checks_is_paid_for_and_gone() -> None:
    cloud = Cloud()
    written(cloud, "PutItem", **a_put(key="DRAFT#1", list="DRAFTS#cards", list_at="2026"))
    key = {"TableName": "records", "Key": {"key": {"S": "DRAFT#1"}}}
    assert written(cloud, "TransactWriteItems", TransactItems=[{"ConditionCheck": key}]).write_units == 2
    assert written(cloud, "TransactWriteItems", TransactItems=[{"Delete": key}]).write_units == 3
    assert cloud.rows == {}


def test_a_list_comes_in_its_order_by_pages_and_within_its_bounds() -> None:
    cloud = Cloud()
    for number in (3, 1, 2):
        written(cloud, "PutItem", **a_put(key=f"CASE#{number}", due="CASES#cards", due_at=f"202{number}"))
    written(cloud, "PutItem", **a_put(key="CASE#4", due="CASES#payments", due_at="2021"))

    def listed(until: str, **more: Any) -> list[str]:
        values = {":name": {"S": "CASES#cards"}, ":until": {"S": until}}
        written(cloud, "Query", IndexName="due", ExpressionAttributeValues=values, **more)
        return [row["key"]["S"] for row in json.loads(cloud.answers[-1][1])["Items"]]

    assert listed("2022") == ["CASE#1", "CASE#2"]
    assert listed("9", ScanIndexForward=False, Limit=2) == ["CASE#3", "CASE#2"]
    assert b"LastEvaluatedKey" in cloud.answers[-1][1]


def test_what_loads_before_the_first_list_is_told_from_what_comes_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("OIDC_ISSUER", "OIDC_ORIGINS", "OIDC_CLIENT_ID"):
        monkeypatch.setenv(name, "")
    first = desk.loaded_first()
    assert first[0] == "/desk"
    assert {"/desk/app.css", "/desk/app.js", "/desk/inbox.js", "/desk/api.js", "/desk/config.json"} < set(
        first
    )
    assert not {"/desk/case.js", "/desk/composer.js", "/desk/lists.js"} & set(first)
    assert len(first) == len(set(first))


def test_percentiles_are_values_that_were_measured() -> None:
    assert percentile([4, 1, 3, 2], 50) == 2
    assert percentile(range(1, 101), 99) == 99
    assert percentile([7], 99) == 7


def test_a_read_costs_half_when_it_may_be_a_little_old_also_of_a_row_that_is_not_there() -> None:
    key = {"key": {"S": "ITEM#1"}}
    assert written(Cloud(), "GetItem", TableName="records", Key=key).read_units == 0.5
    assert written(Cloud(), "GetItem", TableName="records", Key=key, ConsistentRead=True).read_units == 1


def test_the_mix_of_items_is_as_it_is_told() -> None:
    mix = items()
    for name, share in SHARES.items():
        assert sum(item.network == name for item in mix) == share * len(mix) // 100
    conversations = {item.conversation_key for item in mix}
    assert len(conversations) / len(mix) == pytest.approx(OPENING / 100, abs=0.03)
    assert len({item.key for item in mix}) == len(mix)
