"""What an estimator itself tells about the rows it takes: names, types and categories of its columns.

Nothing here runs the model. What only a prediction can show (missing values, outputs) is left to the trial.
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
        column: as far as the estimator tells.
        example: a value that the model knows, or None where any number will do.
        group: columns of one group are read by the same parts of the model.
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
    """What the estimator takes, and what all its members need of that.

    Raises:
        UnsupportedModel: something that no request can hold.
        Exception: a part lacks what a fitted part of its class has, as one that another version saved may.
    """
    receivers = list(_receivers(estimator))
    check_rows(receivers)
    if any(isinstance(part, CountVectorizer | HashingVectorizer) for part in receivers):
        return Blueprint(Signature(Form.TEXT), ())
    names, named = _names(receivers)
    findings = _findings(names, claims_of(estimator, len(names)) if names else ())
    if not named:  # without names it was trained on an array: of numbers, unless it has learned strings
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
    """A column of numbers whose type only the request knows, where nothing was learned of its values."""
    known = finding.column.datatype != "FP64" or finding.example is not None
    return finding if known else replace(finding, column=replace(finding.column, literal=True))


def _names(receivers: Sequence[Any]) -> tuple[list[str], bool]:
    """The names of the columns, and whether they are those of the training data.

    Args:
        receivers: the model, and all parts that get its rows as they are: not each of them tells.
    """
    names = _first(receivers, "feature_names_in_")
    if names is not None:
        return [str(name) for name in names], True
    width = _first(receivers, "n_features_in_")
    if width is None and isinstance(receivers[0], IsotonicRegression):
        width = 1  # and does not say so
    return [f"x{index}" for index in range(int(width))] if width is not None else [], False


def _of_lightgbm(estimator: Any, names: Sequence[str]) -> bool:
    """Whether a model goes by the names that LightGBM gave to its columns, as wrappers around it do too."""
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
    """The estimator, and all that it hands its rows to as they are, at any depth."""
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
