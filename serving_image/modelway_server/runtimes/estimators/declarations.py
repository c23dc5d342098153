"""Apply declared types to columns whose type the model itself does not know."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from modelway_server.contract.signature import Column
from modelway_server.runtimes.estimators.introspection import Blueprint, Finding

_DATE: Final = "2024-01-31"
_EXAMPLES: Final[dict[str, Any]] = {"BYTES": "a", "BOOL": True, "INT32": 1, "INT64": 1}


def declare(blueprint: Blueprint, columns: Sequence[Column]) -> Blueprint:
    """Add declared types to a blueprint where only the model's own code would know them.

    Args:
        blueprint: the estimator's own account of its input.
        columns: the declared columns, by name; by position if the estimator knows no names.
    """
    own = [finding.column.name for finding in blueprint.findings]
    names = own if not blueprint.signature.named and len(own) == len(columns) else [each.name for each in columns]
    declared = dict(zip(names, columns, strict=True))
    findings = tuple(_declare(finding, declared.get(finding.column.name)) for finding in blueprint.findings)
    return Blueprint(replace(blueprint.signature, columns=tuple(each.column for each in findings)), findings)


def _declare(finding: Finding, declared: Column | None) -> Finding:
    own = finding.column
    if declared is None or not declared.typed or (own.typed and not own.literal):
        return finding
    column = replace(own, datatype=declared.datatype, dates=declared.dates, typed=True, literal=False)
    return replace(finding, column=column, example=_DATE if declared.dates else _EXAMPLES.get(declared.datatype))
