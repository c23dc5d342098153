"""Metrics of both programs: names and labels as Prometheus wants them, and no label that holds free text.

Sources: Prometheus, "Metric and label naming"; the linter of `promtool check metrics`.
"""

import re
from collections.abc import Iterator

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from modelway.metrics import RENAMED as OPERATORS_OLD
from modelway.metrics import REPLACED
from modelway_server.telemetry.metrics import RENAMED as SERVERS_OLD
from support.operator.scrapes import operators, servers

OLD = {*OPERATORS_OLD.values(), *SERVERS_OLD.values(), *REPLACED}
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
TIMES = ("_duration_seconds", "_timestamp_seconds", "_lag_seconds")
OTHER_UNITS = {"ms", "milliseconds", "minutes", "hours", "days", "kilobytes", "megabytes", "mb", "percent"}
WORD = re.compile(r"[\w.:+/-]*")
"""A value that is one word: whoever writes a rule can name it."""


def families() -> Iterator[Metric]:
    """All metrics of both programs."""
    for text in (operators(), servers()):
        yield from text_string_to_metric_families(text)


CURRENT = [family for family in families() if family.name not in OLD and not family.name.endswith("_created")]


def faults(family: Metric) -> Iterator[str]:
    """What is wrong with a metric."""
    name = family.name
    parts = set(name.split("_"))
    if not NAME.fullmatch(name) or not name.startswith("modelway_"):
        yield "no modelway_ and snake case"
    if family.type == "counter" and not all(sample.name.endswith(("_total", "_created")) for sample in family.samples):
        yield "a counter without _total"
    if family.type != "counter" and name.endswith(("_total", "_count", "_sum", "_bucket")):
        yield "the suffix of another type"
    if parts & OTHER_UNITS or parts & {family.type}:
        yield "a unit that is no base unit, or the type, in its name"
    if "seconds" in parts and not name.endswith(TIMES):
        yield "seconds of what"
    if not family.documentation.endswith("."):
        yield "no sentence of help"


@pytest.mark.parametrize("family", CURRENT, ids=lambda family: family.name)
def test_a_metric_is_named_as_prometheus_wants(family: Metric) -> None:
    assert list(faults(family)) == []


@pytest.mark.parametrize("family", CURRENT, ids=lambda family: family.name)
def test_no_label_holds_free_text(family: Metric) -> None:
    labels = {name: value for sample in family.samples for name, value in sample.labels.items()}
    assert all(NAME.fullmatch(name) for name in labels)
    assert not labels.keys() & {"reason", "message", "error", "path", "uri"}
    assert all(WORD.fullmatch(value) for value in labels.values())


def test_renamed_metrics_have_both_names() -> None:
    published = {family.name: family for family in families()}
    for new, old in {**OPERATORS_OLD, **SERVERS_OLD}.items():
        ours, theirs = ([(sample.labels, sample.value) for sample in published[name].samples] for name in (new, old))
        assert ours == theirs
        assert published[new].type == published[old].type
