"""The files in which the workers of a pod count: a successor continues them, and what was of the dead worker alone goes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import values
from prometheus_client.multiprocess import mark_process_dead

from modelway_server.telemetry.metrics import MULTIPROCESS_VARIABLE, Metrics, be_worker

Work = Callable[[int], Metrics]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(MULTIPROCESS_VARIABLE, str(tmp_path))
    return tmp_path


@pytest.fixture
def work(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    """Be a new process that works as a worker: nothing of its predecessor is left but the files."""
    assert folder.is_dir()
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)
    begun: list[type] = []

    def start(slot: int) -> Metrics:
        be_worker(slot)
        begun.append(values.ValueClass)
        metrics = Metrics(model="model", model_version="", revision="")
        facts = {"platform_name": "sklearn", "estimator": "a", "digest": "", "engine": "native"}
        metrics.describe(**facts, load_seconds=slot + 1.5, walls={"files": slot != 1})
        return metrics

    yield start
    for kind in begun:
        kind.close_all_files()  # type: ignore[attr-defined]  # the library has no type for it


def answer(metrics: Metrics) -> None:
    """Answer one request."""
    metrics.begin()
    metrics.observe("infer", 200, 0.1)
    metrics.publish()


def die(slot: int) -> None:
    mark_process_dead(slot)  # type: ignore[no-untyped-call]


def samples(metrics: Metrics, name: str) -> list[float]:
    """The values of all samples of that name."""
    lines = metrics.exposition().decode().splitlines()
    return [float(line.rpartition(" ")[2]) for line in lines if line.startswith(name + "{")]


@pytest.mark.slow
def test_counts_and_files_outlive_a_thousand_deaths(folder: Path, work: Work) -> None:
    other = work(0)
    answer(other)
    first = sorted(path.name for path in folder.iterdir())
    assert len(first) == 5
    counts = []
    for death in range(1000):
        metrics = work(1)
        answer(metrics)
        metrics.add_rows(3)
        metrics.publish()
        if death % 50 == 0:
            counts += [samples(other, "modelway_requests_total")[0]]
        values.ValueClass.close_all_files()
        die(1)
    assert counts == [2.0 + 50 * number for number in range(20)]
    assert samples(other, "modelway_requests_total") == [1001]
    assert samples(other, "modelway_request_duration_seconds_count") == [1001]
    assert samples(other, "modelway_rows_total") == [3000]
    assert len(list(folder.iterdir())) == 5 + 2, "two files of counts of the dead worker"


def test_gauges_of_a_dead_worker_are_gone(work: Work) -> None:
    other, metrics = work(0), work(1)
    for each, requests in ((metrics, 5), (other, 1)):
        for _ in range(requests):
            each.begin()
        each.publish()
    metrics.queue_depth.set(4)
    assert samples(other, "modelway_in_flight") == [6]
    assert samples(other, "modelway_load_duration_seconds") == [2.5]
    assert samples(other, "modelway_wall_stands") == [0]
    die(1)
    assert samples(other, "modelway_in_flight") == [1]
    assert samples(other, "modelway_queue_depth") == [0]
    assert samples(other, "modelway_load_duration_seconds") == [1.5]
    assert samples(other, "modelway_wall_stands") == [1]


def test_file_without_a_byte_spoils_no_scrape(folder: Path, work: Work) -> None:
    metrics = work(0)
    answer(metrics)
    (folder / "counter_1.db").touch()
    assert samples(metrics, "modelway_requests_total") == [1]
