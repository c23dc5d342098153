"""What one worker obeys, as the file of the order changes."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modelway_server.prediction.held_bytes import HeldBytes
from modelway_server.traffic.handover import HandOver
from modelway_server.traffic.shared import Shared
from modelway_server.traffic.traffic import Traffic

ORDER = {
    "stable": "s",
    "candidate": "c",
    "id": "c-1",
    "mode": "handover",
    "http": "127.0.0.1:8083",
    "weight": 10,
    "maxFailed": 0.01,
    "numericTolerance": 0.001,
}


@pytest.fixture
def traffic(tmp_path: Path) -> Iterator[Traffic]:
    metrics: Any = SimpleNamespace(add_collector=lambda _: None, identity=("m", "1", "s"), recent_seconds=[])
    predictor: Any = SimpleNamespace(held_bytes=HeldBytes(1000), gives_amounts=False)
    connector: Any = None
    shared = Shared(1)
    shared.enter(0)
    traffic = Traffic(tmp_path, shared, connector, predictor, metrics, max_request_bytes=1000)
    yield traffic
    traffic.close()


def write(folder: Path, **changes: Any) -> None:
    new = folder / "new"
    new.write_text(json.dumps({**ORDER, **changes}))
    new.replace(folder / "traffic.json")


def obeyed(traffic: Traffic) -> HandOver:
    assert traffic.active is not None
    return traffic.active


def test_file_that_cannot_be_opened_once_is_obeyed_soon(
    traffic: Traffic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path)
    traffic.look()
    write(tmp_path, weight=20)

    def fail(*_: object) -> Any:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", fail)
        traffic.look()
    assert obeyed(traffic).rollout.share == 10_000, "what was obeyed holds"
    traffic.look()
    assert obeyed(traffic).rollout.share == 20_000


def test_changed_limits_reach_what_is_under_way(traffic: Traffic, tmp_path: Path) -> None:
    write(tmp_path)
    traffic.look()
    before = obeyed(traffic)
    write(tmp_path, maxFailed=0.05, numericTolerance=0.2)
    traffic.look()
    after = obeyed(traffic)
    assert after is before
    assert (after._tally.max_failed, after._judges.comparer.tolerance) == (0.05, 0.2)
