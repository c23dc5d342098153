"""Times and shares as users write them in a spec: `10m`, `1h30m`; `0.1%`."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import StringConstraints

DURATION_PATTERN = r"^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$"
"""Hours, minutes and seconds, in this order, as in the Gateway API's GEP-2257; CEL reads it with `duration()`."""
Duration = Annotated[str, StringConstraints(min_length=2, max_length=18, pattern=DURATION_PATTERN)]
"""A length of time, such as 30s, 10m or 1h30m."""

PERCENT_PATTERN = r"^(100|[1-9][0-9]?([.][0-9]{1,3})?|0[.][0-9]{0,2}[1-9])%$"
Percent = Annotated[str, StringConstraints(min_length=2, max_length=7, pattern=PERCENT_PATTERN)]
"""A share above 0, such as 0.1% or 10%."""

_PART = re.compile(r"([0-9]+)([hms])")
_UNITS = {"h": "hours", "m": "minutes", "s": "seconds"}


def time_of(duration: str) -> timedelta:
    """The length of time that a text matching `DURATION_PATTERN` names."""
    return timedelta(**{_UNITS[unit]: int(number) for number, unit in _PART.findall(duration)})


def share_of(percent: str) -> float:
    """The share, from 0 to 1, that a text matching `PERCENT_PATTERN` names."""
    return float(percent.removesuffix("%")) / 100
