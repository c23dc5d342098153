"""Queries are filled in, and nothing of a name can end a text in them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from modelway.rollout.questions import Subject

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
SUBJECT = Subject(
    namespace="risk",
    name="fraud",
    rollout="abc-1",
    strategy="Canary",
    revision="abc",
    stable="old",
    candidate_deployment="fraud-canary",
    step=1,
    weight=5,
    started=NOW - timedelta(seconds=735),
)
QUERY = 'sum(x{ns="$(namespace)",m="$(name)",r="$(revision)",s="$(stable)",d="$(deployment)"}[$(since)])'


def test_query_is_filled_in_for_the_candidate() -> None:
    expected = 'sum(x{ns="risk",m="fraud",r="abc",s="old",d="fraud-canary"}[735s])'
    assert SUBJECT.fill(QUERY, NOW) == expected


def test_query_is_filled_in_for_the_stable_revision() -> None:
    expected = 'sum(x{ns="risk",m="fraud",r="old",s="old",d="fraud"}[735s])'
    assert SUBJECT.fill(QUERY, NOW, of_stable=True) == expected


@pytest.mark.parametrize("name", ['a"} or vector(1) #', "a\\", "a'", "a`", "a\nb", "$(stable)"])
def test_no_name_ends_the_text_that_it_stands_in(name: str) -> None:
    query = replace(SUBJECT, name=name).fill('x{m="$(name)"}', NOW)
    inside = query.removeprefix('x{m="').removesuffix('"}')
    assert '"' not in inside.replace('\\"', "")
    assert "\n" not in inside
    assert not inside.replace("\\\\", "").endswith("\\")
    assert "old" not in inside


def test_a_rollout_that_begins_has_a_range() -> None:
    assert SUBJECT.since(SUBJECT.started - timedelta(seconds=2)) == "1s"


def test_webhook_is_told_what_it_is_about() -> None:
    body = SUBJECT.body("reviews", NOW, with_stable=False)
    assert body["started"] == "2026-11-30T11:47:45Z"
    assert (body["metric"], body["revision"], body["weight"], body["since"]) == ("reviews", "abc", 5, "735s")
