"""Values of the chart, swept: whatever is not refused in words makes an operator that starts, each value alone and each beside each other one."""

import itertools
import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
import yaml

from modelway.errors import InvalidSettings
from modelway.settings import Settings
from support.cluster import helm
from support.pages.strict_yaml import StrictLoader

helm_python = pytest.importorskip("helm_python")

Path = tuple[str, ...]
TEXTS = (
    "",
    "x",
    "X Y",
    "-x",
    "x" * 64,
    'a"b',
    "{{ . }}",
    "- x: y",
    "true",
    "0",
    "0.5",
    "1",
    "500m",
    "64Mi",
    "2Gi",
    "65Ti",
    "1e3",
    "r.example:5000/risk/server",
    "risk/server:1",
    "sha256:" + "a" * 64,
    "30s",
)
NUMBERS = (0, 1, 2, 8081, 8082, 1_000_000, 1 << 30, 1 << 60, 0.5, -1)
OBJECTS: tuple[dict[str, str], ...] = (
    {},
    {"x": "y"},
    {"app.kubernetes.io/name": "x"},
    {"name": "registry"},
    {"name": "MODELWAY_X", "value": "1"},
)
ANYTHING = (None, True, False, *TEXTS, *NUMBERS, *OBJECTS, [], ["x"], *([one] for one in OBJECTS))
OURS = ("values don't meet the specifications", "execution error at (")
"""How Helm begins when the schema, or a check of the templates by `fail`, refuses a value."""
NULL = "a null takes a value away: name it under `required` in values.schema.json, or let the templates do without it"


def leaves(schema: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Every value that is no block of values, with its schema."""
    for name, below in schema["properties"].items():
        if "properties" in below:
            yield from leaves(below, (*path, name))
        else:
            yield (*path, name), below


def bounds(schema: Mapping[str, Any]) -> list[Any]:
    """What the schema itself names: every word, and both sides of every bound."""
    edges = [schema[edge] + step for edge in ("minimum", "maximum") if edge in schema for step in (-1, 0, 1)]
    return [*schema.get("enum", ()), *edges]


SCHEMA = json.loads((helm.CHART / "values.schema.json").read_text())
LEAVES = dict(leaves(SCHEMA))


def values(*chosen: tuple[Path, Any]) -> dict[str, Any]:
    """Values with these leaves set."""
    values: dict[str, Any] = {}
    for path, value in chosen:
        block = values
        for name in path[:-1]:
            block = block.setdefault(name, {})
        block[path[-1]] = value
    return values


@cache
def _chart() -> Any:
    return helm_python.Chart.load(str(helm.CHART)).__enter__()


@cache
def _parse(text: str) -> list[Any]:
    """The manifests of a file. Most files are the same for most values, and only read here."""
    return list(yaml.load_all(text, StrictLoader))


def is_refused(values: Mapping[str, Any]) -> bool:
    """Whether the chart refuses values in words; an AssertionError where it fails otherwise, or makes an operator that does not start."""
    try:
        files = _chart().render(dict(values), name=helm.RELEASE, namespace="modelway-system")
    except helm_python.HelmError as error:
        if any(words in str(error) for words in OURS):
            return True
        raise AssertionError(f"{values}: {error} ({NULL})") from error
    manifests = {
        name: _parse(text) for name, text in files.items() if name.endswith(".yaml") and not name.endswith("/crd.yaml")
    }
    (deployment,) = manifests["modelway/templates/deployment.yaml"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    environment = {one["name"]: one.get("value", "") for one in container["env"]}
    assert len(environment) == len(container["env"]), f"{values}: a variable is set twice"
    assert all(isinstance(one, str) for one in environment.values()), f"{values}: {NULL}"
    try:
        Settings.from_environment(environment)
    except InvalidSettings as error:
        raise AssertionError(f"{values}: {error}") from error
    return False


@cache
def accepted_values(path: Path) -> tuple[Any, ...]:
    """The values of one leaf with which the operator starts."""
    tried = [*bounds(LEAVES[path]), *ANYTHING]
    return tuple(one for one in tried if not is_refused(values((path, one))))


@pytest.mark.parametrize("path", LEAVES, ids=".".join)
def test_a_value_alone_is_refused_or_starts(path: Path) -> None:
    assert accepted_values(path)


def _few(path: Path) -> list[tuple[Path, Any]]:
    """The first and the last of what is accepted: the ends of a range, a word and one that is odd."""
    known = accepted_values(path)
    chosen = {repr(one): one for one in (known[0], known[-1])}
    return [(path, one) for one in chosen.values()]


BLOCKS = sorted({path[0] for path in LEAVES})


@pytest.mark.parametrize("block", BLOCKS)
def test_values_of_one_block_together_are_refused_or_start(block: str) -> None:
    inside = [path for path in LEAVES if path[0] == block]
    for one, other in itertools.combinations(inside, 2):
        for pair in itertools.product(_few(one), _few(other)):
            is_refused(values(*pair))


def test_values_of_any_two_blocks_together_start() -> None:
    """In rows that set a value of every block at once, until each pair of them has met."""
    blocks = [[one for path in LEAVES if path[0] == block for one in _few(path)] for block in BLOCKS]
    wanted = {
        frozenset(pair)
        for left, right in itertools.combinations(range(len(blocks)), 2)
        for pair in itertools.product(
            ((left, index) for index in range(len(blocks[left]))),
            ((right, index) for index in range(len(blocks[right]))),
        )
    }
    while wanted:
        row = _row(blocks, wanted)
        wanted -= {frozenset(pair) for pair in itertools.combinations(row, 2)}
        assert not is_refused(values(*(blocks[block][index] for block, index in row)))


def _row(blocks: list[list[Any]], wanted: set[frozenset[tuple[int, int]]]) -> list[tuple[int, int]]:
    """A value of every block that meets many others for the first time."""
    row: list[tuple[int, int]] = sorted(next(iter(wanted)))
    for block in range(len(blocks)):
        if block not in {one for one, _ in row}:
            choices = ((block, index) for index in range(len(blocks[block])))
            row.append(max(choices, key=lambda choice: sum(frozenset((choice, other)) in wanted for other in row)))
    return row
