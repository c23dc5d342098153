"""How `modelway status`, `explain` and `history` tell a rollout."""

import argparse
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from modelway.cli import history, status
from modelway.cli.revisions import Record
from modelway.cli.rollout_text import describe_measure, describe_rollout, remedies, rollout_of
from modelway.cli.story import story
from modelway.cluster.snapshot import Snapshot
from modelway.rollout.state import Phase, RolloutState
from support.operator.rollouts import FAILED, SLOW, STABLE, WRONG, rolled
from support.operator.specs import Object

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
VERDICT = "disagreement: 9 of 12 answers differ (75%), at most 10% may"


def rolled_back() -> Object:
    return rolled(
        "RolledBack", cause="Analysis", ended="2026-01-01T11:57:00Z", message=VERDICT, measures=[FAILED, WRONG]
    )


def overview(resource: Object) -> str:
    return status.overview([resource], everywhere=False, detailed=True, now=NOW)


def test_status_of_one_model_tells_step_weight_and_evidence() -> None:
    text = overview(rolled(measures=[FAILED, SLOW]))
    revision = rollout_of(rolled())["revision"]
    assert f"{revision} (5%)" in text
    assert "\n\nfraud: 37 of about 240 requests, about 3 h at this rate\n\n" in text
    assert text.splitlines()[-7:] == [
        f"rollout      Canary of revision {revision}: step 1 of 3",
        f"in place of  revision {STABLE}",
        "traffic      5% of requests, by 2/3 of the stable pods",
        "started      30m ago",
        "this step    12m ago",
        "failed       0 of 37 (0%), limit 0.1%: not decided yet; about 240 would do",
        "slow         2 of 37 (5.41%), stable 50 of 1,000 (5%), limit 7%: not worse",
    ]


def test_status_of_all_models_shows_the_weight_alone() -> None:
    text = status.overview([rolled()], everywhere=False, detailed=False, now=NOW)
    assert "(5%)" in text
    assert "limit" not in text


def test_a_promoted_revision_needs_no_telling() -> None:
    text = overview(rolled("Promoted"))
    assert "%" not in text
    assert "rollout" not in text


@pytest.mark.parametrize(
    ("phase", "share", "text"),
    [
        (Phase.PROGRESSING, {"weight": 5}, "5%"),
        (Phase.PAUSED, {"mirror": 100}, "copies 100%"),
        (Phase.STARTING, {}, "0%"),
        (Phase.PROMOTED, {"weight": 5}, None),
        (Phase.ROLLED_BACK, {}, None),
    ],
)
def test_the_share_in_status_is_as_short_as_a_cell(phase: Phase, share: Any, text: str | None) -> None:
    state = RolloutState(
        id="w-1", strategy="Canary", phase=phase, revision="w", stable="s", attempt=1, steps=3, started=NOW, **share
    )
    assert state.to_status().get("traffic") == text


def test_a_measure_that_is_worse_says_how_sure() -> None:
    assert describe_measure(WRONG) == "9 of 12 (75%), limit 10%: worse; evidence against it 10^4.6"
    assert describe_measure({"name": "slow", "bad": 0, "trials": 0}) == "nothing counted yet"


@pytest.mark.parametrize(
    ("phase", "fields", "says"),
    [
        ("Starting", {}, "its pods start"),
        ("Progressing", {"step": 2}, "step 3 of 3"),
        ("Paused", {"pause": "Order"}, "paused in step 1 of 3, by an order"),
        ("Promoting", {}, "it takes over"),
        ("RolledBack", {"cause": "Timeout"}, "rolled back, since there was not enough evidence in time"),
        ("RolledBack", {"cause": "Aborted", "attempt": 2}, "attempt 2: rolled back, since it was aborted"),
        ("Promoted", {}, "promoted"),
        ("OfALaterRelease", {}, "OfALaterRelease"),
    ],
)
def test_every_phase_is_told_in_words(phase: str, fields: Object, says: str) -> None:
    assert dict(describe_rollout(rollout_of(rolled(phase, **fields)), NOW))["rollout"].endswith(says)


def test_a_rollout_with_no_field_but_its_phase_is_told() -> None:
    assert dict(describe_rollout({"phase": "Progressing"}, NOW))["traffic"] == "none yet"
    assert list(describe_rollout({}, NOW)) == []


