"""Growing pauses between attempts, as a kubelet takes them. Pure but for the clock of the caller."""


class Backoff:
    """The first failure is tried again at once; then the pause starts at `delay` seconds and doubles up to `limit`."""

    def __init__(self, delay: float, limit: float) -> None:
        self._first = delay
        self._limit = limit
        self._failures = 0

    def delay(self) -> float:
        """Seconds to wait before the next attempt."""
        return 0.0 if self._failures < 2 else self._pause(self._failures - 2)

    def next(self) -> float:
        """Count a failure; seconds to wait, from the first one on."""
        self._failures += 1
        return self._pause(self._failures - 1)

    def ran(self, seconds: float) -> None:
        """Count the end of a run; one of twice the longest pause starts the count anew."""
        self._failures = 1 if seconds >= 2 * self._limit else self._failures + 1

    def reset(self) -> None:
        """It worked."""
        self._failures = 0

    def _pause(self, doublings: int) -> float:
        return float(min(self._first * 2**doublings, self._limit))
