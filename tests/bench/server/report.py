"""The figures as tables in Markdown, on the terminal and in docs/performance.md; pure."""

from collections.abc import Iterable, Sequence
from statistics import median

from bench.server.cases import BARE, CASES, GOALS, Case, Goal
from bench.server.contenders import NAIVE
from bench.server.figures import Figures, Load, Trial, Verdict, verdicts

MEGA = 1e6
MILLI = 1e-3


def tables(figures: Figures) -> str:
    """All figures."""
    machine = "; ".join(f"{name} {value}" for name, value in figures.machine.items())
    loads = [load for trial in figures.trials for load in trial.loads.values()]
    parts = [
        [f"Measured on: {machine}. {_conditions(figures, loads)}"],
        _goals(verdicts(figures, GOALS, NAIVE)),
        *(_loads(figures, model, case) for model, cases in CASES.items() for case in cases),
        _standing(figures),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _conditions(figures: Figures, loads: Sequence[Load]) -> str:
    client, others = [load.client for load in loads], [load.others for load in loads]
    return (
        f"{figures.rounds} rounds, {figures.seconds:g} s a load, {figures.took:.0f} s in all. "
        f"The client took {median(client):.2f} cores ({max(client):.2f} at most). Other work on the machine took "
        f"{median(others):.2f} cores ({max(others):.2f} at most); its load average before the run was {figures.load_average:.1f}."
    )


def _goals(judged: Iterable[Verdict]) -> list[str]:
    rows = [_goal(one) for one in judged]
    return ["| what | measured | by CPU time | to reach | |", "|---|---|---|---|---|", *rows] if rows else []


def _goal(judged: Verdict) -> str:
    goal = judged.goal
    load = f", {goal.case.name}" if goal.case else ""
    word = {
        "throughput": "times the best peer",
        "limit": f"throughput to that of {goal.to}",
        "scaling": f"throughput to twice that of {goal.to}",
        "latency": "p50 to that of the naive application",
    }.get(goal.measure, goal.measure)
    limit, cost = f"{_limit(goal)} {_figure(goal.limit, goal)}", _ratio(judged.costs)
    values = f"{_spread(judged.values, goal)} | {cost} | {limit}"
    return (
        f"| {goal.model}, {goal.server}{load}: {word} | {values} | {'reached' if judged.reached else 'falls short'} |"
    )


def _limit(goal: Goal) -> str:
    return "at least" if goal.is_floor else "at most"


def _spread(values: Sequence[float], goal: Goal) -> str:
    low, high = (_figure(value, goal) for value in (min(values), max(values)))
    return f"{_figure(median(values), goal)} ({low} to {high})"


def _figure(value: float, goal: Goal) -> str:
    match goal.measure:
        case "memory":
            return f"{value / MEGA:.0f} MB"
        case "ready":
            return f"{value:.2f} s"
        case "latency":
            return f"{value:.3f}"
        case "limit" | "scaling":
            return f"{value:.2f}"
    return f"{value:.1f}"


def _loads(figures: Figures, model: str, case: Case) -> list[str]:
    rows = [row for server in figures.servers(model) if (row := _load(figures, model, server, case))]
    if not rows:
        return []
    head = (
        f"| {model}, {case.name} | CPU of the server for each answer | answers a second | to the naive application "
        "| to the best peer | to the bare protocol | p50 | p99 |"
    )
    return [head, "|" + "---|" * 8, *rows]


def _load(figures: Figures, model: str, server: str, case: Case) -> str:
    trials = figures.of(model, server)
    loads = [trial.loads[case.name] for trial in trials if case.name in trial.loads]
    if not loads:
        return ""
    rates = [load.per_second for load in loads]
    bare = BARE.get(server, "")
    is_held = bare in figures.servers(model) and case.name in figures.of(model, bare)[0].loads
    cells = [
        server,
        _milliseconds(load.cpu for load in loads),
        f"{median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})",
        _ratio(figures.throughputs(model, server, case, to=NAIVE)),
        "" if trials[0].peer else _ratio(figures.throughputs(model, server, case)),
        _ratio(figures.throughputs(model, server, case, to=bare)) if is_held else "",
        _milliseconds(load.p50 for load in loads),
        _milliseconds(load.p99 for load in loads),
    ]
    return f"| {' | '.join(cells)} |"


def _ratio(values: Sequence[float]) -> str:
    return f"{median(values):.2f}" if values else ""


def _milliseconds(values: Iterable[float]) -> str:
    return f"{median(values) / MILLI:.3g} ms"


def _standing(figures: Figures) -> list[str]:
    """What does not depend on the load."""
    head = "| model | server | from spawn to the first answer | prepared before, once | memory after all loads |"
    rows = [_stands(model, server, figures.of(model, server)) for model in CASES for server in figures.servers(model)]
    return [head, "|---|---|---|---|---|", *rows]


def _stands(model: str, server: str, trials: Sequence[Trial]) -> str:
    ready = [trial.ready for trial in trials]
    prepared = [trial.prepared for trial in trials if trial.prepared is not None]
    cells = [
        model,
        server,
        f"{median(ready):.2f} s ({min(ready):.2f} to {max(ready):.2f})",
        f"{median(prepared):.2f} s" if prepared else "",
        f"{median(trial.memory for trial in trials) / MEGA:.0f} MB",
    ]
    return f"| {' | '.join(cells)} |"