def test_a_message_that_ready_does_not_have_is_told_too() -> None:
    resource = rolled("Progressing")
    resource["status"]["conditions"][0] |= {"reason": "Unschedulable", "message": "No node takes pod fraud-canary-1."}
    assert "now          37 of about 240 requests" in overview(resource)
    assert "verdict      revision w took the place of s" in story(
        Snapshot(rolled("Promoted", message="revision w took the place of s")), now=NOW
    )


def test_explain_tells_the_verdict_and_what_to_do() -> None:
    text = story(Snapshot(rolled_back()), now=NOW)
    assert "rolled back, since the counts show that it is worse" in text
    assert f"RolledBack: {VERDICT}" in text
    assert "disagreement  9 of 12 (75%), limit 10%: worse" in text
    assert "modelway undo fraud -n risk" in text
    assert "modelway retry fraud -n risk" in text


@pytest.mark.parametrize(
    ("phase", "command"),
    [("Progressing", "abort"), ("Starting", "promote"), ("Paused", "resume"), ("RolledBack", "retry")],
)
def test_remedies_name_the_commands_of_the_phase(phase: str, command: str) -> None:
    assert f"kubectl modelway {command} fraud -n risk" in " ".join(remedies(rolled(phase), "kubectl modelway"))


def test_a_rollout_paused_by_spec_is_resumed_there() -> None:
    resource = rolled("Paused")
    resource["spec"]["rollout"]["paused"] = True
    assert list(remedies(resource, "modelway")) == ["Let it go on: set spec.rollout.paused to false, or leave it out"]


def test_a_rollout_of_another_revision_asks_for_nothing() -> None:
    assert list(remedies(rolled("RolledBack", revision="an-earlier-one"), "modelway")) == []


@pytest.mark.parametrize(
    ("resource", "states"),
    [
        (rolled(), ["comes", "serves"]),
        (rolled_back(), ["rolled back", "serves"]),
        (rolled("Promoted"), ["serves", None]),
    ],
)
def test_history_tells_how_the_last_rollout_went(resource: Object, states: list[str | None]) -> None:
    wanted = rollout_of(resource)["revision"]
    records = [Record(2, wanted, "", {}), Record(1, STABLE, "", {})]
    rows = history.describe(resource, records)
    assert [row["state"] for row in rows] == states
    assert (rows[0]["rollout"]["phase"], rows[1]["rollout"]) == (rollout_of(resource)["phase"], None)
    assert "Rollout of revision 2  Canary, " in history.table(rows, now=NOW)


def test_history_of_a_rollback_says_why_and_when() -> None:
    rows = history.describe(rolled_back(), [Record(1, rollout_of(rolled())["revision"], "", {})])
    line = " ".join(history.table(rows, now=NOW).split())
    assert f"rolled back, since the counts show that it is worse 3m ago: {VERDICT}" in line


def test_foreign_text_in_status_cannot_steer_the_terminal() -> None:
    assert r"\x1b[2J" in overview(rolled(message="\x1b[2J", by="\x1b]0;x\x07"))


def test_json_of_status_holds_the_rollout_as_it_is() -> None:
    arguments = argparse.Namespace(output="json", name="fraud", watch=False)
    assert json.loads(status._output([rolled()], arguments, now=NOW))["rollout"] == rollout_of(rolled())


@pytest.mark.parametrize(
    ("measure", "text"),
    [
        ({"trials": 5, "bad": 0, "bound": 100, "value": 50.5}, "50.5, limit 100: within it"),
        (
            {"trials": 5, "bad": 3, "bound": 100, "value": 120},
            "120, limit 100: beyond it at 3 looks in a row, of 5 that roll back",
        ),
        (
            {"trials": 5, "bad": 0, "bound": 100, "problem": "no series"},
            "no value yet; it tells nothing now: no series",
        ),
        (
            {"trials": 0, "bad": 0, "bound": 0.01, "problem": "no series", "message": "two shops"},
            "nothing counted yet; it tells nothing now: no series (two shops)",
        ),
    ],
)
def test_a_metric_of_the_spec_is_told_with_its_reason(measure: dict[str, Any], text: str) -> None:
    assert describe_measure({"name": "app", "source": "0123456789ab", **measure}) == text
