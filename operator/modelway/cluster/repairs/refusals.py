"""Leave a child that the cluster refuses alone for a while, where passes come at the pace of a rollout. Pure: the time is an argument."""

from dataclasses import dataclass, field

from modelway.errors import ClusterError
from modelway.observed import ChildId
from modelway.patience import longest_pause

FIRST_PAUSE = 2.0
"""Seconds before the second try; each further pause is twice as long, up to `longest_pause`."""


@dataclass(slots=True)
class _Refusal:
    wanted: str
    error: ClusterError
    tries: int
    until: float


@dataclass(slots=True)
class RefusalBackoff:
    """The refused children of one ModelDeployment; all times are seconds of one monotonic clock."""

    _last: dict[ChildId, _Refusal] = field(default_factory=dict)

    def standing(self, child: ChildId, wanted: str, now: float) -> ClusterError | None:
        """The last refusal of a child that is not to be tried again yet; None where it is.

        Args:
            child: its name.
            wanted: tells what is wanted of it from all else: something else is tried at once.
            now: the time.
        """
        last = self._last.get(child)
        return last.error if last is not None and last.wanted == wanted and now < last.until else None

    def note(self, child: ChildId, wanted: str, error: ClusterError, now: float) -> float:
        """A child was tried and refused: in how many seconds to try it again."""
        last = self._last.get(child)
        tries = last.tries + 1 if last is not None and last.wanted == wanted else 1
        pause = min(FIRST_PAUSE * 2.0 ** min(tries - 1, 10), longest_pause(tries))
        # An error that is raised again and again would collect a trace for each time.
        self._last[child] = _Refusal(wanted, error.with_traceback(None), tries, now + pause)
        return pause

    def forget(self, child: ChildId) -> None:
        """A child was taken."""
        self._last.pop(child, None)
