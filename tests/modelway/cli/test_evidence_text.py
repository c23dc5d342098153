"""People read what a preflight found out: the verdict, the bytes, each metric with its interval."""

from modelway.cli.evidence_text import describe_evidence
from modelway.cli.history import describe
from modelway.cli.inventory import is_done
from modelway.cli.revisions import Record
from modelway.desired.evidence import Evidence

DIGEST = "sha256:" + "0123456789abcdef" * 4
FAILED = {"metric": "recall", "slice": "country=DE", "value": 0.32123, "low": 0.25, "high": 0.4, "outcome": "failed"}
COMPARED = {**FAILED, "slice": "", "stable": 0.64, "difference": -0.31877, "low": -0.4, "high": -0.23}
RESOURCE = {
    "status": {
        "revisions": [
            {"revision": "b", "verdict": "Refused", "reason": "EvaluationFailed", "evaluation": [FAILED, COMPARED]},
            {
                "revision": "a",
                "verdict": "Accepted",
                "reason": "Proved",
                "digest": DIGEST,
                "contract": "column x is new",
            },
        ]
    }
}


def test_evidence_is_told_with_its_numbers() -> None:
    assert list(describe_evidence(RESOURCE)) == [
        ("revision b", "refused (EvaluationFailed)"),
        ("", "recall of country=DE 0.3212 (0.25 to 0.4): failed"),
        ("", "recall 0.3212, 0.64 of the one that served, difference -0.3188 (-0.4 to -0.23): failed"),
        ("revision a", "accepted, 0123456789ab, contract: column x is new"),
    ]


def test_resource_without_verdicts_has_no_evidence() -> None:
    assert list(describe_evidence({})) == []


def test_history_has_the_verdict_and_the_digest() -> None:
    resource = {"metadata": {"name": "m"}, "spec": {"model": {"uri": "s3://m"}}}
    accepted = Record(1, "a", "", {}, Evidence(accepted=True, reason="Proved", digest=DIGEST))
    refused = Record(2, "b", "", {}, Evidence(accepted=False, reason="SmokeTestFailed"))
    rows = describe(resource, [refused, accepted])
    assert [(row["preflight"], row["digest"]) for row in rows] == [("SmokeTestFailed", None), ("Accepted", DIGEST)]


def test_pod_that_proved_a_revision_is_done() -> None:
    assert is_done({"status": {"phase": "Succeeded"}})
    assert not is_done({"status": {"phase": "Running"}})
