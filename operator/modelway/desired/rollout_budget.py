"""How many models may roll out at once after a change of the platform, so that a new server image does not restart all models together. Pure.

Each rollout takes a place, whatever its reason. A rollout that failed or is paused takes none, so that it delays nobody. Nothing is stored:
after a restart the Deployments show which rollouts are under way.
"""

from collections.abc import Callable, Iterable

from modelway.api import conditions
from modelway.observed import DeploymentView, Key

LOOK_SECONDS = 1.0
"""How old the count of rollouts may be; a new turn counts at once."""

WAIT_SECONDS = 30.0
"""After how many seconds a waiting model looks again by itself."""

LOOKS_PER_SECOND = 10.0
"""How often all waiting models together look again."""

_OVER = frozenset({"NewReplicaSetAvailable", "ProgressDeadlineExceeded", "DeploymentPaused"})


def is_rolling_out(deployment: DeploymentView) -> bool:
    """Whether a Deployment is replacing pods and has not failed."""
    if deployment.observed_generation < deployment.generation:
        return True
    progress = conditions.find(deployment.conditions, "Progressing")
    return progress.reason not in _OVER if progress else deployment.available < deployment.size


class RolloutBudget:
    """Gives turns, first come, first served.

    Args:
        at_once: how many rollouts may be under way at the same time.
        rolling: returns the models whose rollout is under way.
        wake: called with a model whose turn may have come.
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
        """The turns since the last count, and whether their pass has ended."""
        self._waiting: dict[Key, None] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self, key: Key) -> bool:
        """Take a turn for a model; False if it must wait, and is woken later."""
        self._count()
        first = next(iter(self._waiting), key)
        if key in self._under_way or key in self._turns or (self._free() > 0 and first == key):
            self._waiting.pop(key, None)
            self._turns[key] = False
            return True
        self._waiting.setdefault(key)
        return False

    def retry_seconds(self) -> float:
        """Seconds after which a waiting model should look again."""
        return max(WAIT_SECONDS, len(self._waiting) / LOOKS_PER_SECOND)

    def finish(self, key: Key, *, waits: bool) -> None:
        """Note that a pass ended, so that its rollout can be counted; wake the first waiting model if there is room."""
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
