"""The alerts of the chart ask for metrics and labels that the programs really publish, and the page tells of the same alerts."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from modelway.metrics import RENAMED as OPERATORS_OLD
from modelway_server.telemetry.metrics import RENAMED as SERVERS_OLD
from support.operator.scrapes import operators, servers

ROOT = Path(__file__).resolve().parents[2]
RULES = yaml.safe_load((ROOT / "charts" / "modelway" / "files" / "alerts.yaml").read_text())
ALERTS = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}
OF_THE_TARGET = {"namespace", "pod", "job", "instance"}
"""Labels that Prometheus adds to what it scrapes."""


def _published_labels() -> dict[str, set[str]]:
    """The name of each sample with its labels."""
    labels: dict[str, set[str]] = {}
    for text in (operators(), servers()):
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels.setdefault(sample.name, set()).update(sample.labels)
    return labels


PUBLISHED = _published_labels()


def _parts(expression: Any) -> Iterator[Any]:
    """An expression with all below it."""
    yield expression
    below = [getattr(expression, name, None) for name in ("lhs", "rhs", "expr", "param", "vector_selector")]
    for part in (*below, *(getattr(expression, "args", None) or ())):
        if part is not None:
            yield from _parts(part)


def _parse(alert: str) -> Any:
    return promql.parse(ALERTS[alert]["expr"].replace("RESYNC_SECONDS", "300"))


def _selectors(expression: Any) -> list[Any]:
    return [part for part in _parts(expression) if isinstance(part, promql.VectorSelector)]


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_asks_for_metrics_that_are_published(alert: str) -> None:
    names = [one.name for one in _selectors(_parse(alert))]
    assert names
    assert set(names) <= PUBLISHED.keys()
    assert not set(names) & {*OPERATORS_OLD.values(), *SERVERS_OLD.values()}, "these go with the next release"


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_chooses_and_groups_by_labels_that_are_there(alert: str) -> None:
    expression = _parse(alert)
    selectors = _selectors(expression)
    chosen = {matcher.name for one in selectors for matcher in one.matchers.matchers}
    modifiers = [getattr(part, "modifier", None) for part in _parts(expression)]
    grouped = {label for one in modifiers for label in getattr(one, "labels", None) or ()}
    present = set.intersection(*(PUBLISHED[one.name] for one in selectors)) | OF_THE_TARGET
    assert chosen | grouped <= present


@pytest.mark.parametrize("alert", ALERTS)
def test_alert_has_a_severity_and_a_summary(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"].keys() == {"summary", "description"}
    shown = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    modifiers = [getattr(part, "modifier", None) for part in _parts(_parse(alert))]
    assert shown <= {label for one in modifiers for label in getattr(one, "labels", None) or ()}


def test_page_lists_every_alert_and_no_other() -> None:
    page = (ROOT / "docs" / "operating.md").read_text()
    rows = re.findall(r"^\| `(Modelway\w+)` \| (\w+) after (\w+) \|", page, re.MULTILINE)
    assert rows == [(name, rule["labels"]["severity"], rule["for"]) for name, rule in ALERTS.items()]
