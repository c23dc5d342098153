"""Whatever the process that loads a model leaves behind, or says, the one that waits for it goes on in time."""

import ast
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import modelway_server
from modelway_server.errors import LoadCrashed, LoadFailed, OutOfMemory, describe
from modelway_server.process.child import run_in_child, start_child
from support.waiting import eventually

PACKAGE = Path(modelway_server.__file__).parent
LOADING = ("runtimes", "engines", "process/child.py", "prepare.py", "serving.py", "__main__.py")


class Mute(Exception):
    """An exception that has no text."""

    def __str__(self) -> str:
        raise ValueError("ask me not")


def hide(note: Path) -> None:
    """Leave a process behind, in a session of its own and without a parent, that keeps every file open."""
    if os.fork():
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    note.write_text(str(os.getpid()))
    time.sleep(600)


def hide_and(note: Path, then: Callable[[], Any]) -> Any:
    hide(note)
    eventually(lambda: note.exists() and note.read_text(), deadline=10)
    return then()


@pytest.mark.parametrize("then", [dict, lambda: os._exit(7), lambda: os.kill(os.getpid(), signal.SIGKILL)])
def test_process_forked_away_from_a_child_is_ended(tmp_path: Path, then: Callable[[], Any]) -> None:
    note = tmp_path / "pid"
    begun = time.monotonic()
    with suppress(LoadCrashed, OutOfMemory):
        run_in_child(lambda: dict(hide_and(note, then)), seconds=60)
    assert time.monotonic() - begun < 20
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def test_fork_bomb_is_ended(tmp_path: Path) -> None:
    def bomb() -> dict[str, Any]:
        for index in range(20):
            hide(tmp_path / str(index))
        return {}

    assert run_in_child(bomb, seconds=60) == {}
    for note in tmp_path.iterdir():
        with pytest.raises(ProcessLookupError):
            os.kill(int(note.read_text() or "999999999"), 0)


def test_earlier_children_are_left_alone(tmp_path: Path) -> None:
    own = os.fork()
    if not own:
        time.sleep(600)
    try:
        run_in_child(dict, seconds=30)
        assert os.waitpid(own, os.WNOHANG) == (0, 0)
    finally:
        os.kill(own, signal.SIGKILL)
        os.waitpid(own, 0)


@pytest.mark.parametrize(
    "result", [b"nonsense\n", b"[]\n", b'{"reason": "Because"}\n', b"[" * 100_000 + b"\n", b"{}\n"]
)
def test_malformed_result_of_a_child_is_a_crash(result: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelway_server.process.child.json.dumps", lambda _: result.decode().removesuffix("\n"))
    with pytest.raises(LoadCrashed, match="invalid result"):
        run_in_child(dict, seconds=30)


def test_child_that_writes_for_ever_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelway_server.process.child.MAX_RESULT_BYTES", 100_000)
    with pytest.raises(LoadCrashed):
        run_in_child(lambda: {"text": "x" * 10_000_000}, seconds=30)


def test_exception_without_a_text_is_named_by_its_class() -> None:
    def fail() -> dict[str, Any]:
        raise Mute

    with pytest.raises(LoadFailed, match=r"^Mute$"):
        run_in_child(fail, seconds=30)
    assert describe(Mute()) == "Mute"


def test_child_has_no_socket_of_its_parent() -> None:
    def links() -> dict[str, Any]:
        return {"of": [os.path.realpath(name) for name in Path("/proc/self/fd").iterdir()]}

    with socket.create_server(("127.0.0.1", 0)):
        assert "socket:" in str(links())
        assert "socket:" not in str(run_in_child(links, seconds=30))


def test_step_begins_when_it_is_asked_for(tmp_path: Path) -> None:
    def steps() -> Iterator[dict[str, Any]]:
        yield {"step": 1}
        (tmp_path / "begun").touch()
        yield {"step": 2}

    with start_child(steps, seconds=30) as child:
        assert child.step() == {"step": 1}
        assert not (tmp_path / "begun").exists()
        child.begin()
        child.wait()
        assert (tmp_path / "begun").exists()
        assert child.result() == {"step": 2}


def test_steps_that_are_begun_ahead_follow_each_other(tmp_path: Path) -> None:
    def steps() -> Iterator[dict[str, Any]]:
        yield {"step": 1}
        yield {"step": 2}
        (tmp_path / "done").touch()

    with start_child(steps, seconds=30) as child:
        for _ in range(3):
            child.begin()
        eventually((tmp_path / "done").exists)
        assert [child.result(), child.result()] == [{"step": 1}, {"step": 2}]


def test_failed_step_keeps_its_reason_after_others() -> None:
    def steps() -> Iterator[dict[str, Any]]:
        yield {}
        raise OutOfMemory("too large")

    with start_child(steps, seconds=30) as child:
        assert child.step() == {}
        with pytest.raises(OutOfMemory, match="too large"):
            child.step()


def test_end_between_two_steps_is_a_crash() -> None:
    def steps() -> Iterator[dict[str, Any]]:
        yield {"pid": os.getpid()}

    with start_child(steps, seconds=30) as child:
        os.kill(child.step()["pid"], signal.SIGTERM)
        with pytest.raises(LoadCrashed, match="SIGTERM"):
            child.step()


def test_child_cannot_speak_for_an_earlier_one() -> None:
    def pipes() -> Iterator[dict[str, Any]]:
        links = [os.path.realpath(file) for file in Path("/proc/self/fd").iterdir() if int(file.name) > 2]
        yield {"pipes": [link for link in links if "pipe:" in link]}

    with start_child(pipes, seconds=30) as first, start_child(pipes, seconds=30) as second:
        ours, others = first.step()["pipes"], second.step()["pipes"]
        assert (len(ours), len(others)) == (2, 2)
        assert not set(ours) & set(others)


def test_orphan_of_an_outer_child_is_ended_after_an_inner_one(tmp_path: Path) -> None:
    note = tmp_path / "pid"

    def steps() -> Iterator[dict[str, Any]]:
        yield {}
        yield dict(hide_and(note, dict))

    with start_child(steps, seconds=60) as outer:
        outer.step()
        assert run_in_child(dict, seconds=30) == {}
        outer.step()
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def _texts_of_foreign_exceptions(tree: ast.AST) -> Iterator[int]:
    """Lines that ask an exception of any class for its text: those that a handler of all classes, or a parameter, names."""
    for scope in ast.walk(tree):
        names = set()
        if (
            isinstance(scope, ast.ExceptHandler)
            and scope.name
            and "Exception" in ast.unparse(scope.type or ast.Name(""))
        ):
            names = {scope.name}
        if isinstance(scope, ast.FunctionDef):
            names = {each.arg for each in scope.args.args if each.annotation and ast.unparse(each.annotation) in {"Exception", "BaseException"}}  # fmt: skip
        for node in ast.walk(scope) if names else ():
            texts = node.args[:1] if isinstance(node, ast.Call) and ast.unparse(node.func) in {"str", "repr"} else []
            texts = [node.value] if isinstance(node, ast.FormattedValue) else texts
            if any(isinstance(each, ast.Name) and each.id in names for each in texts):
                yield getattr(node, "lineno", 0)


def test_no_loading_module_uses_str_of_an_exception() -> None:
    modules = [file for name in LOADING for file in ([PACKAGE / name] if name.endswith(".py") else (PACKAGE / name).rglob("*.py"))]  # fmt: skip
    places = {
        f"{file.name}:{line}"
        for file in modules
        for line in _texts_of_foreign_exceptions(ast.parse(file.read_text(encoding="utf-8")))
    }
    assert places == set(), "use errors.words or errors.describe"
