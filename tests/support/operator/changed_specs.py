"""Hypothesis strategies for ModelDeployments that may be illegal: legal ones with a few things changed anywhere."""

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from support.operator.legal_specs import manifests
from support.operator.specs import Object

Path = tuple[str | int, ...]

JUNK: tuple[Any, ...] = (
    None,
    "",
    "x",
    "X Y",
    "2",
    "500m",
    "1Gi",
    "a" * 300,
    "grün\u2028😀",
    "nul\0",
    "file:///models/m.joblib",
    "s3://models/../m.joblib",
    "MODELWAY_X",
    "In",
    "Exists",
    "NoExecute",
    0,
    -1,
    1,
    2,
    1001,
    1 << 40,
    1 << 70,
    1.5,
    True,
    [],
    {},
    ["x"],
    [None],
    {"x": "y"},
    {"replicas": 1, "max": 2},
    {"min": 5, "max": 2},
    {"maxSurge": 0},
    {"maxSurge": "0%", "maxUnavailable": "0%"},
    {"strategy": "Rolling", "paused": True},
    {"strategy": "BlueGreen", "steps": [{"weight": 5}], "timeout": "10m"},
    {"strategy": "Canary", "steps": [{"weight": 5, "hold": "24h"}, {"weight": 5}]},
    {"strategy": "Shadow", "mirror": 50, "analysis": {"tolerance": "0%"}},
    {"strategy": "Canary", "sticky": {"header": "x user"}, "onTimeout": "Pause"},
    {"nvidia.com/gpu": 1},
    {"requests": {"nvidia.com/gpu": 1}, "limits": {"nvidia.com/gpu": "2"}},
    {"requests": {"ephemeral-storage": "1024Mi"}, "limits": {"ephemeral-storage": 1}},
    {"requests": {"cpu": "2", "memory": "2Gi"}, "limits": {"cpu": "1500m", "memory": 1000000000}},
)
KEYS = (
    "x",
    "Name",
    "replicas",
    "min",
    "cpu",
    "ephemeral-storage",
    "nvidia.com/gpu",
    "labels",
    "annotations",
    "generateName",
    "namespace",
    "status",
    "a b",
    "modelway.dev/name",
)


def mutants() -> st.SearchStrategy[Object]:
    """About half of them are refused."""
    return st.one_of(manifests(), _mutants(1), _mutants(1), _mutants(3))


@st.composite
def _mutants(draw: st.DrawFn, most: int) -> Object:
    mutant = copy.deepcopy(draw(manifests()))
    for _ in range(draw(st.integers(1, most))):
        path = draw(st.sampled_from(sorted(_paths(mutant), key=str)))
        _change(draw, _at(mutant, path[:-1]), path[-1])
    return mutant


def _change(draw: st.DrawFn, parent: Any, step: Any) -> None:
    kind = draw(st.sampled_from(["replace", "replace", "remove", "repeat", "add"]))
    if kind == "remove":
        del parent[step]
    elif kind == "repeat" and isinstance(parent, list):
        parent.append(copy.deepcopy(parent[step]))
    elif kind == "add" and isinstance(parent[step], dict):
        parent[step][draw(st.sampled_from(KEYS))] = copy.deepcopy(draw(st.sampled_from(JUNK)))
    else:
        parent[step] = copy.deepcopy(draw(st.sampled_from(JUNK)))


def _paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every place below the object itself, but for what says where to send it."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in children:
        here = (*path, step)
        if here not in {("apiVersion",), ("kind",), ("metadata", "namespace")}:
            if here != ("metadata",):
                yield here
            yield from _paths(item, here)


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value
