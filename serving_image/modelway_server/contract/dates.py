"""Convert the dates of a column, ISO 8601 strings in a request, to the times that a model was trained on."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from modelway_server.contract.signature import Dates
from modelway_server.errors import InvalidInput
from modelway_server.protocol.tensors import shorten

_EXAMPLES = {
    Dates.LOCAL: "2024-05-01 or 2024-05-01T12:00:00, without a time zone",
    Dates.ZONED: "2024-05-01T12:00:00+02:00 or 2024-05-01T10:00:00Z, with a time zone",
    Dates.EITHER: "2024-05-01, 2024-05-01T12:00:00 or 2024-05-01T10:00:00Z, all with a time zone or all without",
}


def parse_dates(values: Sequence[Any], dates: Dates, locate: Callable[[int], str], where: str) -> Any:
    """The values as datetime64[us], or as a pandas index of UTC if they have a zone; a missing one is NaT.

    Python's own parser reads them: all of ISO 8601 but durations and ordinal dates, to the microsecond.

    Raises:
        InvalidInput: a value is no date, or has a zone where the model's dates have none, or has none.
    """
    moments = [_moment(value, dates, locate(row), where) for row, value in enumerate(values)]
    zoned = {moment.tzinfo is not None for moment in moments if moment is not None}
    if len(zoned) > 1:
        raise InvalidInput(f"{where} takes {_EXAMPLES[dates]}; these are mixed", field=locate(0))
    naive = [None if moment is None else moment.replace(tzinfo=None) for moment in moments]
    result = np.array(naive, dtype="datetime64[us]")
    if zoned != {True} and dates is not Dates.ZONED:
        return result
    import pandas as pd  # noqa: PLC0415  (0.4 s that only models with named columns need)

    return pd.DatetimeIndex(result).tz_localize("UTC")


def _moment(value: Any, dates: Dates, field: str, where: str) -> datetime | None:
    """One value, in UTC where it has a zone."""
    if value is None:
        return None
    complaint = f"{where} takes dates such as {_EXAMPLES[dates]}; this is {shorten(value)}"
    try:
        moment = datetime.fromisoformat(value)
        aware = moment.tzinfo is not None
        moment = moment.astimezone(UTC) if aware else moment
    except (TypeError, ValueError, OverflowError):
        raise InvalidInput(complaint, field=field) from None
    if dates is not Dates.EITHER and aware != (dates is Dates.ZONED):
        raise InvalidInput(complaint, field=field)
    return moment
