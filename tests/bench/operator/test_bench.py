"""The benchmark measures what it says, on a handful of models."""

import asyncio

import pytest

from bench.operator.figures import Figures, Size, quantile
from bench.operator.history import MOST_HISTORY, earlier
from bench.operator.report import tables
from bench.operator.rounds import Cost, Round
from bench.operator.run import Plan, measure
from bench.operator.upkeep import REPAIRED, Flood, Repairs, Restart


@pytest.mark.cluster
@pytest.mark.slow
def test_a_handful_of_models_costs_what_it_should() -> None:
    lines: list[str] = []
    figures = asyncio.run(
        measure(Plan((4,), rounds=1, idle_seconds=1, repairs=1, flood=8, proved=3), {"machine": "this"}, lines.append)
    )
    [size] = figures.sizes
    assert figures.proved is not None
    assert figures.proved.cost.per_child <= 1.4
    assert (figures.idle_writes, figures.restart.writes) == (0, 0)
    assert size.cost.per_child <= 1.2
    assert size.cost.statuses <= 2
    assert set(figures.repairs) == set(REPAIRED)
    assert {len(taken) for one in figures.repairs.values() for taken in (one.operator, one.bare)} == {1}
    assert len(figures.flood.first_write) == 5
    assert figures.flood.children.keys() == figures.flood.bare.keys() == {"deployments", "services"}
    assert 0 < size.operator[0].applied <= size.operator[0].ready
    assert figures.memory_with_history > figures.empty_memory
    assert 0 < size.bare[0].applied <= size.bare[0].ready
    assert all(30e6 < resident < 300e6 for resident in (figures.empty_memory, size.memory))


@pytest.mark.parametrize("revision", ["bcdfghjklm", "mcdfghjklm", "zcdfghjklm"])
def test_earlier_revisions_have_names_of_their_own(revision: str) -> None:
    data = {"inputs": {"model": {"uri": "s3://models/m.joblib"}}}
    record = {"metadata": {"name": f"m1-{revision}", "labels": {}}, "data": data}
    names = {earlier(record, number)["metadata"]["name"] for number in range(MOST_HISTORY)}
    assert len(names - {f"m1-{revision}"}) == MOST_HISTORY


def _figures() -> Figures:
    client, operator = [Round(2, 4), Round(4, 4), Round(1, 4)], [Round(3, 6), Round(4, 8), Round(9, 4)]
    size = Size(100, operator, client, Cost(1.05, 1.9, 3, 1.0), memory=90_000_000, cpu=1.5)
    repairs = {kind: Repairs([0.01, 0.02, 0.5], [0.01, 0.01, 0.03]) for kind in REPAIRED}
    flood = Flood([0.1], {"deployments": [0.2, 0.4, 0.3], "services": [3, 4]}, {"deployments": [0.1], "services": [2]})
    return Figures({"processor": "2 x Example"}, [size], 80_000_000, 60, 0, Restart(0, 7.0), repairs, 500, flood)


def test_the_tables_hold_the_figures() -> None:
    text = tables(_figures())
    assert (
        "| 100 | 2.00 s | 4.00 s | 1.50 | 4.00 s | 6.00 s | 1.50 | 1.05 | 1.90 (most 3) | 15 ms each | 90 MB of 132 MB |"
        in text
    )
    assert "deployments, 3 times | p50 20 ms, p99 500 ms; bare client p50 10 ms, p99 30 ms |" in text
    assert "| 98 KiB | 120 KiB |" in text
    assert "its Deployment is there | median 0.30 s, worst 0.40 s; one request of a bare client median 0.10 s" in text


def test_a_quantile_is_one_of_the_values() -> None:
    assert (quantile([3.0, 1.0, 2.0], 0.5), quantile([3.0, 1.0, 2.0], 0.99), quantile([5.0], 0.01)) == (2.0, 3.0, 5.0)
