"""The template, against what the emulator cannot show: rights, time-outs, dead letters, names, alarms."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from allhours.domain.page import Why
from allhours.networks import NETWORKS, network_module
from tests.templates import PATHS, ROOT, functions, of_type, template, values

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOT_TEMPLATE = PATHS[0]
NESTED = PATHS[1:]
AROUND = ROOT / "infra" / "network.yaml"
FUNCTIONS = functions()
GLOBALS = template()["Globals"]["Function"]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text("utf-8")

# A wildcard is either here, with its reason, or a mistake.
WILD_ACTIONS = {
    "sns:Publish*": "in IAM sns:Publish alone, batches included; the local cloud has PublishBatch besides",
}
WILD_RESOURCES = {
    r"secret:allhours/\$\{Stage\}/[a-z]+/\*$": "AWS puts six random characters behind a secret's name; "
    "and a network has a secret for each account",
}
SAM_POLICIES = {
    "SQSSendMessagePolicy": "sqs:SendMessage* on one queue; the star covers batches",
    "SQSPollerPolicy": "receive, delete, change visibility, read attributes of one queue",
    "AWSSecretsManagerGetSecretValuePolicy": "secretsmanager:GetSecretValue on what it is given",
    "DynamoDBStreamReadPolicy": "read one stream; ListStreams knows no single stream, so all of that table",
}
# What each function may do to the table; more needs a reason in a review, and a change here.
READ_AGAIN = {"BatchGetItem", "Query"}
CARE = {"BatchGetItem"}  # how the connection was when it could last be looked at
RENEW_TOKENS = {"DeleteItem"}  # the lock
COUNT_COSTS = {"UpdateItem"}  # what paid reads and quota units cost
TABLE_RIGHTS = {
    "IngestX": {"GetItem", "PutItem"} | READ_AGAIN | RENEW_TOKENS | COUNT_COSTS,
    "IngestFacebook": {"GetItem", "PutItem"} | READ_AGAIN | RENEW_TOKENS,
    "IngestInstagram": {"GetItem", "PutItem"} | READ_AGAIN | RENEW_TOKENS,
    "IngestThreads": {"GetItem", "PutItem"} | READ_AGAIN | RENEW_TOKENS,
    "IngestWhatsapp": {"PutItem"} | CARE,  # no cursor: it is never polled
    "IngestMastodon": {"GetItem", "PutItem"} | READ_AGAIN,
    "IngestBluesky": {"GetItem", "PutItem"} | READ_AGAIN | RENEW_TOKENS,
    "IngestReddit": {"GetItem", "PutItem"} | READ_AGAIN | RENEW_TOKENS,
    "IngestYoutube": {"GetItem", "PutItem"} | READ_AGAIN | RENEW_TOKENS | COUNT_COSTS,
    "IngestTiktok": {"GetItem", "PutItem"} | READ_AGAIN | RENEW_TOKENS | COUNT_COSTS,
    "IngestTelegram": {"GetItem", "PutItem"} | CARE,
    "IngestLinkedin": {"GetItem", "PutItem"} | READ_AGAIN | RENEW_TOKENS | COUNT_COSTS,
    "IngestDiscourse": {"GetItem", "PutItem"} | READ_AGAIN,
    "IngestGoogleplay": {"GetItem", "PutItem"} | READ_AGAIN | COUNT_COSTS,
    "IngestAppstore": {"GetItem", "PutItem"} | READ_AGAIN,
    "IngestGooglebusiness": {"GetItem", "PutItem"} | READ_AGAIN,
    "IngestTrustpilot": {"GetItem", "PutItem"} | READ_AGAIN | RENEW_TOKENS,
    "IngestFeeds": {"GetItem", "PutItem"} | CARE,
    "Route": {"BatchGetItem", "GetItem", "PutItem"},
    "Park": {"PutItem"},
    "Respond": {"BatchGetItem", "ConditionCheckItem", "GetItem", "PutItem", "UpdateItem"} | RENEW_TOKENS,
    "Forward": {"GetItem", "PutItem", "UpdateItem"},
    "Watch": {"BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"},
    "Clock": {"BatchGetItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"},  # forgets
    "Prove": {"BatchGetItem", "GetItem", "PutItem", "Query"},
    "Cards": {"BatchGetItem", "PutItem"},
    "Accounts": set(),
    "Links": {"BatchGetItem", "GetItem", "PutItem", "Query", "UpdateItem"},
    "Desk": {"ConditionCheckItem", "DeleteItem", "GetItem", "PutItem", "UpdateItem"} | READ_AGAIN,
    "Notify": {"BatchGetItem", "PutItem"},
}
NEVER_RENEWS = {"whatsapp": "a system user's token does not run out; the Graph code it shares could renew"}
WRITES_LINKS = {"Forward", "Links", "Watch"}
LINKS = "integrations/${LinksIntegration}"
# Queues without dead letters of their own, and why.
LAST_RESORTS = {
    "DeadLetterQueue": "it is the dead letters",
    "DeadLetters": "they are the dead letters",
    "RepliesDeadLetters": "they are the dead letters",
    "WebhookDeadLetters": "they are the dead letters",
    "ForwardFailures": "a person reads it; the records themselves are in the table",
}
NAMES = {"AlarmName", "DashboardName", "FunctionName", "GroupName", "LogGroupName", "QueueName", "RoleName"}
NAMES |= {"TableName", "TopicName"}


def statements(name: str) -> Iterator[dict[str, Any]]:
    for policy in FUNCTIONS[name]["Policies"]:
        yield from policy.get("Statement", ())


def many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def seconds(name: str) -> int:
    return int(FUNCTIONS[name].get("Timeout", GLOBALS["Timeout"]))


def alarms() -> list[tuple[str, dict[str, Any]]]:
    found = [of_type("AWS::CloudWatch::Alarm", path) for path in PATHS]
    return [(name, each["Properties"]) for some in found for name, each in some.items()]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_may_do_nothing_by_wildcard_that_is_not_explained(name: str) -> None:
    for statement in statements(name):
        wild = {action for action in many(statement["Action"]) if "*" in action}
        assert wild <= set(WILD_ACTIONS), f"{name} may do {wild}"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_may_touch_nothing_by_wildcard_that_is_not_explained(name: str) -> None:
    for resource in (each for s in statements(name) for each in many(s["Resource"])):
        if "*" in str(resource):
            assert any(re.search(known, str(resource["Fn::Sub"])) for known in WILD_RESOURCES), (
                f"{name} may touch {resource}"
            )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_no_policy_whose_reach_is_not_known(name: str) -> None:
    for policy in FUNCTIONS[name]["Policies"]:
        assert isinstance(policy, dict), f"{name}: {policy} is a managed policy, which reaches everything"
        assert set(policy) <= {"Statement", *SAM_POLICIES}


def test_queues_and_streams_are_no_sam_events() -> None:
    """SAM would add a managed policy that reads every queue or stream of the AWS account."""
    events = [event["Type"] for each in FUNCTIONS.values() for event in each.get("Events", {}).values()]
    assert not {"SQS", "DynamoDB", "Kinesis"} & set(events)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_may_do_to_the_table_what_it_needs_and_no_more(name: str) -> None:
    allowed = {action for s in statements(name) for action in many(s["Action"])}
    assert {a.removeprefix("dynamodb:") for a in allowed if a.startswith("dynamodb:")} == TABLE_RIGHTS[name]


@pytest.mark.parametrize("network", NETWORKS)
def test_an_ingest_function_sees_the_secrets_of_its_network_only(network: str) -> None:
    policies = FUNCTIONS[f"Ingest{network.title()}"]["Policies"]
    secrets = [text for text in values(policies) if isinstance(text, str) and ":secret:" in text]
    assert len(secrets) == 1
    assert secrets[0].endswith(f":secret:allhours/${{Stage}}/{network}/*")


def test_whoever_writes_links_sees_their_key_and_nobody_else_any_secret() -> None:
    for name in FUNCTIONS:
        seen = [each for each in statements(name) if "secretsmanager" in str(each["Action"])]
        if name in WRITES_LINKS:
            assert [(each["Action"], each["Resource"]) for each in seen] == [
                ("secretsmanager:GetSecretValue", {"Fn::GetAtt": ["LinksKey", "Id"]})
            ]
        elif name == "Notify":
            assert [str(each["Resource"]).endswith("/webhooks/*'}") for each in seen] == [True]
        elif not name.startswith("Ingest") and name != "Respond":
            assert "secret" not in str(FUNCTIONS[name]).lower(), name


def test_respond_sees_the_secrets_of_networks_that_take_answers_and_renews_what_ingest_renews() -> None:
    seen = {
        str(each["Action"]).rpartition(":")[2]: {
            str(one["Fn::Sub"]).split("/")[-2] for one in each["Resource"]
        }
        for each in statements("Respond")
        if "secretsmanager" in str(each["Action"])
    }
    answered = {name for name in NETWORKS if hasattr(network_module(name), "answering")}
    renewed = {name for name in NETWORKS if "PutSecretValue" in str(FUNCTIONS[f"Ingest{name.title()}"])}
    assert seen == {"GetSecretValue": answered, "PutSecretValue": renewed & answered}


def test_the_key_of_the_links_is_made_by_aws_and_stands_where_secrets_are_looked_for() -> None:
    key = of_type("AWS::SecretsManager::Secret")["LinksKey"]["Properties"]
    prefix = FUNCTIONS["Links"]["Environment"]["Variables"]["SECRETS_PREFIX"]["Fn::Sub"]
    assert key["Name"] == {"Fn::Sub": f"{prefix}links"}
    assert key["GenerateSecretString"]["GenerateStringKey"] == "key"
    assert key["GenerateSecretString"]["PasswordLength"] >= 43, "256 bits of letters and digits"
    assert "SecretString" not in key


def test_a_token_is_in_no_access_log() -> None:
    written = of_type("AWS::ApiGatewayV2::Stage")["PublicStage"]["Properties"]["AccessLogSettings"]["Format"]
    assert "$context.routeKey" in written
    assert not re.search(r"\$context\.(path|protocol|.*query|.*path)", written, re.IGNORECASE)


def test_every_address_of_a_link_leads_to_links() -> None:
    routes = [each["Properties"] for each in of_type("AWS::ApiGatewayV2::Route").values()]
    links = {each["RouteKey"] for each in routes if each["Target"] == {"Fn::Sub": LINKS}}
    assert links == {each["RouteKey"] for each in routes if "{token}" in each["RouteKey"]}
    assert {"GET /pages/{token}", "HEAD /pages/{token}", "POST /pages/{token}"} < links
    assert {"GET /members/{token}", "POST /members/{token}", "GET /calendars/{token}"} < links


@pytest.mark.parametrize("name", of_type("AWS::Lambda::EventSourceMapping"))
def test_a_queue_hides_a_message_six_times_as_long_as_its_function_may_take(name: str) -> None:
    mapping = of_type("AWS::Lambda::EventSourceMapping")[name]["Properties"]
    queue = of_type("AWS::SQS::Queue").get(mapping["EventSourceArn"]["Fn::GetAtt"][0])
    if queue:
        assert queue["Properties"]["VisibilityTimeout"] >= 6 * seconds(mapping["FunctionName"]["Ref"])
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["BatchSize"] <= 10, "the local cloud hands over ten at most"


def test_a_function_is_over_before_its_next_tick() -> None:
    nightly = {"Cards", "Prove"}
    scheduled = {n for n, f in FUNCTIONS.items() if "ScheduleV2" in str(f.get("Events"))}
    assert nightly < scheduled
    assert all(seconds(name) < 60 for name in scheduled - nightly)
    for name in nightly:
        for event in FUNCTIONS[name]["Events"].values():
            assert event["Properties"]["ScheduleExpression"].startswith("cron(")


def test_a_late_tick_is_not_made_up_for() -> None:
    for name in ("Clock", "Watch"):
        assert FUNCTIONS[name]["EventInvokeConfig"]["MaximumRetryAttempts"] == 0
        (tick,) = FUNCTIONS[name]["Events"].values()
        assert tick["Properties"]["ScheduleExpression"] == "rate(1 minute)"
        assert tick["Properties"]["RetryPolicy"]["MaximumRetryAttempts"] == 0


def test_the_clock_asks_an_index_and_never_scans() -> None:
    indexes = of_type("AWS::DynamoDB::Table")["RecordsTable"]["Properties"]["GlobalSecondaryIndexes"]
    due = next(index for index in indexes if index["IndexName"] == "due")
    assert [each["AttributeName"] for each in due["KeySchema"]] == ["due", "due_at"]
    assert due["Projection"] == {"ProjectionType": "KEYS_ONLY"}
    asked = [str(each["Resource"]) for each in statements("Clock") if "Query" in str(each["Action"])]
    assert asked
    assert all("/index/" in each for each in asked)
    assert "Scan" not in str(FUNCTIONS)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_every_queue_keeps_what_fails_and_is_encrypted(path: Path) -> None:
    queues = of_type("AWS::SQS::Queue", path)
    for name, queue in queues.items():
        properties = queue["Properties"]
        assert properties["SqsManagedSseEnabled"] is True, name
        assert properties["MessageRetentionPeriod"] == 14 * 86_400, name
        if name in LAST_RESORTS:
            assert "RedrivePolicy" not in properties, name
        else:
            target = properties["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
            assert target in queues, name
            assert target in LAST_RESORTS, name


def test_what_the_stream_cannot_tell_is_kept_and_ends() -> None:
    mapping = of_type("AWS::Lambda::EventSourceMapping")["ForwardFromRecords"]["Properties"]
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"] == {
        "Fn::GetAtt": ["ForwardFailures", "Arn"]
    }
    assert 0 < mapping["MaximumRecordAgeInSeconds"] < 86_400, "the stream keeps a day"
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["BisectBatchOnFunctionError"] is True


def test_the_table_outlives_the_stack() -> None:
    table = of_type("AWS::DynamoDB::Table")["RecordsTable"]
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert table["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert table["Properties"]["SSESpecification"]["SSEEnabled"] is True
    assert template()["Parameters"]["DeletionProtection"]["Default"] == "true"


def test_customers_words_are_encrypted_on_topics() -> None:
    topics = of_type("AWS::SNS::Topic")
    assert topics["EventsTopic"]["Properties"]["KmsMasterKeyId"] == "alias/aws/sns"
    assert topics["PagesTopic"]["Properties"]["KmsMasterKeyId"] == "alias/aws/sns"


def test_cloudwatch_never_publishes_to_a_topic_with_the_key_of_aws() -> None:
    """CloudWatch may not use alias/aws/sns, and an alarm that cannot be delivered says nothing."""
    for nested in ("Alarms", "InboxCards"):
        given = template()["Resources"][nested]["Properties"]["Parameters"]
        topic = given.get("AlarmsTopicArn") or given["AlarmTopicArn"]
        assert "KmsMasterKeyId" not in of_type("AWS::SNS::Topic")[topic["Ref"]]["Properties"]


@pytest.mark.parametrize("path", NESTED, ids=lambda path: path.name)
def test_a_nested_template_is_plain_cloudformation(path: Path) -> None:
    assert "Transform" not in template(path)
    assert not [each for each in template(path)["Resources"].values() if "Serverless" in each["Type"]]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_every_parameter_and_output_says_what_it_is(path: Path) -> None:
    for part in ("Parameters", "Outputs"):
        for name, each in template(path).get(part, {}).items():
            assert each.get("Description"), f"{path.name}: {name}"


def test_every_parameter_has_a_default() -> None:
    assert not [name for name, each in template()["Parameters"].items() if "Default" not in each]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_two_stages_fit_into_one_aws_account(path: Path) -> None:
    for name, each in template(path)["Resources"].items():
        for key in NAMES & set(each.get("Properties", {})):
            assert "Ref" in each["Properties"][key], f"{name} has a fixed {key}"
    for properties in functions().values() if path == ROOT_TEMPLATE else ():
        for event in properties.get("Events", {}).values():
            assert event["Type"] != "ScheduleV2" or event["Properties"]["OmitName"] is True


@pytest.mark.parametrize("network", NETWORKS)
def test_a_networks_function_can_be_left_out(network: str) -> None:
    condition = f"{network.title()}On"
    assert template()["Resources"][f"Ingest{network.title()}"]["Condition"] == condition
    assert template()["Conditions"][condition] == {
        "Fn::Equals": [{"Ref": f"{network.title()}Enabled"}, "true"]
    }


@pytest.mark.parametrize("part", ["Resources", "Outputs"])
def test_what_is_left_out_is_needed_by_nothing_that_stays(part: str) -> None:
    conditional = {n: c["Condition"] for n, c in template()["Resources"].items() if "Condition" in c}
    for name, each in template()[part].items():
        for needed in _needs(each) & set(conditional):
            assert conditional[needed] == each.get("Condition", ""), f"{name} needs {needed}"


def _needs(value: Any) -> set[str]:
    """Return the resources that a value needs whatever the conditions say."""
    match value:
        case {"Fn::If": _}:
            return set()
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
            return {name}
        case {"Fn::Sub": str(text)}:
            return set(re.findall(r"\$\{(\w+)", text))
        case dict() | list():
            inner = value.values() if isinstance(value, dict) else value
            return {name for each in inner for name in _needs(each)}
    return set()


def test_single_pollers_reserve_by_a_value_that_the_local_cloud_can_tell() -> None:
    polled = [f"Ingest{n.title()}" for n in NETWORKS if not network_module(n).capabilities.pushes]
    assert len(polled) > 5
    for name in polled:
        assert FUNCTIONS[name]["ReservedConcurrentExecutions"] == {"Ref": "PollersAtOnce"}
    assert template()["Parameters"]["PollersAtOnce"]["MinValue"] == 2, "a poll and a re-read share it"


def test_every_function_and_every_queue_has_its_alarms() -> None:
    watched = {
        (each["MetricName"], value["Ref"])
        for _, each in alarms()
        for value in (d["Value"] for d in each.get("Dimensions", ()))
        if "Ref" in value
    }
    for name in FUNCTIONS:
        if name.startswith("Ingest"):
            continue  # below
        assert {("Errors", name), ("Throttles", name)} <= watched
        if "ScheduleV2" in str(FUNCTIONS[name].get("Events")) and name != "Clock":
            assert ("Invocations", name) in watched
    assert ("ApproximateAgeOfOldestMessage", "CommonQueue") in watched
    assert ("ApproximateNumberOfMessagesVisible", "ForwardFailures") in watched
    assert ("IteratorAge", "Forward") in watched


def test_a_clock_that_stands_still_is_missed_within_five_minutes() -> None:
    late = dict(alarms())["ClockLate"]
    assert (late["MetricName"], late["TreatMissingData"]) == ("Ticks", "breaching")
    assert late["Period"] * late["EvaluationPeriods"] == 300


def test_a_night_without_a_proof_is_missed() -> None:
    missed = dict(alarms())["ProveStopped"]
    assert (missed["MetricName"], missed["TreatMissingData"]) == ("Invocations", "breaching")
    assert missed["Period"] * missed["EvaluationPeriods"] == 26 * 3600
    assert dict(alarms())["ProveErrors"]["EvaluationPeriods"] == 1, "one failed night is not three"


@pytest.mark.parametrize(
    ("name", "alarm"), alarms(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_an_alarm_names_its_heading_in_the_runbook(name: str, alarm: dict[str, Any]) -> None:
    named = re.match(r"Runbook: (.+?)\. ", alarm["AlarmDescription"]["Fn::Sub"])
    assert named, f"{name} names no heading"
    assert f"\n## {named[1]}\n" in RUNBOOK, f"{name}: docs/runbook.md has no heading “{named[1]}”"


@pytest.mark.parametrize("why", Why)
def test_a_kind_of_page_has_its_heading_in_the_runbook(why: Why) -> None:
    assert re.search(rf"^## .+\n\nPage `{why.value}`", RUNBOOK, re.MULTILINE)


def test_what_pages_call_the_runbook_is_there() -> None:
    named = re.findall(r"heading “(.+?)”", (ROOT / "shared/allhours/domain/page.py").read_text("utf-8"))
    assert named
    assert all(f"\n## {heading}\n" in RUNBOOK for heading in named)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_network_has_its_alarms_and_its_webhook_around_it_unless_it_is_off(network: str) -> None:
    function, can = f"Ingest{network.title()}", network_module(network).capabilities
    stack = of_type("AWS::CloudFormation::Stack")[f"Network{network.title()}"]
    assert stack["Condition"] == f"{network.title()}On"
    given = stack["Properties"]["Parameters"]
    assert (given["Network"], given["FunctionName"]) == (network, {"Ref": function})
    assert ("WebhookApi" in given) == bool(can.pushes)
    often = {"Poll", "Reread"} & set(FUNCTIONS[function]["Events"])
    assert given.get("CalledEvery", 900) == (900 if often else 3600)


def test_around_a_network_every_way_of_not_being_heard_has_an_alarm() -> None:
    watched = {
        each["Properties"]["MetricName"] for each in of_type("AWS::CloudWatch::Alarm", AROUND).values()
    }
    assert watched == {"Troubles", "MissedByWebhook", "Invocations", "Errors", "Throttles"}
    routes = of_type("AWS::ApiGatewayV2::Route", AROUND).values()
    assert {each["Properties"]["RouteKey"]["Fn::Sub"] for each in routes} == {
        "GET /webhooks/${Network}",
        "POST /webhooks/${Network}",
    }
    assert all(each["Condition"] == "Pushed" for each in routes)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_function_may_store_a_renewed_token_and_count_costs_only_if_its_network_does(network: str) -> None:
    function, can = FUNCTIONS[f"Ingest{network.title()}"], network_module(network).capabilities
    renews = "secretsmanager:PutSecretValue" in str(function["Policies"])
    can_renew = any(".renew(" in path.read_text("utf-8") for path in parts_of(network))
    assert renews == (can_renew and network not in NEVER_RENEWS)
    assert ("dynamodb:UpdateItem" in str(function["Policies"])) == (can.budget is not None)


def parts_of(network: str) -> set[Path]:
    """Return the files of a network and those of its neighbours that they import, directly or not."""
    folder = ROOT / "shared" / "allhours" / "networks"
    found: set[Path] = set()
    todo = {folder / f"{network}.py"}
    while todo:
        path = todo.pop()
        found.add(path)
        text = path.read_text("utf-8")
        imported = set(re.findall(r"from allhours\.networks\.([\w.]+) import", text))
        imported |= {
            f"{part}.{name}"
            for part, name in re.findall(r"from allhours\.networks\.(_\w+) import (\w+)", text)
        }
        named = {folder.joinpath(*name.split(".")).with_suffix(".py") for name in imported}
        todo |= {each for each in named if each.is_file()} - found
    return found
