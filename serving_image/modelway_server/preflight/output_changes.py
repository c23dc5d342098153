"""Compare what two models answer. Pure."""

from collections.abc import Sequence
from typing import Any

from modelway_server.contract.names import enumerate_names
from modelway_server.contract.signature import ROWS, Output
from modelway_server.engines.prepared import Prepared
from modelway_server.preflight.changes import Change, of_names


def output_changes(candidate: Prepared, stable: Prepared) -> list[Change]:
    """The methods that differ, and what each method of both gives that differs."""
    new, old = candidate.methods, stable.methods
    changes = of_names("method", [name for name in old if name not in new], "is gone", breaks=True)
    changes += of_names("method", [name for name in new if name not in old], "is new", breaks=False)
    if new[0] != old[0]:
        changes.append(Change(f"{new[0]} answers by default where {old[0]} did", breaks=True))
    outputs, before = candidate.signature.outputs, stable.signature.outputs
    pairs = [(outputs.get(name, ()), before.get(name, ())) for name in old if name in new]
    return changes + [change for pair in pairs for change in _of_method(*pair)]


def _of_method(new: Sequence[Output], old: Sequence[Output]) -> list[Change]:
    by_name, before = {each.name: each for each in new}, {each.name: each for each in old}
    return [
        *of_names("output", [name for name in before if name not in by_name], "is gone", breaks=True),
        *of_names("output", [name for name in by_name if name not in before], "is new", breaks=True),
        *(change for name in before if name in by_name for change in _of_output(by_name[name], before[name])),
    ]


def _of_output(new: Output, old: Output) -> list[Change]:
    changes = []
    if (new.datatype, new.shape) != (old.datatype, old.shape):
        text = f"output {new.name} is {_array(new)} where it was {_array(old)}"
        changes.append(Change(text, breaks=True))
    if new.classes != old.classes:
        changes.append(
            Change(f"output {new.name} tells of {_classes(new)} where it told of {_classes(old)}", breaks=True)
        )
    if new.columns != old.columns:
        changes.append(Change(f"output {new.name} has other columns, or in another order", breaks=True))
    return changes


def _array(output: Output) -> str:
    sizes = ("any" if size == ROWS else str(size) for size in output.shape[1:])
    return f"{output.datatype} [{', '.join(['rows', *sizes])}]"


def _classes(output: Output) -> str:
    classes: tuple[Any, ...] | None = output.classes
    return "no classes" if classes is None else f"the classes {enumerate_names(map(str, classes))}"
