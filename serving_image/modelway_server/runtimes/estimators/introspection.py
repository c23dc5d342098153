"""Read what an estimator knows about the rows that it takes: names, types and categories of its columns.

Nothing here runs the model. The probe finds what only a prediction can show: missing values and outputs.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.isotonic import IsotonicRegression
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer

from modelway_server.contract.signature import Column, Form, Signature
from modelway_server.protocol.tensors import INTEGER_LIMITS
from modelway_server.runtimes.estimators.column_flow import Claim, claims_of
from modelway_server.runtimes.estimators.members import members_of
from modelway_server.runtimes.estimators.needs import column_of
from modelway_server.runtimes.estimators.number_types import sees_number_types
from modelway_server.runtimes.estimators.sub_estimators import sub_estimators
from modelway_server.runtimes.estimators.unservable import check_rows


@dataclass(frozen=True)
class Finding:
    """What is known of one column.

    Attributes:
        column: the column, as far as the estimator knows it.
        example: a value that the model knows; None if any number will do.
        group: the same parts of the model read the columns of one group.
    """

    column: Column
    example: Any = None
    group: Hashable = None


@dataclass(frozen=True)
class Blueprint:
    """An estimator's own account of its input."""

    signature: Signature
    findings: tuple[Finding, ...]


def inspect(estimator: Any) -> Blueprint:
    """Return what the estimator takes, and what all its members need of it.

    Raises:
        UnsupportedModel: the estimator takes something that no request can hold.
        Exception: a part lacks an attribute of a fitted part of its class; another version may have saved it.
    """
    receivers = list(_receivers(estimator))
    check_rows(receivers)
    if any(isinstance(part, CountVectorizer | HashingVectorizer) for part in receivers):
        return Blueprint(Signature(Form.TEXT), ())
    names, named = _names(receivers)
    findings = _findings(names, claims_of(estimator, len(names)) if names else ())
    if not named:  # it was trained on an array: of numbers, unless it has learned strings
        findings = tuple(replace(finding, column=replace(finding.column, typed=True)) for finding in findings)
    if sees_number_types(estimator) or (not named and any(map(_of_integers, findings))):
        findings = tuple(map(_literal, findings))
    columns = tuple(finding.column for finding in findings)
    spaced = named and _of_lightgbm(estimator, names)
    return Blueprint(Signature(_form(estimator, columns, named=named), columns, named, spaced=spaced), findings)


def _of_integers(finding: Finding) -> bool:
    """Whether it is a column of an array of integers, and so are those beside it."""
    return finding.column.datatype in INTEGER_LIMITS


def _literal(finding: Finding) -> Finding:
    """Mark a column of numbers as one whose type only the request knows, unless the model has learned its values."""
    known = finding.column.datatype != "FP64" or finding.example is not None
    return finding if known else replace(finding, column=replace(finding.column, literal=True))


def _names(receivers: Sequence[Any]) -> tuple[list[str], bool]:
    """Return the names of the columns, and whether they are those of the training data.

    Args:
        receivers: the model, and all parts that get its rows unchanged. Not each of them has names.
    """
    names = _first(receivers, "feature_names_in_")
    if names is not None:
        return [str(name) for name in names], True
    width = _first(receivers, "n_features_in_")
    if width is None and isinstance(receivers[0], IsotonicRegression):
        width = 1  # it has no attribute that says so
    return [f"x{index}" for index in range(int(width))] if width is not None else [], False


def _of_lightgbm(estimator: Any, names: Sequence[str]) -> bool:
    """Whether a model uses the names that LightGBM gave to its columns, as wrappers around it do."""
    own = [part for part in sub_estimators(estimator) if type(part).__module__.startswith("lightgbm.")]
    return not any(" " in name for name in names) and any(
        [str(name) for name in getattr(part, "feature_names_in_", ())] == list(names) for part in own
    )


def _first(parts: Sequence[Any], attribute: str) -> Any:
    return next((value for part in parts if (value := getattr(part, attribute, None)) is not None), None)


def _findings(names: Sequence[str], claims: Sequence[Claim]) -> tuple[Finding, ...]:
    of_columns: list[list[Claim]] = [[] for _ in names]
    for claim in claims:
        of_columns[claim.column].append(claim)
    return tuple(_finding(name, of_column) for name, of_column in zip(names, of_columns, strict=True))


def _finding(name: str, claims: Sequence[Claim]) -> Finding:
    column, example = column_of(name, [claim.need for claim in claims])
    return Finding(column, example, frozenset((claim.part, claim.need.saw_missing) for claim in claims))


def _form(estimator: Any, columns: tuple[Column, ...], *, named: bool) -> Form:
    if named and (
        any(column.datatype != "FP64" for column in columns) or any(map(_needs_frame, sub_estimators(estimator)))
    ):
        return Form.FRAME
    return Form.OBJECTS if any(column.datatype == "BYTES" for column in columns) else Form.MATRIX


def _needs_frame(part: Any) -> bool:
    """Whether a part may look at column names or column types."""
    chosen = getattr(part, "_sklearn_output_config", {}).get("transform", "default")
    ours = type(part).__module__.startswith("sklearn.")
    return not ours or chosen != "default" or isinstance(part, ColumnTransformer | FunctionTransformer)


def _receivers(part: Any) -> Iterator[Any]:
    """Yield the estimator, and all parts that get its rows unchanged, at any depth."""
    if part is None or isinstance(part, str):
        return
    yield part
    if isinstance(part, Pipeline):
        members = [step for _, step in part.steps if step is not None and not isinstance(step, str)][:1]
    elif isinstance(part, FeatureUnion):
        members = [member for _, member in part.transformer_list]
    else:
        members = [] if hasattr(part, "n_features_in_") else [member for member, _ in members_of(part, ())]
    for member in members:
        yield from _receivers(member)
