"""Optional kinds come and go; each change is told once, and what the API server does not say changes nothing."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.cluster import discovery
from modelway.cluster.discovery import Discovery, find_out
from modelway.cluster.kinds import AUTOSCALER, BUDGET, SERVICE, WATCHED, Kind
from modelway.cluster.served_kinds import ServedKinds
from modelway.errors import ClusterError, RetryLater

OPTIONAL = [kind for kind in WATCHED if kind.optional]


@given(st.lists(st.tuples(st.sampled_from(WATCHED), st.booleans())))
def test_each_change_of_an_optional_kind_is_published_once(changes: list[tuple[Kind, bool]]) -> None:
    served = ServedKinds()
    notices: list[Kind] = []
    expected: list[Kind] = []
    absent: set[Kind] = set()
    served.subscribe(notices.append)
    for kind, there in changes:
        (served.note_present if there else served.note_absent)(kind)
        if kind.optional and there == (kind in absent):
            expected.append(kind)
            absent ^= {kind}
    assert notices == expected
    assert set(served.absent) == absent
    assert set(served.present) == set(WATCHED) - absent


class _Server:
    """Answers a sample of a kind with a status; counts them."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.requests: list[tuple[Kind, str | None]] = []

    async def sample(self, kind: Kind, namespace: str | None) -> None:
        self.requests.append((kind, namespace))
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 429:
            raise RetryLater("busy", seconds=1.0)
        if status != 200:
            raise ClusterError("no", status=status)


@pytest.mark.parametrize(
    ("statuses", "present"),
    [((200,), True), ((404,), False), ((429,), False), ((500, 500), False), ((403, 200), True), ((403, 404), False)],
)
def test_only_a_clear_answer_changes_what_is_known(statuses: tuple[int, ...], *, present: bool) -> None:
    served, server = ServedKinds(), _Server(*statuses)
    served.note_absent(BUDGET)
    asyncio.run(find_out(server, served, BUDGET, ("risk", "ops")))  # type: ignore[arg-type]
    assert served.serves(BUDGET) == present
    assert len(server.requests) == len(statuses)


def test_only_absent_kinds_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "DISCOVERY_SECONDS", 0.0)
    served, server = ServedKinds(), _Server(404, 404, 200)
    served.note_absent(AUTOSCALER)

    async def scenario() -> None:
        notice = asyncio.Event()
        served.subscribe(lambda _: notice.set())
        task = asyncio.create_task(Discovery(server, served).run_forever())  # type: ignore[arg-type]
        await asyncio.wait_for(notice.wait(), 10)
        task.cancel()

    asyncio.run(scenario())
    assert server.requests == [(AUTOSCALER, None)] * 3
    assert served.absent == ()


def test_a_required_kind_is_never_absent() -> None:
    served = ServedKinds()
    served.note_absent(SERVICE)
    assert served.serves(SERVICE)
