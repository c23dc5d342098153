"""The whole benchmark: every size in alternating rounds, then what is measured with the most models at rest."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from bench.operator.figures import Figures, Size
from bench.operator.history import memory_with_history
from bench.operator.objects import models
from bench.operator.rounds import Cost, Round, by_bare_client, by_operator, cost
from bench.operator.upkeep import PATIENCE, QUIET_SECONDS, flood, idle, repair, restart
from bench.operator.world import NAMESPACES, World, world

SMALL = 100
"""Up to this size the rounds follow each other in one place; beyond it each has a fresh one."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What to measure."""

    sizes: tuple[int, ...]
    rounds: int
    idle_seconds: float
    repairs: int
    flood: int
    history: int = 10
    """Earlier revisions of each model, for what they take in memory."""
    proved: int = 0
    """How many models with a preflight each; 0 for none."""


class _Places:
    """Where the rounds of one size run."""

    def __init__(self, stack: ExitStack, *, shared: bool, preflight: bool) -> None:
        self._stack = stack
        self._shared = shared
        self._preflight = preflight
        self._open: dict[bool, World] = {}

    def get(self, *, operator: bool) -> World:
        """A place with or without the operator, fresh unless the rounds share it."""
        if not self._shared:
            self._stack.close()
            self._open.clear()
        if operator not in self._open:
            self._open[operator] = self._stack.enter_context(world(operator=operator, preflight=self._preflight))
        return self._open[operator]

    @property
    def last(self) -> World:
        """The place of the operator's last round."""
        return self._open[True]


@contextmanager
def _places(count: int, *, preflight: bool = False) -> Iterator[_Places]:
    with ExitStack() as stack:
        yield _Places(stack, shared=count <= SMALL, preflight=preflight)


@dataclass
class _Findings:
    operator: list[Round] = field(default_factory=list)
    bare: list[Round] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    """Without a model, and after the first round."""
    cpu: float = 0.0


async def measure(plan: Plan, machine: Mapping[str, str], say: Say) -> Figures:
    """Everything that the plan asks for.

    Raises:
        BenchError: something did not come about in time.
    """
    findings: list[_Findings] = []
    for count in plan.sizes:
        with _places(count) as places:
            findings.append(await _rounds(plan, count, places, say))
            if count != plan.sizes[-1]:
                continue
            place, total = places.last, count * (plan.rounds if count <= SMALL else 1)
            idle_writes = await idle(place, plan.idle_seconds)
            say(f"{idle_writes} writes in {plan.idle_seconds:g} s of rest")
            restarted = await restart(place, total)
            say(f"{restarted.writes} writes of a restart")
            repairs = await repair(place, plan.repairs)
            say(f"{plan.repairs} children of each kind came back")
            with_history = await memory_with_history(place, total, plan.history)
            say(f"{with_history / 1e6:.0f} MB with {plan.history} earlier revisions of each model")
            flooded = await flood(place, plan.flood)
    proved = None
    if plan.proved:
        with _places(plan.proved, preflight=True) as places:
            proved = _size(plan.proved, await _rounds(plan, plan.proved, places, say))
    sizes = [_size(count, one) for count, one in zip(plan.sizes, findings, strict=True)]
    return Figures(
        machine,
        sizes,
        findings[0].memory[0],
        plan.idle_seconds,
        idle_writes,
        restarted,
        repairs,
        plan.flood,
        flooded,
        history=plan.history,
        memory_with_history=with_history,
        proved=proved,
    )


def _size(count: int, findings: _Findings) -> Size:
    return Size(count, findings.operator, findings.bare, findings.costs[0], findings.memory[1], findings.cpu)


async def _rounds(plan: Plan, count: int, places: _Places, say: Say) -> _Findings:
    findings = _Findings()
    for number in range(plan.rounds):
        # The order alternates; the operator comes last at the end, since its place is needed afterwards.
        operator_first = number % 2 == 1 and number < plan.rounds - 1
        for operator in (operator_first, not operator_first):
            place = places.get(operator=operator)
            taken = await _round(findings, place, count, number, operator=operator)
            who = "operator" if operator else "bare client"
            say(f"{count} models, round {number + 1}, {who}: applied {taken.applied:.2f} s, ready {taken.ready:.2f} s")
    return findings


async def _round(findings: _Findings, place: World, count: int, number: int, *, operator: bool) -> Round:
    wanted = models(count, place.namespaces(f"bench-{number}", min(count, NAMESPACES)))
    if not operator:
        findings.bare.append(await by_bare_client(place, wanted))
        return findings.bare[-1]
    memory, cpu = place.memory(), place.cpu_seconds()
    findings.operator.append(await by_operator(place, wanted))
    cpu = place.cpu_seconds() - cpu
    await place.trail.quiet(seconds=QUIET_SECONDS, deadline=PATIENCE)
    findings.costs.append(cost(place.trail.writes(), wanted, place.kinds))
    if number == 0:
        findings.memory, findings.cpu = [memory, place.memory()], cpu
    return findings.operator[-1]
