"""Read what Prometheus and webhooks answer. Pure.

An answer may be anything. What is no number, or not exactly one, says nothing, and why is told to whoever wrote the metric.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from modelway.printable import one_line
from modelway.rollout.judge import Counts

GREATEST = 10**15
"""The largest count."""
LONGEST_WORDS = 200
"""Characters of what a source says in words."""
_ROUNDING = 1e-6
"""By how much a count may be less than a whole number and still be it: `increase()` gives 2.9999999."""


class NoReading(Exception):
    """A source says nothing that can be used; the text tells why.

    Args:
        why: in words, without the name of the metric.
        kind: `empty` where there is no value, `failed` where the source does not answer as it should, `refused` where the platform forbids it.
    """

    def __init__(self, why: str, kind: str = "failed") -> None:
        super().__init__(why)
        self.kind = kind


def number_of(body: bytes) -> float:
    """The one number that a query gave, by Prometheus' HTTP API.

    Raises:
        NoReading: it gave none, several, or one that is not finite.
    """
    answer = _object(body, "Prometheus")
    if answer.get("status") != "success":
        raise NoReading(f"Prometheus refuses the query: {_words(answer.get('error')) or 'it does not say why'}")
    data = answer.get("data")
    kind, result = (data.get("resultType"), data.get("result")) if isinstance(data, dict) else (None, None)
    if kind == "scalar":
        return _finite(result)
    if kind != "vector" or not isinstance(result, list):
        raise NoReading(
            f"the query gives a {_words(kind) or 'result'} that is no number: write one that gives one number, as sum(...) does"
        )
    if not result:
        raise NoReading(
            "the query gives nothing: no series matches. Where that means 0, end it with `or vector(0)`", "empty"
        )
    if len(result) > 1:
        raise NoReading(
            f"the query gives {len(result)} series or more: write one that gives one number, as sum(...) does"
        )
    return _finite(result[0].get("value") if isinstance(result[0], dict) else None)


def _finite(sample: Any) -> float:
    try:
        value = float(sample[1])
    except (TypeError, ValueError, IndexError, KeyError):
        raise NoReading("Prometheus answers with a value that is no number") from None
    if not math.isfinite(value):
        raise NoReading(f"the query gives {sample[1]}, which is no number: without requests, a ratio has none", "empty")
    return value


def counts_of(bad: float, trials: float) -> Counts:
    """A pair of counts; fractions, which `increase()` makes, are dropped.

    Raises:
        NoReading: they are none.
    """
    for name, value in (("bad", bad), ("trials", trials)):
        if not 0 <= value <= GREATEST:
            raise NoReading(f"{name} is {value:g}, which is no count: counts are from 0 to 10^15")
    if bad > trials * (1 + _ROUNDING) + _ROUNDING:
        raise NoReading(f"bad is {bad:g} and trials is {trials:g}: trials must count all of them, the bad ones too")
    whole = math.floor(trials + _ROUNDING)
    return Counts(min(math.floor(bad + _ROUNDING), whole), whole)


def webhook_counts(body: bytes, *, with_stable: bool) -> tuple[Counts, Counts | None, str]:
    """The counts in the answer of a webhook, those of the stable revision where they are asked for, and what it says.

    Raises:
        NoReading: they are not there.
    """
    answer = _object(body, "the webhook")
    candidate = counts_of(_number(answer, "bad"), _number(answer, "trials"))
    stable = counts_of(_number(answer, "stableBad"), _number(answer, "stableTrials")) if with_stable else None
    return candidate, stable, _words(answer.get("message"))


def webhook_value(body: bytes) -> tuple[float, str]:
    """The value in the answer of a webhook, and what it says.

    Raises:
        NoReading: there is none.
    """
    answer = _object(body, "the webhook")
    return _number(answer, "value"), _words(answer.get("message"))


def _number(answer: Mapping[str, Any], name: str) -> float:
    value = answer.get(name)
    if value is None:
        says = f": it says {_words(answer['message'])!r}" if answer.get("message") else ""
        raise NoReading(f"the webhook's answer has no {name}{says}", "empty")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise NoReading(f"{name} in the webhook's answer is no number")
    return float(value)


def _object(body: bytes, who: str) -> Mapping[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise NoReading(f"{who} answers with something that is no JSON") from None
    if not isinstance(answer, dict):
        raise NoReading(f"{who} answers with JSON that is no object")
    return answer


def _words(text: Any) -> str:
    return one_line(text[:LONGEST_WORDS]) if isinstance(text, str) else ""
