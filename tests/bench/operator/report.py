"""The figures as tables in Markdown, on the terminal and in docs/performance.md; pure."""

from collections.abc import Sequence
from statistics import median

from bench.operator import figures
from bench.operator.figures import Figures, Size, quantile
from bench.operator.upkeep import Repairs

MEGA, KIBI = 1e6, 1024


def tables(figures: Figures) -> str:
    """All figures."""
    machine = "; ".join(f"{name} {value}" for name, value in figures.machine.items())
    return "\n".join(
        [
            f"Measured on: {machine}. The whole run took {figures.seconds:.0f} s.",
            "",
            *_sizes(figures),
            "",
            *_rest(figures),
            "",
        ]
    )


def _sizes(all_figures: Figures) -> list[str]:
    head = (
        "| ModelDeployments | applied: bare | operator | ratio | ready: bare | operator | ratio "
        "| writes a child | status writes | CPU of the operator | memory |"
    )
    goal = f"| to reach | | | {figures.RATIO:g} | | | | {figures.WRITES:g} | {figures.STATUSES:g} | | 120 MB + 120 KiB each |"
    rows = [_size(size, f"{size.count}") for size in all_figures.sizes]
    if all_figures.proved is not None:
        rows.append(_size(all_figures.proved, f"{all_figures.proved.count}, each with a preflight"))
    return [head, "|" + "---|" * 11, *rows, goal]


def _size(size: Size, title: str) -> str:
    applied = [median(one.applied for one in rounds) for rounds in (size.bare, size.operator)]
    ready = [median(one.ready for one in rounds) for rounds in (size.bare, size.operator)]
    cells = [
        title,
        *(f"{seconds:.2f} s" for seconds in applied),
        f"{size.applied:.2f}",
        *(f"{seconds:.2f} s" for seconds in ready),
        f"{size.ready:.2f}",
        f"{size.cost.per_child:.2f}",
        f"{size.cost.statuses:.2f} (most {size.cost.most_statuses})",
        f"{1000 * size.cpu / size.count:.0f} ms each",
        f"{size.memory / MEGA:.0f} MB of {size.memory_limit / MEGA:.0f} MB",
    ]
    return "| " + " | ".join(cells) + " |"


def _rest(figures: Figures) -> list[str]:
    last = figures.sizes[-1]
    lines = [
        f"| with {last.count} ModelDeployments | measured | to reach |",
        "|---|---|---|",
        f"| writes in {figures.idle_seconds:g} s of rest | {figures.idle_writes} | 0 |",
        f"| writes of a restart, {figures.restart.seconds:.0f} s until all were looked at again | {figures.restart.writes} | 0 |",
        f"| memory for each, beyond {figures.empty_memory / MEGA:.0f} MB without any | {figures.memory_per_model / KIBI:.0f} KiB | 120 KiB |",
        f"| memory after a restart with {figures.history} earlier revisions of each | {figures.memory_with_history / MEGA:.0f} MB | |",
        f"| Events for each | {last.cost.events:.2f} | |",
    ]
    lines += [_repair(plural, one) for plural, one in figures.repairs.items()]
    return lines + _flood(figures)


def _repair(plural: str, one: Repairs) -> str:
    ours, client = (
        "p50 {:.0f} ms, p99 {:.0f} ms".format(*(1000 * quantile(taken, share) for share in (0.5, 0.99)))
        for taken in (one.operator, one.bare)
    )
    goal = f"p99 {1000 * figures.REPAIR_SECONDS:.0f} ms"
    return f"| a deleted child is back: {plural}, {len(one.operator)} times | {ours}; bare client {client} | {goal} |"


def _flood(all_figures: Figures) -> list[str]:
    beside = f"a new model while another namespace gets {all_figures.flooded} more"
    flood = all_figures.flood
    deployment, service = (
        f"{_span(flood.children[plural])}; one request of a bare client {_span(flood.bare[plural])}"
        for plural in ("deployments", "services")
    )
    return [
        f"| {beside}: the operator's first write | {_span(flood.first_write)} | |",
        f"| {beside}: its Deployment is there | {deployment} | {figures.FLOOD_SECONDS:g} s |",
        f"| {beside}: its Service is there | {service} | |",
    ]


def _span(seconds: Sequence[float]) -> str:
    return f"median {median(seconds):.2f} s, worst {max(seconds):.2f} s"
