"""A record is read when it is asked for, once; the cache keeps none of them."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from modelway.cluster import kinds
from modelway.cluster.revision_records import RevisionRecords
from modelway.cluster.views import view
from modelway.errors import RetryLater
from modelway.observed import RevisionView
from support.operator.observed import KEY, observed, revision

DATA = {"inputs": {"model": {"uri": "s3://m", "trustedTypes": ["a.B"]}}, "template": {"spec": {"large": "x" * 10_000}}}


class _Server:
    """Has one record, or none."""

    def __init__(self, uid: str | None) -> None:
        self.uid = uid
        self.reads = 0

    async def get(self, *_: object) -> dict[str, Any] | None:
        self.reads += 1
        return {"metadata": {"uid": self.uid}, "data": DATA} if self.uid else None


RECORD = replace(revision("aaaaaaaaaa", 1), data=None)


def _fill(records: RevisionRecords, record: RevisionView) -> Any:
    record_view = asyncio.run(records.fill(observed(record), record)).owned(record.id)
    assert isinstance(record_view, RevisionView)
    return record_view.data


def test_a_record_is_read_once_per_model() -> None:
    server: Any = _Server(RECORD.uid)
    records = RevisionRecords(server)
    assert [_fill(records, RECORD) for _ in range(3)] == [DATA] * 3
    assert server.reads == 1
    records.forget(KEY)
    _fill(records, RECORD)
    assert server.reads == 2


@pytest.mark.parametrize("uid", [None, "another"])
def test_a_missing_record_asks_for_a_new_plan(uid: str | None) -> None:
    server: Any = _Server(uid)
    with pytest.raises(RetryLater):
        _fill(RevisionRecords(server), RECORD)


def test_the_view_of_a_record_keeps_no_template() -> None:
    metadata = {"name": "fraud-aaaaaaaaaa", "namespace": "risk", "uid": "u", "resourceVersion": "1"}
    record_view = view(kinds.REVISION, {"metadata": metadata, "revision": 4, "data": DATA})
    assert isinstance(record_view, RevisionView)
    assert (record_view.number, record_view.model, record_view.data) == (4, {"uri": "s3://m"}, None)
    assert len(repr(record_view)) < 1000
