"""What many simulated rollouts come to, as a document and as text."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from modelway.api.rollout import Rollout
from modelway.cli.simulation.trial import LOOK_SECONDS, SPREAD_SECONDS, START_SECONDS, Ending, Trial
from modelway.rollout.steps import steps_of
from modelway.wording import counted, length

CLEAR: Final = 0.95
"""The share of the simulated rollouts that must end alike to be the verdict."""
EXIT_STATUS: Final = {Ending.PROMOTED: 0, Ending.ROLLED_BACK: 1, Ending.UNDECIDED: 3}
_WORDS: Final = {Ending.PROMOTED: "promoted", Ending.ROLLED_BACK: "rolled back", Ending.UNDECIDED: "no verdict"}
_FIGURES: Final[dict[str, Callable[[Trial], float]]] = {
    "requests": lambda trial: trial.requests,
    "handedOver": lambda trial: trial.handed_over,
    "failed": lambda trial: trial.failed,
    "copied": lambda trial: trial.copied,
    "failedAndAnsweredByStable": lambda trial: trial.answered_by_stable,
    "disagreeing": lambda trial: trial.disagreeing,
    "slow": lambda trial: trial.slow,
}


@dataclass(frozen=True, slots=True)
class Summary:
    """Simulated rollouts of one ModelDeployment.

    Attributes:
        name: of the ModelDeployment.
        rollout: as its spec asks for it.
        traffic: in words.
        fault: of the candidate, in words.
        seed: of the draws.
        trials: one for each rollout.
        left_out: the metrics of the spec, which are not simulated.
    """

    name: str
    rollout: Rollout
    traffic: str
    fault: str
    seed: int
    trials: Sequence[Trial]
    left_out: Sequence[str] = ()

    @property
    def verdict(self) -> Ending:
        """How they end, or that they do not end alike."""
        ending, number = Counter(trial.ending for trial in self.trials).most_common(1)[0]
        return ending if number >= CLEAR * len(self.trials) else Ending.UNDECIDED

    def document(self) -> dict[str, Any]:
        """The summary for programs."""
        return {
            "name": self.name,
            "strategy": self.rollout.strategy,
            "traffic": self.traffic,
            "fault": self.fault,
            "runs": len(self.trials),
            "seed": self.seed,
            "leftOut": list(self.left_out),
            "verdict": str(self.verdict),
            "endings": {str(ending): self._ending(ending) for ending in Ending},
            "measures": dict(Counter(trial.measure for trial in self.trials if trial.measure)),
            **{name: _spread([figure(trial) for trial in self.trials]) for name, figure in _FIGURES.items()},
        }

    def _ending(self, ending: Ending) -> dict[str, Any]:
        seconds = [trial.seconds for trial in self.trials if trial.ending is ending]
        return {"runs": len(seconds), **({"seconds": _spread(seconds)} if seconds else {})}

    def text(self) -> str:
        """The summary for people."""
        return "\n".join([*self._question(), "", *map(self._line, Ending), "", *self._clients(), "", _ASSUMED]) + "\n"

    def _question(self) -> list[str]:
        steps = ", ".join(f"{step.weight or step.mirror}%" for step in steps_of(self.rollout))
        return [
            f"{self.name}: {self.rollout.strategy}, {steps}; {self.traffic}",
            f"The candidate {self.fault}. {counted(len(self.trials), 'simulated rollout')}:",
            *(
                [f"Left out: {', '.join(self.left_out)}. A rollout waits for these metrics, and may end by them."]
                if self.left_out
                else []
            ),
        ]

    def _line(self, ending: Ending) -> str:
        seconds = [trial.seconds for trial in self.trials if trial.ending is ending]
        parts = [f"  {_WORDS[ending]:<12}", f"{len(seconds)} of {len(self.trials)}"]
        if seconds:
            parts.append(f"after {_times(_spread(seconds))}")
        if ending is Ending.ROLLED_BACK and seconds:
            measures = Counter(trial.measure for trial in self.trials if trial.measure)
            parts.append("by " + ", ".join(f"{name} ({number})" for name, number in measures.most_common()))
        if ending is Ending.UNDECIDED and seconds:
            parts.append(f"by spec.rollout.timeout, and then {self.rollout.on_timeout or 'RollBack'}")
        return "  ".join(parts)

    def _clients(self) -> list[str]:
        figures = {name: _spread([figure(trial) for trial in self.trials]) for name, figure in _FIGURES.items()}
        if self.rollout.strategy == "Shadow":
            return [
                f"  The candidate gets copies of {_numbers(figures['copied'])} requests. No client gets its answers."
            ]
        others = f"{_numbers(figures['disagreeing'])} answers other than the stable revision's"
        fails = _numbers(figures["failedAndAnsweredByStable"])
        lines = [
            f"  The candidate gets {_numbers(figures['handedOver'])} of {_numbers(figures['requests'])} requests.",
            f"  Clients get from it {others}, and {_numbers(figures['slow'])} slow ones.",
        ]
        errors = _numbers(figures["failed"])
        if errors != "0":
            lines.append(f"  It fails {errors}, and these clients see an error: the Gateway asks nobody in its place.")
        if fails != "0":
            lines.append(f"  It fails {fails}. The stable revision answers these, so that no client sees an error.")
        return lines


_ASSUMED: Final = (
    f"Figures are medians (and those of 5 and 95 in 100). Assumed: the candidate is ready after {START_SECONDS:.0f} s, a new share reaches the "
    f"stable pods in {SPREAD_SECONDS:.0f} s,\nthe counts are judged every {LOOK_SECONDS:.0f} s and later in steps of 2 % of the time, and "
    "each answer is compared. In a cluster each stable pod also\nstops by itself, and sooner, when the candidate fails."
)


def _spread(values: Sequence[float]) -> dict[str, float]:
    """The median, and the values that 5 and 95 in 100 stay below."""
    ranked = sorted(values)

    def at(share: float) -> float:
        return round(ranked[round(share * (len(ranked) - 1))], 1)

    return {"median": at(0.5), "p5": at(0.05), "p95": at(0.95)}


def _numbers(spread: dict[str, float]) -> str:
    if spread["p5"] == spread["p95"]:
        return f"{spread['median']:,.0f}"
    return f"{spread['median']:,.0f} ({spread['p5']:,.0f} to {spread['p95']:,.0f})"


def _times(spread: dict[str, float]) -> str:
    median, low, high = (length(timedelta(seconds=spread[name])) for name in ("median", "p5", "p95"))
    return median if low == high else f"{median} ({low} to {high})"
