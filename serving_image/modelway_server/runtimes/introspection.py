"""What an estimator itself tells about the rows it takes: names, types and categories of its columns.

Nothing here runs the model. What only a prediction can show (missing values, outputs) is left to the trial.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, TargetEncoder

from modelway_server.contract.signature import Column, Dates, Form, Signature
from modelway_server.protocol.tensors import INTEGER_LIMITS, datatype_of
from modelway_server.runtimes.number_types import sees_number_types
from modelway_server.runtimes.parts import parts
from modelway_server.runtimes.unservable import check_rows

_DELEGATES = (
    "best_estimator_",
    "regressor_",
    "classifier_",
    "estimator_",
    "_preprocessor",
    "estimators_",
    "calibrated_classifiers_",
    "estimator",
)
"""Attributes that hold the estimator to which a fitted meta-estimator hands its rows."""
_DATATYPES = {"b": "BOOL", "i": "INT64", "u": "INT64", "f": "FP64"}
"""Of a column, by the kind of its categories."""


@dataclass(frozen=True)
class Finding:
    """What is known of one column.

    Attributes:
        column: as far as the estimator tells.
        example: a value that the model knows, or None where any number will do.
        group: columns of one group go through one transformer.
    """

    column: Column
    example: Any = None
    group: str = ""


@dataclass(frozen=True)
class Blueprint:
    """An estimator's own account of its input."""

    signature: Signature
    findings: tuple[Finding, ...]


def inspect(estimator: Any) -> Blueprint:
    """What the estimator takes.

    Raises:
        UnsupportedModel: something that no request can hold.
    """
    check_rows(_first_steps(estimator))
    if _takes_text(estimator):
        return Blueprint(Signature(Form.TEXT), ())
    names, named = _names(estimator)
    findings = _refine(estimator, tuple(Finding(Column(name)) for name in names))
    if not named:  # without names it was trained on an array: of numbers, unless it has learned strings
        findings = tuple(replace(finding, column=replace(finding.column, typed=True)) for finding in findings)
    if sees_number_types(estimator) or (not named and any(map(_of_integers, findings))):
        findings = tuple(map(_literal, findings))
    columns = tuple(finding.column for finding in findings)
    return Blueprint(Signature(_form(estimator, columns, named=named), columns, named), findings)


def _of_integers(finding: Finding) -> bool:
    """Whether it is a column of an array of integers, and so are those beside it."""
    return finding.column.datatype in INTEGER_LIMITS


def _literal(finding: Finding) -> Finding:
    """A column of numbers whose type only the request knows, where nothing was learned of its values."""
    known = finding.column.datatype != "FP64" or finding.example is not None
    return finding if known else replace(finding, column=replace(finding.column, literal=True))


def _names(estimator: Any) -> tuple[list[str], bool]:
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None:
        return [str(name) for name in names], True
    # IsotonicRegression takes one column, and does not say so
    width = getattr(estimator, "n_features_in_", 1 if isinstance(estimator, IsotonicRegression) else None)
    return [f"x{index}" for index in range(int(width))] if width is not None else [], False


def _form(estimator: Any, columns: tuple[Column, ...], *, named: bool) -> Form:
    if named and (any(column.datatype != "FP64" for column in columns) or any(map(_needs_frame, parts(estimator)))):
        return Form.FRAME
    return Form.OBJECTS if any(column.datatype == "BYTES" for column in columns) else Form.MATRIX


def _needs_frame(part: Any) -> bool:
    """Whether a part may look at column names or column types."""
    chosen = getattr(part, "_sklearn_output_config", {}).get("transform", "default")
    ours = type(part).__module__.startswith("sklearn.")
    return not ours or chosen != "default" or isinstance(part, ColumnTransformer | FunctionTransformer)


def _takes_text(estimator: Any) -> bool:
    return any(isinstance(part, CountVectorizer | HashingVectorizer) for part in _first_steps(estimator))


def _first_steps(estimator: Any) -> Iterator[Any]:
    """The estimator, and what it hands its rows to unchanged, at any depth."""
    first = estimator
    while first is not None:
        yield first
        if isinstance(first, Pipeline):
            first = first.steps[0][1]
        elif isinstance(first, FeatureUnion):
            first = first.transformer_list[0][1]
        else:
            first = None if hasattr(first, "n_features_in_") else _delegate(first)


def _delegate(estimator: Any) -> Any:
    for name in _DELEGATES:
        held = getattr(estimator, name, None)
        if isinstance(held, np.ndarray):
            held = held.flat[0] if held.size else None
        elif isinstance(held, list | tuple):
            held = held[0] if held else None
        if callable(getattr(held, "get_params", None)) or type(held).__name__ == "_CalibratedClassifier":
            return held
    return None


