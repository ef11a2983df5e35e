"""The house tests itself: a network half added, a setting given to nobody, a document or metric missing."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from typing import TYPE_CHECKING

import pytest

from allhours.aws import metrics
from allhours.networks import NETWORKS, RETIRED, network_module
from tests.templates import PATHS, ROOT, functions, of_type, template, values

if TYPE_CHECKING:
    from pathlib import Path

ALLHOURS = ROOT / "shared" / "allhours"
AWS = ALLHOURS / "aws"
FUNCTIONS = functions()
EVERYWHERE = template()["Globals"]["Function"]["Environment"]["Variables"]
# Read by libraries, not by us.
NOT_OURS = {
    "POWERTOOLS_LOG_LEVEL": "Powertools' Logger",
    "POWERTOOLS_METRICS_NAMESPACE": "Powertools' Metrics",
    "POWERTOOLS_SERVICE_NAME": "Powertools' Logger and Metrics",
    "PYTHONTZPATH": "Python's zoneinfo",
}
DOCUMENTS = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "docs/adding-a-network.md",
    "docs/api.md",
    "docs/answer-cards.md",
    "docs/benchmarks.md",
    "docs/business-units.md",
    "docs/case-event.schema.json",
    "docs/changes.md",
    "docs/cover.md",
    "docs/decisions",
    "docs/deploy.md",
    "docs/erasure.md",
    "docs/escalation.md",
    "docs/glossary.md",
    "docs/networks.md",
    "docs/notice.schema.json",
    "docs/openapi.json",
    "docs/organisation.md",
    "docs/organisation.schema.json",
    "docs/runbook.md",
    "docs/same-question.md",
    "docs/staffing.md",
    "docs/webhooks.md",
)


# Networks

ADAPTERS = [f"networks/{name}.py" for name in (*NETWORKS, *RETIRED)]


@pytest.mark.parametrize("network", NETWORKS)
def test_a_network_is_whole(network: str) -> None:
    for path in (
        f"shared/allhours/networks/{network}.py",
        f"functions/ingest_{network}/app.py",
        f"infra/local/standins/{network}.py",
        f"docs/networks/{network}.md",
    ):
        assert (ROOT / path).is_file(), f"{network} has no {path}"
    assert f"Ingest{network.title()}" in FUNCTIONS, f"{network} has no block in template.yaml"
    fixtures = ROOT / "tests" / "fixtures" / network
    assert any(fixtures.glob("*")), f"{network} has no fixtures in {fixtures.relative_to(ROOT)}"


@pytest.mark.parametrize("network", NETWORKS)
def test_every_promise_of_a_network_says_how_it_stands_and_why_not(network: str) -> None:
    for column, promise in promises(network).items():
        assert re.match(r"(done\b|(todo|exempt)\b.)", promise), f"{network}, {column}: {promise!r}"


@pytest.mark.parametrize("network", NETWORKS)
def test_what_a_network_promises_is_what_its_manifest_says(network: str) -> None:
    can, told = network_module(network).capabilities, promises(network)
    for column, really in {
        "private items": can.private_items.can,
        "edits": can.edits.can,
        "deletions": can.deletes.can,
        "authors looked up": can.authors_by_look_up,
        "webhook": bool(can.pushes),
        "public answers": can.replies.can,
        "private answers": can.private_replies.can,
        "moving to private": can.moves_to_private.can,
        "hiding": can.hides.can,
        "deleting our answer": can.withdraws.can,
        "found again": can.found_again.can,
        "safe to send twice": can.idempotent_replies,
        "storage limit": can.storage_within is not None,
        "budget": can.budget is not None,
    }.items():
        wanted = r"\bdone\b" if really else r"\b(todo|exempt)\b"
        assert re.search(wanted, told[column]), f"{network}, {column}: {told[column]!r}"


def promises(network: str) -> dict[str, str]:
    """Return what docs/networks.md promises of a network, by the column's heading; a row in each table."""
    text = (ROOT / "docs" / "networks.md").read_text("utf-8")
    heads = re.findall(r"^\| network \| (.+) \|$", text, re.MULTILINE)
    rows = re.findall(rf"^\| {network} \| (.+) \|$", text, re.MULTILINE)
    assert heads
    assert len(rows) == len(heads), f"docs/networks.md: {len(heads)} tables, {len(rows)} rows of {network}"
    columns = [column for head in heads for column in head.split(" | ")]
    return dict(zip(columns, (cell for row in rows for cell in row.split(" | ")), strict=True))


@pytest.mark.parametrize("network", [*NETWORKS, *RETIRED])
def test_a_networks_page_shows_the_lines_of_the_organisation_file_and_what_somebody_needs(
    network: str,
) -> None:
    text = (ROOT / "docs" / "networks" / f"{network}.md").read_text("utf-8")
    assert text.startswith(f"# {network}\n")
    assert re.search(rf"^```yaml\n(networks:\n  )?{network}:", text, re.MULTILINE)
    needed = (r"\*\*Secret\*\*", r"(\*\*|^## )Costs\b", r"(?i)left alone", r"^Webhooks?\b")
    for told in needed if network in NETWORKS else ():
        assert re.search(told, text, re.MULTILINE), f"docs/networks/{network}.md does not tell {told}"


