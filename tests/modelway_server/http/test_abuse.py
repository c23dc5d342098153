"""Thousands of requests that mean harm: each is refused as one, the server lives, and its memory comes back.

`make abuse` sends ten thousand.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

import psutil
import pytest

from support.server.hostile_requests import hostile_requests, storm
from support.server.served import Served, SharedModel, launch

REQUESTS = int(os.environ.get("ABUSE_REQUESTS", "2000"))
LIMIT = 64 * 1024
REFUSALS = {400, 404, 413, 415, 422, 429, 431}
OVERLOADED = {429, 503}
GROWTH = 1.10
GOOD = {"rows": [{"age": 1.0, "city": "Oslo", "member": "no"}]}


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory, mixed_model: SharedModel) -> Iterator[Served]:
    server = launch(tmp_path_factory.mktemp("target"), f"--max-request-bytes={LIMIT}", **mixed_model)
    yield server.started()
    server.stop()


def send(server: Served, requests: list[bytes], count: int) -> Counter[int]:
    address = urlsplit(server.addresses["http"])
    assert address.hostname is not None
    return asyncio.run(storm(address.hostname, address.port or 0, requests, count))


@pytest.mark.parametrize("kind", hostile_requests(LIMIT))
def test_each_hostile_request_is_refused(target: Served, kind: str) -> None:
    (status,) = send(target, [hostile_requests(LIMIT)[kind]], 1)
    assert status in REFUSALS


def test_many_hostile_requests_leave_nothing_behind(target: Served) -> None:
    requests = list(hostile_requests(LIMIT).values())
    send(target, requests, 4 * len(requests))  # what the interpreter keeps for good once it was needed
    before = resident(target)
    statuses = send(target, requests, REQUESTS)
    assert sum(statuses.values()) == REQUESTS
    assert set(statuses) <= REFUSALS | OVERLOADED, statuses
    assert target.request("POST", "/predict", GOOD).status == 200
    assert resident(target) <= GROWTH * before
    assert not [line for line in target.log if line["level"] == "error"]


def resident(server: Served) -> int:
    """Bytes of the server, with all that it started."""
    first = psutil.Process(server.process.pid)
    return sum(process.memory_info().rss for process in (first, *first.children(recursive=True)))
