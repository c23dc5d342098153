"""The requests of a simulated rollout, and what is wrong with the candidate's answers to them."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Protocol

NORMALLY_SLOW: Final = 0.05
"""The share of the stable revision's answers that are slower than its 95th percentile."""
SEGMENT_RUN: Final = 5
"""How many requests of a segment come one after the other."""
NONE, FAILING, SLOW, WRONG, SEGMENT = "none", "failing", "slow", "wrong", "segment"


@dataclass(frozen=True, slots=True)
class Shares:
    """The shares of requests, from 0 to 1, of which something is wrong."""

    failed: float = 0.0
    disagreeing: float = 0.0
    slow: float = NORMALLY_SLOW
    stable_slow: float = NORMALLY_SLOW
    run: int = 1
    """How many requests that disagree come one after the other."""


FAULTS: Final[Mapping[str, tuple[float, str]]] = {
    NONE: (0.0, "as good as the stable revision"),
    FAILING: (1.0, "fails {share} of its requests"),
    SLOW: (0.08, "is slower than the stable revision's 95th percentile in {share} of its answers"),
    WRONG: (0.2, "answers {share} of the requests otherwise"),
    SEGMENT: (0.03, "answers otherwise in a segment of {share} of the requests, which come five at a time"),
}
"""What may be wrong with a candidate: the share where none is said, and the words for it."""


def shares_of(fault: str, share: float) -> Shares:
    """What is wrong with a candidate that has a fault of `FAULTS`."""
    match fault:
        case "failing":
            return Shares(failed=share)
        case "slow":
            return Shares(slow=share)
        case "wrong":
            return Shares(disagreeing=share)
        case "segment":
            return Shares(disagreeing=share, run=SEGMENT_RUN)
        case _:
            return Shares()


class Traffic(Protocol):
    """Requests by time."""

    def between(self, start: float, end: float) -> float:
        """How many requests come between two times, in seconds from the beginning; not a whole number."""

    def shares(self, start: float, end: float) -> Shares:
        """What is wrong with the candidate's answers then."""


@dataclass(frozen=True, slots=True)
class Steady:
    """As many requests each second."""

    rate: float
    wrong: Shares

    def between(self, start: float, end: float) -> float:
        """How many requests come between two times."""
        return self.rate * (end - start)

    def shares(self, start: float, end: float) -> Shares:  # noqa: ARG002 -- they are always the same
        """What is wrong with the candidate's answers then."""
        return self.wrong


class Recorded:
    """Requests as they were counted before, from the beginning again where the record ends."""

    def __init__(self, times: Sequence[float], columns: Mapping[str, Sequence[float]], fault: Shares) -> None:
        """Take a record.

        Args:
            times: at which each row begins, in seconds, and then the end of the last one.
            columns: `requests`, and counts of the arms as `records` names them; one value for each row.
            fault: what is wrong where the record has no counts of a candidate.
        """
        self._times = [time - times[0] for time in times]
        self._sums = {name: [0.0, *accumulate(values)] for name, values in columns.items()}
        self._fault = fault

    def between(self, start: float, end: float) -> float:
        """How many requests come between two times."""
        return self._sum("requests", start, end)

    def shares(self, start: float, end: float) -> Shares:
        """What is wrong with the candidate's answers then: as then, or as in the whole record where it had no requests then."""

        def share(name: str, of: str, otherwise: float) -> float:
            if name not in self._sums or not self._sums[of][-1]:
                return otherwise
            trials = self._sum(of, start, end)
            if trials > 0:
                return min(self._sum(name, start, end) / trials, 1.0)
            return min(self._sums[name][-1] / self._sums[of][-1], 1.0)

        return Shares(
            failed=share("candidate_failed", "candidate_requests", self._fault.failed),
            disagreeing=share("candidate_disagreeing", "candidate_requests", self._fault.disagreeing),
            slow=share("candidate_slow", "candidate_requests", self._fault.slow),
            stable_slow=share("stable_slow", "stable_requests", self._fault.stable_slow),
            run=self._fault.run,
        )

    def _sum(self, name: str, start: float, end: float) -> float:
        return self._until(self._sums[name], end) - self._until(self._sums[name], start)

    def _until(self, sums: Sequence[float], time: float) -> float:
        rounds, rest = divmod(time, self._times[-1])
        row = min(bisect_right(self._times, rest), len(self._times) - 1) - 1
        part = (rest - self._times[row]) / (self._times[row + 1] - self._times[row])
        return rounds * sums[-1] + sums[row] + part * (sums[row + 1] - sums[row])
