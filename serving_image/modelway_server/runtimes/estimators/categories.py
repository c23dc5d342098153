"""Find what an encoder needs of each column, from the categories that it has learned."""

from datetime import datetime
from typing import Any

import numpy as np

from modelway_server.contract.signature import MAX_NAMES, Dates
from modelway_server.protocol.tensors import INTEGER_LIMITS, datatype_of
from modelway_server.runtimes.estimators.needs import ANY, Need

_DATATYPES = {"b": "BOOL", "i": "INT64", "u": "INT64", "f": "FP64"}


def needs_of_encoder(encoder: Any) -> tuple[Need, ...]:
    """Return the need of each column of a fitted encoder.

    Args:
        encoder: a OneHotEncoder, OrdinalEncoder or TargetEncoder.
    """
    strict = getattr(encoder, "handle_unknown", None) == "error"
    return tuple(_need(categories, strict=strict) for categories in encoder.categories_)


def _need(categories: Any, *, strict: bool) -> Need:
    values = categories.tolist()
    known = [_plain(value) for value in values if value is not None and value == value]  # noqa: PLR0124  (NaN)
    # one column of an encoder may have seen missing values, and the next one not
    saw_missing = len(known) < len(values)
    if not known:
        return Need(ANY.datatype, missing=_missing(values), saw_missing=saw_missing)
    if categories.dtype.kind == "M" or all(isinstance(value, datetime) for value in known):
        return _need_of_dates(categories, saw_missing=saw_missing)
    datatype = _datatype(categories.dtype, known)
    return Need(
        datatype,
        categories=frozenset(known) if strict else None,
        known=frozenset(known) if not strict and len(known) <= MAX_NAMES else None,
        missing=_missing(values),
        example=known[0],
        objects=categories.dtype.kind == "O" and datatype != "BYTES",
        saw_missing=saw_missing,
    )


def _need_of_dates(categories: Any, *, saw_missing: bool) -> Need:
    """Return the need of a column of dates. The encoder itself refuses unknown dates."""
    known = categories[categories == categories]  # noqa: PLR0124  (NaT)
    zoned = categories.dtype.kind == "O" and known[0].tzinfo is not None
    example = known[0].isoformat() if categories.dtype.kind == "O" else str(known[0].astype("datetime64[us]"))
    dates = Dates.ZONED if zoned else Dates.LOCAL
    return Need("BYTES", dates=dates, example=example, saw_missing=saw_missing)


def _missing(values: list[Any]) -> float | None:
    return None if any(value is None for value in values) else float("nan")


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) and not isinstance(value, np.datetime64) else value


def _datatype(dtype: np.dtype[Any], known: list[Any]) -> str:
    if dtype.kind != "O":
        return "UINT64" if dtype == np.uint64 else _DATATYPES.get(dtype.kind, "BYTES")
    kinds = set(map(type, known))
    if kinds == {int}:
        return "UINT64" if min(known) >= 0 and max(known) > INTEGER_LIMITS["INT64"][1] else "INT64"
    return "BYTES" if len(kinds) != 1 else datatype_of(np.asarray(known[:1]).dtype)