def _refine(estimator: Any, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """What one part of the estimator adds to what is known of the columns that it is given."""
    match estimator:
        case Pipeline():
            refined = _refine_in_turn([step for _, step in estimator.steps], findings)
        case FeatureUnion():
            for _, member in estimator.transformer_list:
                findings = _refine(member, findings)
            refined = findings
        case ColumnTransformer():
            refined = _refine_columns(estimator, findings)
        case OneHotEncoder() | OrdinalEncoder() | TargetEncoder():
            refined = _refine_categories(estimator, findings)
        case FunctionTransformer() if estimator.func is not None:
            refined = _untyped(findings)
        case CountVectorizer() | HashingVectorizer():
            refined = _as_strings(findings, ["text"] * len(findings))
        case SimpleImputer() if estimator.statistics_.dtype.kind in "OU":
            refined = _as_strings(findings, [str(known) for known in estimator.statistics_])
        case _:
            refined = _refine_by_delegate(estimator, findings)
    return refined


def _refine_by_delegate(estimator: Any, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    delegate = _delegate(estimator)
    if delegate is not None:
        return _refine(delegate, findings)
    foreign = hasattr(estimator, "transform") and not type(estimator).__module__.startswith("sklearn.")
    return _untyped(findings) if foreign else findings


def _untyped(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Columns that go into code of the model's author, which alone knows what they hold."""
    return tuple(replace(finding, column=replace(finding.column, typed=False)) for finding in findings)


def _refine_in_turn(steps: list[Any], findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    for step in steps:
        findings = _refine(step, findings)
        if not _keeps_columns(step):
            break
    return findings


def _as_strings(findings: tuple[Finding, ...], examples: list[str]) -> tuple[Finding, ...]:
    return tuple(
        replace(finding, column=replace(finding.column, datatype="BYTES"), example=example)
        for finding, example in zip(findings, examples, strict=True)
    )


def _refine_columns(estimator: ColumnTransformer, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    result = [replace(finding, column=replace(finding.column, used=False)) for finding in findings]
    positions = estimator._transformer_to_input_indices  # noqa: SLF001  (public attributes keep names, masks and slices unresolved)
    for name, transformer, _ in estimator.transformers_:
        if isinstance(transformer, str) and transformer == "drop":
            continue
        indices = list(positions.get(name, ()))
        refined = _refine(transformer, tuple(findings[index] for index in indices))
        for index, finding in zip(indices, refined, strict=True):
            known = result[index]
            if not known.column.used or known.example is None:
                result[index] = replace(finding, group=f"{finding.group}/{name}")
    return tuple(result)


def _refine_categories(encoder: Any, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    strict = getattr(encoder, "handle_unknown", None) == "error"
    return tuple(
        _categorical(finding, categories, strict=strict)
        for finding, categories in zip(findings, encoder.categories_, strict=True)
    )


def _categorical(finding: Finding, categories: Any, *, strict: bool) -> Finding:
    known = [value for value in categories.tolist() if value is not None and value == value]  # noqa: PLR0124  (NaN)
    # one column of an encoder may have seen missing values, and the next one not
    finding = replace(finding, group="may be missing" if len(known) < len(categories) else "")
    if categories.dtype.kind == "M" or (known and all(isinstance(value, datetime) for value in known)):
        return _dated(finding, categories)
    datatype = _DATATYPES.get(categories.dtype.kind) or _object_datatype(known)
    if categories.dtype == np.uint64:
        datatype = "UINT64"
    column = replace(
        finding.column,
        datatype=datatype,
        categories=frozenset(known) if strict else None,
        missing=None if any(value is None for value in categories.tolist()) else finding.column.missing,
        objects=categories.dtype.kind == "O" and datatype != "BYTES",
    )
    return replace(finding, column=column, example=known[0] if known else None)


def _dated(finding: Finding, categories: Any) -> Finding:
    """A column of dates; that a date is known is left to the encoder."""
    known = categories[categories == categories]  # noqa: PLR0124  (NaT)
    zoned = categories.dtype.kind == "O" and known[0].tzinfo is not None
    example = known[0].isoformat() if categories.dtype.kind == "O" else str(known[0].astype("datetime64[us]"))
    column = replace(finding.column, datatype="BYTES", dates=Dates.ZONED if zoned else Dates.LOCAL)
    return replace(finding, column=column, example=example)


def _object_datatype(known: list[Any]) -> str:
    kinds = set(map(type, known))
    if kinds == {int}:
        return "UINT64" if min(known) >= 0 and max(known) > INTEGER_LIMITS["INT64"][1] else "INT64"
    return "BYTES" if len(kinds) != 1 else datatype_of(np.asarray(known[:1]).dtype)


def _keeps_columns(step: Any) -> bool:
    """Whether a step's output has the same columns, so that the next step tells more about them."""
    if step is None or isinstance(step, str):
        return True
    if isinstance(step, FunctionTransformer):
        return step.func is None
    if not isinstance(step, SimpleImputer) or step.add_indicator:
        return False
    return step.keep_empty_features or not any(value is None or value != value for value in step.statistics_)  # noqa: PLR0124
