"""Notice that somebody keeps undoing our repairs of a child, and stop fighting without giving up. Pure: the time is an argument.

One edit is put right at once, and so are a few. When none of the repairs lasts, each next one waits longer: the cluster is not flooded by
two programs that write against each other, and the person who can end it is told. It ends by itself when a repair lasts.
"""

from dataclasses import dataclass

QUICK_REPAIRS = 5
"""Repairs that are made at once although none of them lasted."""

FIRST_PAUSE = 10.0
"""Seconds before the first repair that is no longer made at once; each further pause is twice as long."""

LONGEST_PAUSE = 300.0
"""Seconds between repairs at most; a repair that held for so long was one that lasted."""

SHORTEST_PEACE = 5.0
"""Seconds for which the child must stay as it is before the contest counts as over; longer where the other side is slow."""

LONGEST_PEACE = LONGEST_PAUSE


@dataclass(slots=True)
class RepairBackoff:
    """What is known of the fight over one child; all times are seconds of one monotonic clock."""

    repairs: int = 0
    """Repairs in a row that did not last."""
    last: float = float("-inf")
    """When the last one was made."""
    reaction: float = 0.0
    """The longest that the other side took to undo one."""
    undone: bool = True
    """Whether the last one was undone."""
    going_on: bool = False
    """Whether it is to be reported."""

    @classmethod
    def resumed(cls, now: float) -> "RepairBackoff":
        """A contest that was going on when another life of the operator ended: no more quick repairs."""
        return cls(repairs=QUICK_REPAIRS, last=now, going_on=True)

    def pause(self, now: float) -> float:
        """The child is not as wanted: in how many seconds to put it right; 0 for now."""
        self._note_undoing(now)
        wait = max(0.0, self.last + self._length() - now) if self.repairs >= QUICK_REPAIRS else 0.0
        self.going_on = self.going_on or wait > 0
        return wait

    def repaired(self, now: float) -> None:
        """The child was put right."""
        self._note_undoing(now)
        self.repairs, self.last, self.undone = self.repairs + 1, now, False

    def changed(self, now: float) -> None:
        """The child was given another content, since something else is wanted now: that is no repair, but the other side may undo it as well."""
        self.last, self.undone = now, False

    def peace(self, now: float) -> float:
        """The child is as wanted: for how many seconds it must stay so until the contest is over; 0 when there is none."""
        if not self.going_on:
            return 0.0
        left = self.last + min(max(2 * self.reaction, SHORTEST_PEACE), LONGEST_PEACE) - now
        self.going_on = left > 0
        return max(0.0, left)

    def _note_undoing(self, now: float) -> None:
        if now - self.last >= LONGEST_PAUSE and not self.undone:
            self.repairs, self.reaction = 0, 0.0
        elif not self.undone:
            self.reaction = max(self.reaction, now - self.last)
        self.undone = True

    def _length(self) -> float:
        doublings = min(self.repairs - QUICK_REPAIRS, 10)
        return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**doublings)
