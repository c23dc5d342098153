"""`modelway rollout simulate`: what rollouts come to, from files of traffic or a rate."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelway.__main__ import main
from support.pages.blocks import all_blocks

CANARY = {"strategy": "Canary"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path, CANARY)


def write(folder: Path, rollout: dict[str, Any] | None) -> Path:
    model = {"uri": "https://host/m.joblib"}
    document = {
        "apiVersion": "modelway.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "fraud"},
        "spec": {"model": model, "exposure": {"gateway": {"name": "shared"}}}
        | ({"rollout": rollout} if rollout else {}),
    }
    path = folder / "fraud.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def simulate(file: Path, *options: str, runs: int = 5) -> int:
    return main(["rollout", "simulate", "-f", str(file), "--runs", str(runs), *options])


def simulated(capsys: pytest.CaptureFixture[str], file: Path, *options: str) -> dict[str, Any]:
    simulate(file, "-o", "json", *options)
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "status"),
    [
        ((), 0),
        (("--fault", "failing"), 1),
        (("--fault", "failing", "--share", "2%"), 1),
        (("--fault", "wrong"), 1),
        (("--fault", "wrong", "--share", "2%"), 0),
        (("--fault", "segment", "--share", "30%"), 1),
        (("--fault", "slow", "--share", "12%"), 1),
        (("--rate", "0.01"), 3),
    ],
)
def test_exit_status_says_how_it_ends(file: Path, options: tuple[str, ...], status: int) -> None:
    assert simulate(file, *options) == status


@pytest.mark.parametrize("strategy", ["Canary", "BlueGreen", "Shadow"])
def test_a_good_candidate_is_promoted_by_each_strategy(tmp_path: Path, strategy: str) -> None:
    assert simulate(write(tmp_path, {"strategy": strategy})) == 0


def test_a_promotion_at_the_timeout_is_no_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path, {"strategy": "Canary", "timeout": "10m", "onTimeout": "Promote"})
    assert simulate(file, "--rate", "1") == 3
    text = capsys.readouterr().out
    assert "no verdict    5 of 5  after 11 min" in text
    assert "by spec.rollout.timeout, and then Promote" in text


@pytest.mark.slow
def test_the_same_seed_gives_the_same_figures(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, again, other = (simulated(capsys, file, "--seed", seed) for seed in ("7", "7", "8"))
    assert first == again
    assert first["endings"] != other["endings"]


def test_a_failing_candidate_gets_few_requests(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = simulated(capsys, file, "--fault", "failing")
    assert document["handedOver"]["p95"] <= 15
    assert document["failedAndAnsweredByStable"] == document["handedOver"]
    assert document["measures"] == {"failed": 5}


@pytest.mark.slow
def test_nobody_gets_an_answer_of_a_shadow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = simulated(capsys, write(tmp_path, {"strategy": "Shadow"}), "--fault", "wrong")
    assert document["verdict"] == "rolledBack"
    assert (document["disagreeing"]["p95"], document["handedOver"]["p95"]) == (0, 0)
    assert document["copied"]["p5"] > 0


@pytest.mark.slow
def test_clients_of_a_gateway_get_the_candidates_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    routed = write(tmp_path, {"strategy": "Canary", "trafficRouting": "Gateway"})
    document = simulated(capsys, routed, "--fault", "failing", "--share", "5%")
    assert document["verdict"] == "rolledBack"
    assert 0 < document["failed"]["p95"] < document["handedOver"]["p95"]
    assert document["failedAndAnsweredByStable"]["p95"] == 0
    assert simulate(routed) == 0


@pytest.mark.slow
def test_half_the_rate_takes_more_time(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slow, fast = (simulated(capsys, file, "--rate", rate) for rate in ("5", "50"))
    assert slow["endings"]["promoted"]["seconds"]["median"] > 2 * fast["endings"]["promoted"]["seconds"]["median"]


def counts(folder: Path, *lines: str) -> str:
    path = folder / "counts.csv"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_recorded_failures_roll_back(file: Path, tmp_path: Path) -> None:
    rows = [f"2026-11-30T12:{minute:02}:00Z,1200,60,60,3" for minute in range(10)]
    head = "time,stable_requests,stable_slow,candidate_requests,candidate_failed"
    assert simulate(file, "--counts", counts(tmp_path, head, *rows)) == 1


def test_recorded_traffic_takes_a_fault(file: Path, tmp_path: Path) -> None:
    path = counts(tmp_path, "time,stable_requests", *(f"{60 * minute},1200" for minute in range(10)))
    assert simulate(file, "--counts", path) == 0
    assert simulate(file, "--counts", path, "--fault", "failing") == 1


def test_the_record_on_the_page_is_taken(file: Path, tmp_path: Path) -> None:
    (block,) = [one for one in all_blocks() if one.page == "docs/cli.md" and one.text.startswith("time,stable")]
    assert simulate(file, "--counts", counts(tmp_path, *block.text.splitlines()), runs=1) in {0, 1}


@pytest.mark.slow
def test_a_quiet_night_gives_no_evidence(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = counts(tmp_path, "time,stable_requests", "0,0", "14400,100000", "28800,100000")
    document = simulated(capsys, file, "--counts", path)
    assert document["endings"]["promoted"]["seconds"]["p5"] > 14400


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ((), "is empty"),
        (("time,stable_requests", "0,1"), "needs two rows or more"),
        (("time,requests", "0,1", "1,1"), ":1: has a strange column 'requests'"),
        (("time,stable_slow", "0,1", "1,1"), ":1: lacks the column stable_requests"),
        (("time,stable_requests,candidate_slow", "0,1,1", "1,1,1"), ":1: lacks the column candidate_requests"),
        (("time,stable_requests", "0,1", "1"), ":3: has 1 values, and the first line names 2 columns"),
        (("time,stable_requests", "0,1", "", "0,1"), ":4: time 0 is not after that of the row before"),
        (("time,stable_requests", "noon,1", "1,1"), ":2: time 'noon' is neither a number of seconds"),
        (("time,stable_requests", "0,1", "nan,1"), ":3: time 'nan' is no number"),
        (("time,stable_requests", "0,1", "1,-2"), ":3: stable_requests '-2' is no count"),
        (("time,stable_requests,stable_slow", "0,1,2", "1,1,1"), ":2: stable_slow 2 is more than stable_requests 1"),
        (("time,stable_requests", "0,0", "1,0"), "counts no request at all"),
    ],
)
def test_a_bad_record_is_named_by_line_and_value(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: tuple[str, ...], problem: str
) -> None:
    path = counts(tmp_path, *lines)
    assert simulate(file, "--counts", path) == 2
    assert f"--counts {path}{problem}" in capsys.readouterr().err.replace(": is", "is").replace(
        ": needs", "needs"
    ).replace(": counts", "counts")


@pytest.mark.parametrize(
    ("rollout", "problem"),
    [
        (None, "spec.rollout.strategy of fraud is left out, which means Rolling: it has no candidate to judge"),
        ({"strategy": "Rolling"}, "spec.rollout.strategy of fraud is Rolling: it has no candidate to judge"),
        (CANARY | {"paused": True}, "spec.rollout.paused of fraud is true"),
    ],
)
def test_a_spec_without_a_moving_candidate_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rollout: dict[str, Any] | None, problem: str
) -> None:
    assert simulate(write(tmp_path, rollout)) == 2
    assert problem in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--share", "2%"), "--fault is none"),
        (("--counts", "/nowhere.csv"), "/nowhere.csv: cannot be read"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    file: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], problem: str
) -> None:
    assert simulate(file, *options) == 2
    assert problem in capsys.readouterr().err


def test_a_record_of_a_candidate_takes_no_fault(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = counts(tmp_path, "time,stable_requests,candidate_requests", "0,9,1", "1,9,1")
    assert simulate(file, "--counts", path, "--fault", "slow") == 2
    assert "has counts of a candidate" in capsys.readouterr().err


@pytest.mark.parametrize("option", [("--share", "2"), ("--rate", "0"), ("--runs", "0"), ("--fault", "lost")])
def test_values_that_mean_nothing_are_refused(file: Path, option: tuple[str, str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        simulate(file, *option)


def test_metrics_are_said_to_be_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metric = {"name": "app", "webhook": {"url": "https://checks.example.com/app"}, "maxBad": "1%"}
    file = write(tmp_path, {"strategy": "Canary", "analysis": {"metrics": [metric]}})
    assert simulate(file, "--fault", "failing", runs=1) == 1
    assert "Left out: app. A rollout waits for these metrics" in capsys.readouterr().out
    assert simulated(capsys, file, "--fault", "failing")["leftOut"] == ["app"]
