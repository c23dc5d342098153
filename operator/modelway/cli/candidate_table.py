"""The table of the models that competed, for every command that shows it. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from modelway.cli.output import number

CANDIDATE_HEADER: Final = ("CANDIDATE", "VALUE", "INTERVAL", "MS A ROW", "MEMORY MIB", "SIZE MIB", "ENGINE", "OUTCOME")
_NOTHING: Final = "-"


def rows_of_candidates(candidates: Sequence[Mapping[str, Any]], choice: str) -> list[tuple[str, ...]]:
    """The table without its header.

    Args:
        candidates: in the words of status; where one has a message, that stands beside its reason.
        choice: the name of the one that serves; empty where none does.
    """
    return [
        (
            one["name"],
            number(one.get("value")),
            _interval(one),
            number(one.get("latencyMilliseconds")),
            number(one.get("memoryMebibytes")),
            number(one.get("sizeMebibytes")),
            one.get("engine", _NOTHING),
            _outcome(one, choice),
        )
        for one in candidates
    ]


def describe_candidate(candidate: Mapping[str, Any], choice: str) -> str:
    """One of the models that competed, in a line of text."""
    units = {"latencyMilliseconds": "ms a row", "memoryMebibytes": "MiB of memory", "sizeMebibytes": "MiB of files"}
    value = f" {number(candidate['value'])}" if "value" in candidate else ""
    interval = f" ({_interval(candidate)})" if "low" in candidate or "high" in candidate else ""
    costs = [f"{number(candidate[part])} {unit}" for part, unit in units.items() if part in candidate]
    engine = [candidate["engine"]] if "engine" in candidate else []
    measures = ", ".join([candidate["name"] + value + interval, *costs, *engine])
    return f"{measures}: {_outcome(candidate, choice)}"


def _interval(candidate: Mapping[str, Any]) -> str:
    low, high = candidate.get("low"), candidate.get("high")
    return _NOTHING if low is None and high is None else f"{number(low)} to {number(high)}"


def _outcome(candidate: Mapping[str, Any], choice: str) -> str:
    if reason := candidate.get("reason"):
        return f"{reason}: {candidate['message']}" if candidate.get("message") else str(reason)
    return "serves" if candidate["name"] == choice else "fit"