@pytest.mark.parametrize(
    "path",
    [
        *(ALLHOURS / "networks").glob("_*.py"),
        *(ALLHOURS / "networks").glob("_*/*.py"),
        *map(ALLHOURS.joinpath, ADAPTERS),
        *(ROOT / "infra" / "local" / "standins").glob("*.py"),
    ],
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_no_adapter_and_no_stand_in_is_longer_than_a_person_reads_at_once(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 400


def test_no_network_is_left_over() -> None:
    built = {name.removeprefix("Ingest").lower() for name in FUNCTIONS if name.startswith("Ingest")}
    folders = {path.name.removeprefix("ingest_") for path in (ROOT / "functions").glob("ingest_*")}
    assert built == folders == set(NETWORKS)


@pytest.mark.parametrize("network", NETWORKS)
def test_what_a_network_can_do_is_what_wakes_its_function(network: str) -> None:
    function, can = f"Ingest{network.title()}", network_module(network).capabilities
    events = FUNCTIONS[function]["Events"]
    source = (ALLHOURS / "networks" / f"{network}.py").read_text("utf-8")
    assert ("CaseOpened" in events) == can.authors_by_look_up, "author look-ups"
    again = "def reread(" in source or can.storage_within is not None
    assert ("Reread" in events) == again, "reading again, or taking back what may not be kept"
    assert ("Poll" in events) == (can.polls_every is not None), "polling"
    assert "Care" in events


@pytest.mark.parametrize("network", NETWORKS)
def test_a_function_that_looks_up_authors_is_woken_by_its_own_network_only(network: str) -> None:
    for event in FUNCTIONS[f"Ingest{network.title()}"]["Events"].values():
        if event["Type"] == "SNS":
            assert event["Properties"]["FilterPolicy"] == {
                "event": ["case.opened", "case.reopened"],
                "network": [network],
                "author_known": ["false"],
            }


# Functions and settings


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_its_folder_in_camel_case(name: str) -> None:
    folder = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    assert FUNCTIONS[name]["CodeUri"] == f"functions/{folder}/"
    assert (ROOT / "functions" / folder / "app.py").is_file()


def test_every_function_folder_is_in_the_template() -> None:
    folders = {f"functions/{path.parent.name}/" for path in (ROOT / "functions").glob("*/app.py")}
    assert folders == {each["CodeUri"] for each in FUNCTIONS.values()}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_given_the_settings_it_reads_and_no_others(name: str) -> None:
    given = set(FUNCTIONS[name].get("Environment", {}).get("Variables", {}))
    read = settings_of(name)
    assert read - given - set(EVERYWHERE) == set(), f"{name} reads what template.yaml does not give"
    assert given - read == set(), f"template.yaml gives {name} what it does not read"


def test_what_every_function_is_given_is_read() -> None:
    read = set().union(*(settings_of(name) for name in FUNCTIONS)) | _settings_named(
        _tree(AWS / "settings.py")
    )
    assert set(EVERYWHERE) - read == set(NOT_OURS)


def test_every_setting_is_given_to_some_function() -> None:
    given = set(EVERYWHERE).union(
        *(f.get("Environment", {}).get("Variables", {}) for f in FUNCTIONS.values())
    )
    assert _settings_named(_tree(AWS / "settings.py")) <= given


def settings_of(name: str) -> set[str]:
    """Return the environment variables that a function's code reaches, from its handler on, by reading it."""
    app = _tree(ROOT / FUNCTIONS[name]["CodeUri"] / "app.py")
    found: set[str] = set()
    seen: set[tuple[str, str]] = set()
    todo = [
        (_in_aws(node.module), alias.name)
        for node in ast.walk(app)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("allhours.aws")
        for alias in node.names
    ]
    while todo:
        module, symbol = todo.pop()
        path = AWS / f"{module}.py"
        if (module, symbol) in seen or not path.is_file():
            continue
        seen.add((module, symbol))
        tree = _tree(path)
        for definition in tree.body:
            if getattr(definition, "name", "") == symbol:
                found |= _settings_named(definition)
                todo += _reached(definition, module, _imported(tree))
    return found


def _imported(tree: ast.Module) -> dict[str, tuple[str, str]]:
    """Return where the names come from that a module or its functions take from its neighbours."""
    return {
        alias.asname or alias.name: (_in_aws(node.module), alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("allhours.aws.")
        for alias in node.names
    }


def _in_aws(module: str | None) -> str:
    """Return where a module is below aws, as a path: desk_api/ports."""
    return str(module).removeprefix("allhours.aws").strip(".").replace(".", "/")


def _reached(definition: ast.AST, module: str, imported: dict[str, tuple[str, str]]) -> list[tuple[str, str]]:
    """Return what a definition uses: names of its module, or taken from others; attributes of neighbours."""
    names = [
        imported.get(node.id, (module, node.id))
        for node in ast.walk(definition)
        if isinstance(node, ast.Name)
    ]
    attributes = [
        (node.value.id, node.attr)
        for node in ast.walk(definition)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    ]
    return names + attributes


def _settings_named(definition: ast.AST) -> set[str]:
    """Return the literals handed to `setting` or `environ.get`."""
    return {
        node.args[0].value
        for node in ast.walk(definition)
        if isinstance(node, ast.Call)
        and (getattr(node.func, "id", "") == "setting" or ast.unparse(node.func).endswith("environ.get"))
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


# Documents


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_document_that_others_rely_on_is_there(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize(
    "path", sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]), ids=lambda path: path.name
)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", path.read_text("utf-8")):
        assert (path.parent / link).exists(), link


def test_business_units_are_told_every_event_there_is() -> None:
    schema = json.loads((ROOT / "docs" / "case-event.schema.json").read_text("utf-8"))
    text = (ROOT / "docs" / "business-units.md").read_text("utf-8")
    told = re.findall(r"^\| `(\w+\.\w+)` \|", text, re.MULTILINE)
    assert sorted(told) == sorted(schema["properties"]["event"]["enum"])


@pytest.mark.parametrize("output", template()["Outputs"])
def test_an_output_is_an_output_of_something_that_exists(output: str) -> None:
    resources = template()["Resources"]
    named = [
        value.get("Ref") or value["Fn::GetAtt"][0]
        for value in values(template()["Outputs"][output]["Value"])
        if isinstance(value, dict) and ({"Ref", "Fn::GetAtt"} & set(value))
    ]
    assert named
    assert set(named) <= set(resources)


# Metrics


def emitted() -> set[tuple[str, tuple[str, ...]]]:
    """Return (metric, dimensions) as the code emits them."""
    ingest = {(name, ("network", "service")) for name in (*metrics.INGEST, *metrics.RECONCILED)}
    return ingest | {
        (name, ("service",))
        for names in (
            metrics.ROUTE,
            metrics.PAGING,
            metrics.FORWARD,
            metrics.PARK,
            metrics.RESPOND,
            metrics.CARDS,
            metrics.NOTIFY,
            metrics.WATCH,
            metrics.CLOCK,
            metrics.PROVE,
        )
        for name in names
    }


def test_the_names_of_metrics_are_those_that_the_code_emits() -> None:
    called: set[str] = set()
    for path in AWS.glob("*.py"):
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "emit":
                assert isinstance(node.args[0], ast.Dict), f"{path.name}: emit names its counters in place"
                spread = (
                    None in node.args[0].keys
                )  # a `**`: the parts of the whole are named elsewhere in the file
                called |= _words_of(_tree(path) if spread else node.args[0])
    assert called == {name for name, _ in emitted()}


def _words_of(tree: ast.AST) -> set[str]:
    """Return the texts that are keys of dictionaries."""
    dicts = [node for node in ast.walk(tree) if isinstance(node, ast.Dict)]
    return {str(key.value) for each in dicts for key in each.keys if isinstance(key, ast.Constant)}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_an_alarm_watches_a_metric_that_is_emitted(path: Path) -> None:
    for name, each in of_type("AWS::CloudWatch::Alarm", path).items():
        properties = each["Properties"]
        if properties["Namespace"] == EVERYWHERE["POWERTOOLS_METRICS_NAMESPACE"]:
            dimensions = tuple(sorted(dimension["Name"] for dimension in properties["Dimensions"]))
            assert (properties["MetricName"], dimensions) in emitted(), name
            given = {dimension["Name"]: dimension["Value"] for dimension in properties["Dimensions"]}
            assert given["service"] == EVERYWHERE["POWERTOOLS_SERVICE_NAME"], name
            assert given.get("network", NETWORKS[0]) in (*NETWORKS, {"Ref": "Network"}), name


def test_the_dashboard_shows_metrics_that_are_emitted() -> None:
    body = of_type("AWS::CloudWatch::Dashboard", ROOT / "infra" / "dashboard.yaml")["Dashboard"][
        "Properties"
    ]["DashboardBody"]["Fn::Sub"]
    shown = set()
    for row in (row for each in json.loads(body)["widgets"] for row in each["properties"].get("metrics", ())):
        if row[0] == "Allhours":
            parts = [part for part in row[1:] if isinstance(part, str)]
            shown.add((parts[0], tuple(sorted(parts[1::2]))))
        elif isinstance(row[0], dict):
            found = re.search(r"\{Allhours,([a-z,]+)\}.*MetricName=\"(\w+)\"", row[0]["expression"])
            assert found, row
            shown.add((found[2], tuple(sorted(found[1].split(",")))))
    assert shown
    assert shown <= emitted()
