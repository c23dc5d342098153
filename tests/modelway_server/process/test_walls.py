"""The second wall: what a model does that got past the first, in real processes."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import joblib
import psutil
import pytest

from modelway.cli import commands
from modelway_server.errors import ServerIncomplete
from modelway_server.process import landlock, seccomp
from modelway_server.process.readable import readable_paths, without_homes
from modelway_server.process.walls import NAMES, VARIABLE, Walls
from modelway_server.telemetry.tracing import ports
from support.models import wine_forest
from support.server.served import Served, SharedModel
from support.server.trespasser import Trespasser, attempts
from support.server.walls import walled
from support.waiting import eventually

Launch = Callable[..., Served]


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file like those of ~/.ssh."""
    path = tmp_path / "home" / "id_ed25519"
    path.parent.mkdir()
    path.write_text("secret")
    return path


@pytest.fixture
def port() -> Iterator[int]:
    """Where somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@walled
@pytest.mark.parametrize(("workers", "loading"), [(1, ""), (2, "read the command of another process, start a process")])
def test_model_can_do_nothing_but_answer(launched: Launch, secret: Path, port: int, workers: int, loading: str) -> None:
    model = Trespasser(str(secret), port).fit()
    server = launched(
        "--trusted-types=support.server.trespasser.*", f"--workers={workers}", "--grpc-port=0", model=model, cold=True
    )
    answer = server.started().predict({"instances": [[1.0]]}).body
    assert answer == {"predictions": [f"loading: {loading}; answering: "]}
    assert secret.read_text() == "secret"
    assert any(line["message"] == "walls: files, programs and network stand" for line in server.log)
    for wall in NAMES:
        assert f'modelway_wall_stands{{wall="{wall}"}} 1.0' in server.probe("/metrics").body


@walled
def test_check_reports_the_walls_and_what_a_model_could_do(
    tmp_path: Path, secret: Path, port: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump(Trespasser(str(secret), port).fit(), path)
    arguments = commands.parser().parse_args(["check", str(path), "--trusted-types=support.server.trespasser.*"])
    assert arguments.run(arguments) == 0
    assert "  walls    files, programs and network stand" in capsys.readouterr().out.splitlines()
    assert secret.read_text() == "secret"
    monkeypatch.setenv(VARIABLE, "off")
    path.write_bytes(b"nothing")
    assert arguments.run(arguments) == 1
    assert (
        "Walls while it was tried: not files, programs and network (MODELWAY_WALLS is off)." in capsys.readouterr().out
    )


ATTEMPTS = """
import sys
from pathlib import Path
from modelway_server.process.temporary import make_folder
from modelway_server.process.walls import Walls, own_folder
from modelway_server.process.readable import readable_paths
from support.server.trespasser import successes
secret, port, standing = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(",")
walls = Walls()
if "files" in standing:
    walls.hide_files(readable_paths(secret.parent.parent / "models"), [own_folder(make_folder()[0])])
    walls.hide_processes()
if "calls" in standing:
    walls.refuse_calls()
print(*successes(secret, port), sep="\\n")
"""


FILES = {
    "read a file", "list a folder", "make a file", "delete a file", "move a file", "read of another process",
    "read the command of another process",
}  # fmt: skip
"""What Landlock alone refuses."""


@walled
@pytest.mark.parametrize(
    ("standing", "forbidden"),
    [
        ("files", {"read a file", "make a file", "run a program", "read of another process", "signal its parent"}),
        ("calls", set(attempts(Path(), 0)) - FILES),
        ("files,calls", set(attempts(Path(), 0))),
    ],
)
def test_each_wall_stops_what_it_is_for(secret: Path, port: int, standing: str, forbidden: set[str]) -> None:
    command = [sys.executable, "-c", ATTEMPTS, str(secret), str(port), standing]
    process = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert forbidden.isdisjoint(process.stdout.splitlines()), process.stdout


@walled
def test_dead_worker_is_replaced_and_grpc_listens(launched: Launch, forest_model: SharedModel) -> None:
    server = launched("--workers=2", "--grpc-port=0", **forest_model).started()
    first = psutil.Process(server.process.pid)
    victim = first.children()[0]
    victim.send_signal(signal.SIGKILL)
    eventually(lambda: len(first.children()) == 2 and victim not in first.children(), deadline=30)
    server.started()
    assert server.predict({"instances": [[1.0] * 13]}).status == 200
    with grpc.insecure_channel(server.addresses["grpc"]) as channel:
        grpc.channel_ready_future(channel).result(timeout=20)


def test_unknown_mode_of_walls_is_refused() -> None:
    with pytest.raises(ServerIncomplete, match="'maybe'"):
        Walls({VARIABLE: "maybe"})


@pytest.mark.parametrize("mode", ["try", "require"])
def test_fallen_wall_is_reported_and_refused_if_required(
    mode: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(38, os.strerror(38))

    monkeypatch.setattr(landlock, "restrict_files", refuse)
    monkeypatch.setattr(seccomp, "restrict", lambda _: None)
    walls = Walls({VARIABLE: mode})
    walls.hide_files([], [])
    walls.refuse_calls()
    summary = "programs and network stand; not files (the kernel or the container runtime does not offer it)"
    assert str(walls) == summary
    if mode == "require":
        with pytest.raises(ServerIncomplete, match="is require"):
            walls.check()
    else:
        walls.check()
    assert [record.getMessage() for record in caplog.records] == [f"walls: {summary}"]
    assert caplog.records[0].levelname == "WARNING"


def test_walls_that_are_off_are_not_raised() -> None:
    walls = Walls({VARIABLE: "off"})
    walls.hide_files([], [])
    walls.refuse_calls()
    walls.check()
    assert walls.standing == dict.fromkeys(NAMES, False)


def test_home_folder_that_python_starts_in_is_not_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tmp_path / "me" / "venv"
    inside.mkdir(parents=True)
    assert without_homes([Path("/"), tmp_path, tmp_path / "me", inside], [tmp_path / "me"]) == [inside]
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setattr(sys, "path", ["", str(inside)])
    monkeypatch.chdir(tmp_path / "me")
    assert {tmp_path / "me", tmp_path}.isdisjoint(readable_paths(tmp_path / "models"))
    assert inside in readable_paths(tmp_path / "models")


def test_model_behind_a_link_is_readable(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "m").symlink_to(tmp_path / "far")
    assert {tmp_path / "models", tmp_path / "far"} <= set(readable_paths(tmp_path / "models"))


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize(
    "calls", [seccomp.Calls(), seccomp.Calls(forks=True, binds=True), seccomp.Calls(connects=True)]
)
def test_kernel_accepts_the_seccomp_filter(machine: str, calls: seccomp.Calls) -> None:
    steps = seccomp.program(calls, machine, 7)
    assert len(steps) < 4096
    for place, (code, yes, no, _) in enumerate(steps):
        if code & 7 == 5:
            assert place + 1 + max(yes, no) < len(steps), "every jump stays inside"
    assert steps[-1][0] == 6, "its last step answers"


def test_ports_of_spans_are_the_endpoints_and_dns() -> None:
    assert ports({}) == ()
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.here"}
    assert ports(endpoint) == (53, 443)
    assert ports(endpoint | {"https_proxy": "http://proxy:3128"}) == (53, 443, 3128)


@walled
def test_server_with_an_unknown_mode_of_walls_reports_why(launched: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "perhaps")
    server = launched(model=wine_forest(), cold=True)
    assert server.process.wait(timeout=60) == ServerIncomplete.exit_code
    assert json.dumps(server.report).count("perhaps") == 1
