"""What was measured, and what follows from it; pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.server.cases import Case, Goal


@dataclass(frozen=True)
class Load:
    """What one server did under one load.

    Attributes:
        per_second: answers.
        p50, p99: latency in seconds.
        cpu: CPU seconds of the server for each answer.
        client: cores that the client took.
        others: cores that everything else on the machine took.
    """

    per_second: float
    p50: float
    p99: float
    cpu: float
    client: float
    others: float


@dataclass(frozen=True)
class Trial:
    """One server with one model in one round.

    Attributes:
        model, server, round: which.
        peer: whether it is somebody else's.
        ready: seconds from its spawn to its first right answer.
        prepared: seconds that it took before that, once for all pods; None where there is no such step.
        memory: proportional set size of its processes in bytes, after all loads.
        loads: by the name of the case.
    """

    model: str
    server: str
    round: int
    peer: bool
    ready: float
    prepared: float | None
    memory: float
    loads: Mapping[str, Load]


@dataclass(frozen=True)
class Figures:
    """Everything that one run found."""

    machine: Mapping[str, str]
    rounds: int
    seconds: float
    """What one load lasted."""
    trials: Sequence[Trial]
    load_average: float
    """Of the last minute before the run."""
    took: float
    """Seconds of the whole run."""

    def of(self, model: str, server: str) -> list[Trial]:
        """The trials of one server with one model, by round."""
        trials = [trial for trial in self.trials if (trial.model, trial.server) == (model, server)]
        return sorted(trials, key=lambda trial: trial.round)

    def servers(self, model: str) -> list[str]:
        """The names of all servers of a model, in the order of the first round."""
        return list(dict.fromkeys(trial.server for trial in self.trials if trial.model == model))

    def best_peer(self, model: str, number: int, case: Case) -> Trial:
        """The peer that answers most in one round."""
        peers = [trial for trial in self.trials if trial.peer and (trial.model, trial.round) == (model, number)]
        return max(peers, key=lambda trial: trial.loads[case.common.name].per_second)

    def throughputs(self, model: str, server: str, case: Case, to: str | None = None) -> list[float]:
        """The ratios of answers a second to the best peer of the same round, or to the server named `to`.

        Empty where one of them has no such load.
        """
        return [
            trial.loads[case.name].per_second / other.loads[case.common.name].per_second
            for trial in self.of(model, server)
            if case.name in trial.loads and (other := self._other(trial, case, to)) is not None
        ]

    def costs(self, model: str, server: str, case: Case, to: str | None = None) -> list[float]:
        """How many times the CPU time of one answer the thriftiest peer of the same round takes, or the server named `to`.

        On a machine that others use too it moves less than the throughput.
        """
        costs = []
        for trial in self.of(model, server):
            beside = [other for other in self.trials if (other.model, other.round) == (model, trial.round)]
            others = [
                other.loads[case.common.name].cpu for other in beside if (other.server == to if to else other.peer)
            ]
            if others and case.name in trial.loads:
                costs.append(min(others) / trial.loads[case.name].cpu)
        return costs

    def latencies(self, model: str, server: str, case: Case, to: str) -> list[float]:
        """The ratios of the median latency to that of the server named `to` in the same round."""
        return [
            trial.loads[case.name].p50 / other.loads[case.common.name].p50
            for trial in self.of(model, server)
            if (other := self._other(trial, case, to)) is not None
        ]

    def _other(self, trial: Trial, case: Case, name: str | None) -> Trial | None:
        if name is None:
            return self.best_peer(trial.model, trial.round, case)
        return next((other for other in self.of(trial.model, name) if other.round == trial.round), None)


@dataclass(frozen=True)
class Verdict:
    """A goal and what each round found."""

    goal: Goal
    values: Sequence[float]
    costs: Sequence[float] = ()
    """The same by CPU time, where the goal is a throughput."""

    @property
    def reached(self) -> bool:
        """Whether the median is on the right side of the limit."""
        value = median(self.values)
        return value >= self.goal.limit if self.goal.is_floor else value <= self.goal.limit


def verdicts(figures: Figures, goals: Iterable[Goal], naive: str) -> list[Verdict]:
    """Each goal for which something was measured."""
    judged = [Verdict(goal, _values(figures, goal, naive), _costs(figures, goal)) for goal in goals]
    return [verdict for verdict in judged if verdict.values]


def _values(figures: Figures, goal: Goal, naive: str) -> list[float]:
    match goal.measure, goal.case:
        case "throughput", Case() as load:
            return figures.throughputs(goal.model, goal.server, load)
        case "limit", Case() as load:
            return figures.throughputs(goal.model, goal.server, load, to=goal.to)
        case "scaling", Case() as load:
            return [ratio / 2 for ratio in figures.throughputs(goal.model, goal.server, load, to=goal.to)]
        case "latency", Case() as load:
            return figures.latencies(goal.model, goal.server, load, naive)
        case "ready", None:
            return [trial.ready for trial in figures.of(goal.model, goal.server)]
        case "memory", None:
            return [trial.memory for trial in figures.of(goal.model, goal.server)]
        case other:
            raise ValueError(f"no such goal: {other}")


def _costs(figures: Figures, goal: Goal) -> list[float]:
    if not goal.is_floor or goal.case is None:
        return []
    return figures.costs(goal.model, goal.server, goal.case, goal.to or None)
