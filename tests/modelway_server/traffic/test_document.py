"""The order of a rollout: what is obeyed, and what is refused by name."""

import json
from typing import Any

import pytest

from modelway_server.traffic.document import BadDocument, Rollout, read_address, read_document, read_key

GOOD: dict[str, Any] = {
    "id": "w-1", "stable": "s", "candidate": "w", "mode": "handover", "weight": 12.5, "http": "10.96.1.2:8083",
    "grpc": None, "sticky": "X-User", "maxFailed": 0.001, "numericTolerance": 0.1, "later": {}, "key": "0123456789abcdef",
}  # fmt: skip


def read(revision: str = "s", **changes: Any) -> Rollout | None:
    return read_document(json.dumps(GOOD | changes).encode(), revision)


def test_order_is_read_and_unknown_members_are_ignored() -> None:
    assert read() == Rollout("w-1", "w", False, 12_500, "10.96.1.2", 8083, "x-user", 0.001, 0.1, "0123456789abcdef")  # noqa: FBT003
    assert read(http="[fd00::2]:8083", sticky=None, mode="mirror").host == "fd00::2"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changes", "is_ahead"), [({}, True), ({"paceAhead": True}, True), ({"paceAhead": False}, False)]
)
def test_pace_is_measured_ahead_unless_the_order_says_no(changes: dict[str, Any], is_ahead: bool) -> None:  # noqa: FBT001
    rollout = read(**changes)
    assert rollout is not None
    assert rollout.pace_ahead is is_ahead


@pytest.mark.parametrize("revision", ["w", "", "another"])
def test_order_is_for_servers_of_the_stable_revision_alone(revision: str) -> None:
    assert read(revision) is None


def test_every_server_reads_the_key_of_an_order() -> None:
    assert read_key(json.dumps({"key": "0123456789abcdef"}).encode()) == "0123456789abcdef"
    assert not read_key(b"{}")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"weight": 101}, "weight"), ({"weight": "5"}, "weight"), ({"weight": True}, "weight"), ({"weight": -1}, "weight"),
        ({"mode": "dice"}, "mode"), ({"id": "w\r\nx: y"}, "id"), ({"id": None}, "id"), ({"http": "store.evil:8083"}, "http"),
        ({"http": "10.0.0.1:443"}, "port"), ({"http": "10.0.0.1"}, "http"), ({"sticky": "a b"}, "sticky"),
        ({"maxFailed": 2}, "maxFailed"), ({"numericTolerance": None}, "numericTolerance"), ({"stable": 5}, "stable"),
        ({"http": "169.254.169.254:8083"}, "http"), ({"http": "[ff02::1]:8083"}, "http"), ({"http": "0.0.0.0:8083"}, "http"),
        ({"paceAhead": "no"}, "paceAhead"), ({"key": "short"}, "key"), ({"key": "0123456789abcdef\r\nx: y"}, "key"), ({"candidate": "\ud800"}, "candidate"), ({"candidate": "w\r\nx"}, "candidate"),
    ],
)  # fmt: skip
def test_order_that_cannot_be_obeyed_is_refused_by_name(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(BadDocument, match=field):
        read(**changes)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_document_is_refused(content: bytes) -> None:
    with pytest.raises(BadDocument):
        read_document(content, "s")
    with pytest.raises(BadDocument):
        read_address(content)
