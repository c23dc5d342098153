"""Whose turn it is to be rolled out anew for the platform's sake: so many at once, so that a new server image does not restart every model together. Pure.

Whoever is being rolled out, for whatever reason, takes a place; a rollout that failed or stands still takes none, so that it holds up nobody.
Nothing is kept: after a restart the Deployments say who is under way.
"""

from collections.abc import Callable, Iterable

from modelway.api import conditions
from modelway.observed import DeploymentView, Key

LOOK_SECONDS = 1.0
"""How old the count of rollouts under way may be; a turn that was given counts at once."""

WAIT_SECONDS = 30.0
"""When a model that waits looks again although nobody told it to."""

LOOKS_PER_SECOND = 10.0
"""How often all that wait do so together."""

_OVER = frozenset({"NewReplicaSetAvailable", "ProgressDeadlineExceeded", "DeploymentPaused"})


def is_rolling_out(deployment: DeploymentView) -> bool:
    """Whether pods of a Deployment are being replaced, and that may still go well."""
    if deployment.observed_generation < deployment.generation:
        return True
    progress = conditions.find(deployment.conditions, "Progressing")
    return progress.reason not in _OVER if progress else deployment.available < deployment.size


class RolloutBudget:
    """Gives turns, first come, first served.

    Args:
        at_once: rollouts under way at the same time.
        rolling: whose rollout is under way.
        wake: told whose turn may have come.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        at_once: int,
        rolling: Callable[[], Iterable[Key]],
        wake: Callable[[Key], None],
        clock: Callable[[], float],
    ) -> None:
        self._at_once = at_once
        self._rolling = rolling
        self._wake = wake
        self._clock = clock
        self._under_way: set[Key] = set()
        self._count_time = float("-inf")
        self._turns: dict[Key, bool] = {}
        """Turns since the last count, and whether their pass has ended."""
        self._waiting: dict[Key, None] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self, key: Key) -> bool:
        """Whether a model may be rolled out now; else it waits, and is woken."""
        self._count()
        first = next(iter(self._waiting), key)
        if key in self._under_way or key in self._turns or (self._free() > 0 and first == key):
            self._waiting.pop(key, None)
            self._turns[key] = False
            return True
        self._waiting.setdefault(key)
        return False

    def retry_seconds(self) -> float:
        """In how many seconds a model that waits should look again."""
        return max(WAIT_SECONDS, len(self._waiting) / LOOKS_PER_SECOND)

    def finish(self, key: Key, *, waits: bool) -> None:
        """A pass ended, and what it did can be counted; wake the first ones that wait if there is room."""
        if key in self._under_way or key in self._turns:
            self._count_time = float("-inf")  # it may be over
        if key in self._turns:
            self._turns[key] = True
        if not waits:
            self._waiting.pop(key, None)
        if self._waiting:
            self._count()
            if self._free() > 0:
                self._wake(next(iter(self._waiting)))

    def _free(self) -> int:
        return self._at_once - len(self._under_way | self._turns.keys())

    def _count(self) -> None:
        now = self._clock()
        if now - self._count_time >= LOOK_SECONDS:
            self._count_time, self._under_way = now, set(self._rolling())
            self._turns = {key: False for key, ended in self._turns.items() if not ended}
