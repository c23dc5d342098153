"""Two real servers are asked the same rows."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sklearn.tree import DecisionTreeClassifier

from modelway_server.__main__ import main
from support.models import WINE, WINE_KINDS
from support.server.rollouts import CANDIDATE, KEY, ROLLOUT, STABLE, free_host, order, read_request, response
from support.server.served import Served, SharedModel, launch

Launch = Callable[..., Served]
pytestmark = pytest.mark.slow


def address_of(server: Served) -> str:
    return server.addresses["http"].removeprefix("http://")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset")
    rows = [",".join(f"c{place}" for place in range(13)), *(",".join(map(str, row)) for row in WINE)]
    (folder / "rows.csv").write_text("\n".join(rows))
    return folder


@pytest.fixture(scope="module")
def stable(tmp_path_factory: pytest.TempPathFactory, forest_model: SharedModel) -> Iterator[Served]:
    traffic = tmp_path_factory.mktemp("traffic")
    order(traffic, free_host(), weight=0)
    server = launch(
        tmp_path_factory.mktemp("stable"), f"--revision={STABLE}", f"--traffic-dir={traffic}", **forest_model
    )
    yield server.started()
    server.stop()


@pytest.fixture(scope="module")
def same(tmp_path_factory: pytest.TempPathFactory, forest_model: SharedModel) -> Iterator[str]:
    """The address of a candidate that is the same model."""
    server = launch(tmp_path_factory.mktemp("same"), f"--revision={CANDIDATE}", **forest_model)
    yield address_of(server.started())
    server.stop()


def replay(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stable: str,
    candidate: str,
    dataset: Path,
    *more: str,
) -> dict[str, Any]:
    """The report of a replay."""
    monkeypatch.setenv("MODELWAY_TERMINATION_LOG", str(tmp_path / "report"))
    monkeypatch.setattr("modelway_server.replay.command.signal.signal", lambda *_: None)
    arguments = [
        "replay",
        "--name=model",
        f"--rollout={ROLLOUT}",
        f"--key={KEY}",
        f"--stable={stable}",
        f"--stable-revision={STABLE}",
        f"--candidate={candidate}",
        f"--candidate-revision={CANDIDATE}",
        f"--dataset-dir={dataset}",
        *more,
    ]
    assert main(arguments) == 0
    return dict(json.loads((tmp_path / "report").read_bytes()))


def measures(report: dict[str, Any]) -> dict[str, tuple[int, int]]:
    return {one["name"]: (one["bad"], one["trials"]) for one in report["measures"]}


Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stable: Served, dataset: Path) -> Ask:
    """Replay the dataset on the stable server and a candidate."""

    def replay_on(candidate: str, *more: str, rows: Path = dataset) -> dict[str, Any]:
        return replay(tmp_path, monkeypatch, address_of(stable), candidate, rows, *more)

    return replay_on


def test_same_model_is_bad_in_no_trial_and_no_client_is_counted(ask: Ask, same: str, stable: Served) -> None:
    report = ask(same, "--requests=100")
    assert (report["reason"], report["requests"]) == ("Replayed", 100)
    assert measures(report) == {"failed": (0, 100), "refused": (0, 100), "disagreement": (0, 100)}
    assert stable.sample("modelway_requests_total{") == 0


def test_model_that_answers_otherwise_disagrees_row_by_row(ask: Ask, launched: Launch) -> None:
    candidate = launched(f"--revision={CANDIDATE}", model=DecisionTreeClassifier().fit(WINE, WINE_KINDS + 10)).started()
    bad, trials = measures(ask(address_of(candidate)))["disagreement"]
    assert bad == trials == len({tuple(row) for row in WINE.tolist()})


def test_model_of_other_columns_refuses_what_the_stable_one_takes(ask: Ask, launched: Launch) -> None:
    candidate = launched(
        f"--revision={CANDIDATE}", model=DecisionTreeClassifier().fit(WINE[:, :4], WINE_KINDS)
    ).started()
    report = measures(ask(address_of(candidate), "--requests=30"))
    assert report == {"failed": (0, 30), "refused": (30, 30), "disagreement": (0, 0)}


@contextlib.contextmanager
def _pretender(content: bytes, delay: float = 0.0) -> Iterator[str]:
    """A candidate that always answers so."""
    with socket.create_server((free_host(), 0)) as listener:

        def serve(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                while read := _read(connection):
                    time.sleep(delay if read.startswith(b"POST") else 0.0)
                    connection.sendall(content)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        host, port = listener.getsockname()
        yield f"{host}:{port}"
        listener.shutdown(socket.SHUT_RDWR)


def _read(connection: socket.socket) -> bytes:
    head = connection.recv(4, socket.MSG_PEEK)
    if head.startswith(b"GET"):
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        return data
    return read_request(connection)


def test_candidate_that_fails_is_asked_few_times(ask: Ask) -> None:
    with _pretender(response(b"{}", b"500 Oh")) as address:
        report = ask(address)
    bad, trials = measures(report)["failed"]
    assert 3 <= bad == trials <= 5
    assert "asked no more" in report["message"]


def test_another_revision_at_the_address_is_no_evidence(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelway_server.replay.command.REACH_SECONDS", 0.1)
    with _pretender(response(b'{"inputs": []}', modelway_revision="other")) as address:
        report = ask(address)
    assert report["reason"] == "NotReplayed"
    assert "measures" not in report
    assert f"revision {CANDIDATE} does not answer at {address}" in report["message"]


@pytest.mark.parametrize(
    ("content", "words"),
    [("a,b\n1,2\n", "takes 13 values a row"), ("\n".join([",".join("abcdefghijklm"), ",".join("x" * 13)]), "refuses")],
)
def test_rows_that_no_model_takes_are_named(ask: Ask, same: str, tmp_path: Path, content: str, words: str) -> None:
    folder = tmp_path / "rows"
    folder.mkdir()
    (folder / "rows.csv").write_text(content)
    report = ask(same, rows=folder)
    assert report["reason"] in {"NotReplayed", "InvalidDataset"}
    assert words in report["message"]
