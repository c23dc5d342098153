"""What the trial found, whether it is as asked, and the report of it. Pure.

Each part of the report says by itself what it was measured on, so that parts may come from several runs.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from bench.trial.kinds import ANALYSIS, FAILED, GOOD, Kind

CANDIDATES: Final = "trial-rollouts CHANGES= SAME=0"
CHANGES: Final = "trial-rollouts KINDS= SAME=0"
SAME: Final = "trial-rollouts KINDS= CHANGES="
"""The parts of the report: what tries each of them alone."""


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
class Span:
    """How long something took, and what else the machine did.

    Attributes:
        seconds: that it took.
        loads: of the machine, at the beginning and at the end: programs that run or wait for a processor.
    """

    seconds: float
    loads: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Cases:
    """Rollouts that were tried one after the other, and what clients got between them.

    Attributes:
        cases: the rollouts.
        requests_between: of clients, outside of cases.
        failures_between: those of them without an answer, by what happened.
    """

    cases: Sequence[Case]
    requests_between: int = 0
    failures_between: Mapping[str, int] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        """Of all clients."""
        return sum(case.requests for case in self.cases) + self.requests_between

    @property
    def failures(self) -> Counter[str]:
        """Requests without an answer, by what happened."""
        return sum((Counter(case.failures) for case in self.cases), Counter(self.failures_between))


@dataclass(frozen=True, kw_only=True)
class Same:
    """Rollouts to the same bytes.

    Attributes:
        ends: how many ended how.
        requests: of clients.
        failures: those without an answer, by what happened.
        wanted: how many there were to be.
        unbegun: how many of these did not begin before the time was over.
        span: of all of them.
        messages: of those that were not promoted.
    """

    ends: Mapping[str, int]
    requests: int
    failures: Mapping[str, int]
    wanted: int
    unbegun: int
    span: Span
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Results:
    """Everything that one run found.

    Attributes:
        machine: what it ran on.
        candidates: good and bad ones; None where none were asked for.
        changes: what came between rollouts, at the same time as these; None likewise.
        span: of both.
        same: rollouts to the same bytes, after them; None likewise.
    """

    machine: Mapping[str, str]
    candidates: Cases | None = None
    changes: Cases | None = None
    span: Span = Span(seconds=0.0, loads=(0.0, 0.0))
    same: Same | None = None

    @property
    def faults(self) -> list[str]:
        """All that is not as asked, a line each."""
        parts = [part for part in (self.candidates, self.changes) if part is not None]
        faults = [f"{one.strategy} {one.kind}: {fault}" for part in parts for one in part.cases for fault in one.faults]
        failures = sum((part.failures for part in parts), Counter(self.same.failures if self.same else {}))
        faults += [f"{count} requests failed: {what}" for what, count in failures.most_common()]
        if self.same is not None:
            faults += [f"a rollout to the same bytes: {message}" for message in self.same.messages]
            missing = self.same.wanted - self.same.unbegun - sum(self.same.ends.values())
            faults += [f"{missing} rollouts to the same bytes are missing"] if missing else []
        return faults

    def to_json(self) -> dict[str, Any]:
        """Everything, for a file."""
        return {**asdict(self), "faults": self.faults}


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


def tables(results: Results) -> dict[str, str]:
    """All results in Markdown, by the part of the report."""
    parts = {}
    both = results.candidates is not None and results.changes is not None
    if results.candidates is not None:
        beside = "What came between was tried at the same time." if both else ""
        parts[CANDIDATES] = _cases("the candidate", results.candidates, _head(results.machine, results.span, beside))
    if results.changes is not None:
        beside = "The candidates were tried at the same time." if both else ""
        parts[CHANGES] = _cases("what came between", results.changes, _head(results.machine, results.span, beside))
    if results.same is not None:
        parts[SAME] = f"{_head(results.machine, results.same.span)}\n\n{_same(results.same)}\n"
    return parts


def _head(machine: Mapping[str, str], span: Span, beside: str = "") -> str:
    words = "; ".join(f"{name} {value}" for name, value in machine.items())
    begin, end = span.loads
    load = f"Load {begin:.1f} at the beginning, {end:.1f} at the end"
    return f"Measured on: {words}. {load}. This took {span.seconds / 60:.0f} min. {beside}".rstrip()


def _cases(title: str, part: Cases, head: str) -> str:
    rows = [
        f"| {one.kind} | {one.strategy} | {one.end} | {one.measure} | {one.seconds:.0f} s | {one.requests:,} | "
        f"{sum(one.failures.values())} | {'' if one.by_candidate is None else f'{one.by_candidate:,}'} | {one.wrong:,} | {'; '.join(one.faults) or 'as asked'} |"
        for one in part.cases
    ]
    lines = [
        head,
        "",
        f"{part.requests:,} requests of clients while rollouts went on; {part.failures.total()} of them failed.",
        "",
        f"| {title} | strategy | end | decided by | took | requests | failed | by the candidate | wrong | |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *rows,
    ]
    return "\n".join(lines) + "\n"


def _same(same: Same) -> str:
    ends = ", ".join(f"{count} {end}" for end, count in sorted(same.ends.items()))
    unbegun = f"; {same.unbegun} were not begun, since the time was over" if same.unbegun else ""
    return (
        f"{sum(same.ends.values())} of {same.wanted} rollouts to the same bytes ended: {ends or 'none'}{unbegun}. "
        f"{same.requests:,} requests, {sum(same.failures.values())} failed."
    )
