"""A remembered answer is given as long as nothing changes that it came from."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from support.make.names import memory

Ask = Callable[[], tuple[set[str], int]]


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of a checkout, which is imported."""
    file = tmp_path / "tests" / "imported.py"
    file.parent.mkdir()
    file.write_text("first")
    module = ModuleType("imported")
    module.__file__ = str(file)
    monkeypatch.setitem(sys.modules, "imported", module)
    monkeypatch.setattr(memory, "ROOT", tmp_path)
    monkeypatch.setattr(memory, "SOURCES", (tmp_path / "tests",))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return file


@pytest.fixture
def ask() -> Ask:
    """Ask for the answer; it, and how often it was computed so far."""
    computed = 0

    def compute() -> set[str]:
        nonlocal computed
        computed += 1
        return {"one", "two"}

    return lambda: (memory.remember("numbers", compute), computed)


def test_answer_is_computed_once(source: Path, ask: Ask) -> None:
    assert [ask(), ask()] == [({"one", "two"}, 1)] * 2


def test_changed_source_computes_the_answer_anew(source: Path, ask: Ask) -> None:
    ask()
    source.write_text("second")
    assert ask()[1] == 2


def test_source_that_is_gone_computes_the_answer_anew(source: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    ask()
    source.unlink()
    monkeypatch.delitem(sys.modules, "imported")
    assert ask()[1] == 2


def test_other_library_computes_the_answer_anew(source: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    ask()
    monkeypatch.setattr(memory, "distributions", list)
    assert ask()[1] == 2


def test_damaged_memory_is_no_answer(source: Path, ask: Ask, tmp_path: Path) -> None:
    ask()
    (tmp_path / "cache" / "modelway" / "answers" / "numbers.json").write_text("{")
    assert ask() == ({"one", "two"}, 2)
