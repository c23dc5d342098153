"""What the trial found, whether it is as asked, and the report of it. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.trial.kinds import ANALYSIS, FAILED, GOOD, Kind


@dataclass(frozen=True, kw_only=True)
class Case:
    """One rollout under load.

    Attributes:
        strategy: of the rollout.
        kind: name of the candidate's kind.
        end: `Promoted`, the cause of a rollback, or what it came to in place of an end.
        measure: what decided: a measure with its counts, or words of a message; empty where there is none.
        seconds: from the change of the spec until nothing of the candidate was left.
        requests: of clients meanwhile.
        failures: those without an answer, by what happened.
        by_candidate: answers of the candidate; None where they are not told from those after its promotion.
        wrong: those of them that were wrong; of all revisions where `by_candidate` is None.
        faults: what is not as asked.
    """

    strategy: str
    kind: str
    end: str
    measure: str
    seconds: float
    requests: int
    failures: Mapping[str, int]
    by_candidate: int | None
    wrong: int
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Same:
    """Rollouts to the same bytes.

    Attributes:
        ends: how many ended how.
        requests: of clients.
        failures: those without an answer, by what happened.
        seconds: that all took.
        wanted: how many there were to be.
        messages: of those that were not promoted.
    """

    ends: Mapping[str, int]
    requests: int
    failures: Mapping[str, int]
    seconds: float
    wanted: int
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Results:
    """Everything that one run found.

    Attributes:
        machine: what it ran on.
        cases: good and bad candidates.
        changes: what came between rollouts, as cases.
        same: rollouts to the same bytes; None where none were asked for.
        requests_between: of clients, outside of cases.
        failures_between: those of them without an answer.
        seconds: of the whole run.
        loads: of the machine, at the beginning and at the end: programs that run or wait for a processor.
    """

    machine: Mapping[str, str]
    cases: Sequence[Case] = ()
    changes: Sequence[Case] = ()
    same: Same | None = None
    requests_between: int = 0
    failures_between: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    loads: tuple[float, float] = (0.0, 0.0)

    @property
    def requests(self) -> int:
        """Of all clients, but those of the rollouts to the same bytes."""
        return sum(case.requests for case in (*self.cases, *self.changes)) + self.requests_between

    @property
    def failures(self) -> Counter[str]:
        """All requests without an answer, by what happened."""
        total: Counter[str] = Counter(self.failures_between)
        for case in (*self.cases, *self.changes):
            total.update(case.failures)
        if self.same is not None:
            total.update(self.same.failures)
        return total

    @property
    def faults(self) -> list[str]:
        """All that is not as asked, a line each."""
        faults = [f"{one.strategy} {one.kind}: {fault}" for one in (*self.cases, *self.changes) for fault in one.faults]
        faults += [f"{count} requests failed: {what}" for what, count in self.failures.most_common()]
        if self.same is not None:
            faults += [f"a rollout to the same bytes: {message}" for message in self.same.messages]
            missing = self.same.wanted - sum(self.same.ends.values())
            faults += [f"{missing} rollouts to the same bytes are missing"] if missing else []
        return faults

    def to_json(self) -> dict[str, Any]:
        """Everything, for a file."""
        return {**asdict(self), "requests": self.requests, "faults": self.faults}


def faults_of(kind: Kind, strategy: str, end: str, measure: str, by_candidate: int) -> list[str]:
    """What is not as asked in the end of a rollout.

    Args:
        kind: of the candidate.
        strategy: of the rollout.
        end: `Promoted`, or the cause of a rollback.
        measure: what decided; see `Case`.
        by_candidate: answers that clients got of it before its promotion.
    """
    faults = [] if end in kind.ends else [f"ended by {end}, not by {' or '.join(kind.ends)}"]
    if end == ANALYSIS and not measure.startswith(kind.measures):
        faults.append(f"{measure} decided, not {' or '.join(kind.measures)}")
    if end == FAILED and kind.words and measure not in kind.words:
        faults.append(f"{measure} decided, not {' or '.join(kind.words)}")
    if strategy == "Shadow" and by_candidate and end != GOOD:
        faults.append(f"{by_candidate} clients saw a shadow's answers")
    return faults


def table(results: Results) -> str:
    """All results in Markdown."""
    machine = "; ".join(f"{name} {value}" for name, value in results.machine.items())
    failed, (begin, end) = results.failures.total(), results.loads
    lines = [
        f"Measured on: {machine}. Load {begin:.1f} at the beginning, {end:.1f} at the end. The whole run took {results.seconds / 60:.0f} min.",
        "",
        f"{results.requests:,} requests of clients while rollouts went on; {failed} of all requests failed.",
        "",
        *_cases("the candidate", results.cases),
        *_cases("what came between", results.changes),
    ]
    if results.same is not None:
        lines += [_same(results.same), ""]
    return "\n".join(lines)


def _cases(title: str, cases: Sequence[Case]) -> Iterable[str]:
    if not cases:
        return []
    rows = [
        f"| {one.kind} | {one.strategy} | {one.end} | {one.measure} | {one.seconds:.0f} s | {one.requests:,} | "
        f"{sum(one.failures.values())} | {'' if one.by_candidate is None else f'{one.by_candidate:,}'} | {one.wrong:,} | {'; '.join(one.faults) or 'as asked'} |"
        for one in cases
    ]
    return [
        f"| {title} | strategy | end | decided by | took | requests | failed | by the candidate | wrong | |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *rows,
        "",
    ]


def _same(same: Same) -> str:
    ends = ", ".join(f"{count} {end}" for end, count in sorted(same.ends.items()))
    return (
        f"{sum(same.ends.values())} rollouts to the same bytes: {ends}. {same.requests:,} requests, {sum(same.failures.values())} failed; "
        f"{same.seconds / 60:.0f} min."
    )
