"""A SavedModel fills its tables from its own assets; from no other file, whatever way its name comes."""

from pathlib import Path
from typing import Any

import pytest

from frameworks.operations import computing
from modelway_server.errors import InvalidArtifact, LoadFailure, UnsafeArtifact
from modelway_server.runtimes.file_checks.saved_model import judge, operations
from modelway_server.runtimes.trust import Trust
from support.files.messages import message
from support.trained.saved_models import calling, function, node, write

READ = node("fill", "InitializeTableFromTextFileV2", "table", "file")
FILL = function("fill", [READ], "file", "table")
ANSWER = function("answer", [node("found", "LookupTableFindV2", "table", "word")], "word", "table")
ASSET, TABLE, CONSTANT = message((5, b"")), message((10, b"")), message((9, b""))


def objects(*nodes: bytes, fill: bytes = b"\x00\x01", name: str = "fill") -> bytes:
    """A SavedObjectGraph of an asset, a table and more, with what a function's last arguments are."""
    bound = message((1, name), (2, message((2, fill))))
    return message(*((1, each) for each in nodes or (ASSET, TABLE, CONSTANT)), (2, bound))


def model(path: Path, *functions: bytes, assets: tuple[str, ...] = ("words.txt",), **meta: bytes) -> Path:
    saved = write(path / "model", [], functions or (FILL, ANSWER), assets, **{"objects": objects(), **meta})
    (saved / "assets").mkdir()
    (saved / "assets" / "words.txt").write_text("red\ngreen\n")
    return saved


def refusal_of(path: Path) -> LoadFailure:
    with pytest.raises(LoadFailure) as error:
        judge(path, Trust())
    judge(path, Trust(("tensorflow.saved_model.load",)))
    return error.value


def through(*inputs: str, operation: str = "StatefulPartitionedCall", more: tuple[bytes, ...] = ()) -> bytes:
    call = node("call", operation, *inputs, calls=calling("fill"))
    return function("outer", [call, *more], "file", "table")


HONEST: dict[str, tuple[tuple[bytes, ...], dict[str, Any]]] = {
    "a table of its own asset": ((), {}),
    "a function that hands the name on": ((through("file", "table"), FILL), {"objects": objects(name="outer")}),
    "numbers that are not packed": (
        (),
        {"objects": message((1, ASSET), (1, TABLE), (2, message((1, "fill"), (2, message((2, 0), (2, 1))))))},
    ),
    "a function that nobody calls": ((FILL,), {"objects": message((1, ASSET))}),
}


@pytest.mark.parametrize("what", HONEST)
def test_vocabulary_that_is_an_asset_passes(tmp_path: Path, what: str) -> None:
    functions, meta = HONEST[what]
    judge(model(tmp_path, *functions, **meta), Trust())


OUTER = {"objects": objects(name="outer")}
HOSTILE: dict[str, tuple[tuple[bytes, ...], dict[str, Any]]] = {
    "a constant for a name": ((function("fill", [node("file", "Const"), READ], "table"),), {}),
    "a name that a node makes": (
        (function("fill", [node("n", "StringJoin", "file"), node("fill", READER := "InitializeTableFromTextFileV2", "table", "n:output:0")], "file", "table"),),
        {},
    ),
    "a node with the name of the argument": ((function("fill", [READ, node("file", "Const")], "file", "table"),), {}),
    "a name that the request gives": ((), {"objects": objects(fill=b"\x01")}),
    "a constant of the program": ((), {"objects": objects(fill=b"\x02\x01")}),
    "an object that is not there": ((), {"objects": objects(fill=b"\x63\x01")}),
    "more objects than arguments": ((), {"objects": objects(fill=b"\x00\x00\x01")}),
    "an asset with children": ((), {"objects": objects(message((5, b""), (1, message((1, 2), (2, "_path")))), TABLE)}),
    "an asset of a registered class": ((), {"objects": objects(message((5, b""), (13, "other")), TABLE)}),
    "an asset and a constant": ((), {"objects": objects(message((5, b""), (9, b"")), TABLE)}),
    "an asset that is not listed": ((), {"objects": objects(message((5, message((1, 7)))), TABLE)}),
    "objects in two parts": ((), {"more_objects": message((1, CONSTANT))}),
    "no objects at all": ((), {"objects": b""}),
    "the model twice": ((), {"twice": b"x"}),
    "a caller with a constant": ((through("made", "table", more=(node("made", "Const"),)), FILL), OUTER),
    "a caller with another order": ((through("table", "file"), FILL), OUTER),
    "a caller that is no call": ((through("file", "table", operation="While"), FILL), OUTER),
    "a caller of which nobody knows": ((through("file", "table"), FILL), {"objects": objects(fill=b"\x02\x01", name="outer")}),
    "the operation in the place of a function": ((FILL, function("other", [node("n", "PartitionedCall", calls=calling(READER))])), {}),
    "a function that may be swapped": ((function("fill", [READ], "file", "table", attribute="api_implements"),), {}),
    "a function that is a gradient": ((), {"gradient": message((1, "answer"), (2, "fill"))}),
    "another operation on files": ((FILL, function("other", [node("n", "ReadFile", "file")], "file")), {}),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_file_that_may_be_no_asset_is_refused(tmp_path: Path, what: str) -> None:
    functions, meta = HOSTILE[what]
    failure = refusal_of(model(tmp_path, *functions, **meta))
    assert isinstance(failure, UnsafeArtifact | InvalidArtifact)
    assert isinstance(failure, UnsafeArtifact) or "twice" in failure.message


@pytest.mark.parametrize("name", ["../saved_model.pb", "/etc/hostname", "inner/../../x", "link", "hard", "linked/x"])
def test_asset_that_lies_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    path = model(tmp_path, assets=(name,))
    (tmp_path / "x").write_text("secret")
    (path / "assets" / "link").symlink_to(tmp_path / "x")
    (path / "assets" / "hard").hardlink_to(tmp_path / "x")
    (path / "assets" / "linked").symlink_to(tmp_path)
    assert isinstance(refusal_of(path), UnsafeArtifact)


def test_folder_of_assets_that_is_a_link_is_refused(tmp_path: Path) -> None:
    path = model(tmp_path)
    (path / "assets").rename(tmp_path / "elsewhere")
    (path / "assets").symlink_to(tmp_path / "elsewhere")
    assert "a link" in refusal_of(path).message


def test_asset_that_is_not_there_is_named(tmp_path: Path) -> None:
    failure = refusal_of(model(tmp_path, assets=("gone.txt",)))
    assert isinstance(failure, InvalidArtifact)
    assert "assets/gone.txt" in failure.message


def test_two_functions_of_one_name_are_damage(tmp_path: Path) -> None:
    assert isinstance(refusal_of(model(tmp_path, ANSWER, ANSWER)), InvalidArtifact)


def test_no_listed_operation_is_one_that_the_rules_refuse() -> None:
    assert sorted(operations()) == computing(operations())
