"""What a pod of ours says when it ends is what the operator understands."""

import argparse
import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import modelway_server
from modelway.desired.evidence import Evidence, with_pin
from modelway.observed import ContainerView, PodView, Termination
from modelway.status.termination import REASON_OF_EXIT_CODE, caution_of, explain, fetched_digest, fetched_version
from modelway_server.artifacts.fetch import add_arguments, pin_of, report_of
from modelway_server.artifacts.pin import Pin
from modelway_server.artifacts.record import ArtifactRecord
from modelway_server.errors import LOAD_FAILURES, LoadFailure, ModelNotFound
from modelway_server.process.exit_report import encode, failure_report
from modelway_server.runtimes.versions import describe_versions

NAMES = ("http://store.example/m.joblib", "truncated.joblib", "model", "ßmall.pkl", "xgboost", "k8s/secret", "the.pkl")
CRASHES = {2, 132, 134, 135, 136, 139}
"""Exit codes that no failure of the server's own ends with: a wrong command line, and the signals of crashing code."""


def termination(code: int, message: bytes = b"") -> Termination:
    return Termination(code, "Error", message.decode())


def test_operator_knows_the_exit_codes_of_the_server() -> None:
    known = {code: str(reason) for code, reason in REASON_OF_EXIT_CODE.items() if code not in CRASHES}
    assert known == {failure.exit_code: failure.__name__ for failure in LOAD_FAILURES}


@pytest.mark.parametrize("failure", LOAD_FAILURES)
def test_a_message_arrives_with_its_reason_and_remedy(failure: type[LoadFailure]) -> None:
    message = encode(failure_report(failure("the cause is here")))
    explanation = explain(termination(failure.exit_code, message))
    assert explanation is not None
    assert explanation[0] == failure.__name__
    assert "The cause is here." in explanation[1]
    assert failure.default_remedy.rstrip(".")[1:] in explanation[1]


def catalogue() -> Iterator[ast.JoinedStr]:
    """Every message of the server's source that holds a value."""
    failures = {failure.__name__ for failure in LOAD_FAILURES}
    for file in sorted(Path(modelway_server.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in failures:
                yield from (each for each in node.args[:1] if isinstance(each, ast.JoinedStr))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_no_message_changes_a_name(name: str) -> None:
    messages = [
        "".join(str(part.value) if isinstance(part, ast.Constant) else name for part in message.values)
        for message in catalogue()
    ]
    assert len(messages) > 100
    for message in [*messages, name, f"{name}: no such file"]:
        explanation = explain(
            termination(24, encode({"reason": "LoadFailed", "message": message, "remedy": f"{name} is wrong"}))
        )
        assert explanation is not None
        assert explanation[1].count(name) == message.count(name) + 1, explanation[1]


@pytest.mark.parametrize("failure", LOAD_FAILURES)
def test_without_a_message_the_exit_code_tells_the_same_reason(failure: type[LoadFailure]) -> None:
    explanation = explain(termination(failure.exit_code))
    assert explanation is not None
    assert explanation[0] == failure.__name__


def test_the_longest_message_is_still_understood() -> None:
    message = encode(failure_report(ModelNotFound("é" * 5000)))
    explanation = explain(termination(10, message))
    assert explanation is not None
    assert explanation[0] == "ModelNotFound"
    assert ModelNotFound.default_remedy in explanation[1]


def pod_of(container: str, report: bytes) -> PodView:
    """A pod whose init container ended well, and said that."""
    ended_well = ContainerView(
        name=container,
        image="modelway/server",
        memory_limit="1Gi",
        ready=True,
        restarts=0,
        running=False,
        waiting_reason="",
        waiting_message="",
        termination=Termination(0, "Completed", report.decode()),
        previous_termination=None,
    )
    return PodView(
        name="fraud-1",
        resource_version="1",
        owner_name="fraud",
        revision="r",
        created="",
        deleting=False,
        ready=False,
        node="",
        node_lost=False,
        unschedulable=None,
        eviction=None,
        readiness_time="",
        containers=(ended_well,),
    )


def test_the_operator_reads_the_digest_that_fetch_reports() -> None:
    digest = f"sha256:{hashlib.sha256(b'model').hexdigest()}"
    report = encode({"reason": "Fetched", "digest": digest, "bytes": 5, "uri": "s3://" + "é" * 2000})
    assert fetched_digest(pod_of("fetch", report)) == digest


@pytest.mark.parametrize("version", [None, "s3:-3/L4kqt+Jl=._", 'etag:"a\'b\\c&d|`e"', f'etag:"{"1" * 249}"'])
def test_a_fetch_is_held_to_what_the_proof_fetched(version: str | None) -> None:
    record = ArtifactRecord("s3://models/" + "é" * 2000, "m", f"sha256:{'0' * 64}", 5, version=version)
    pod = pod_of("fetch", encode(report_of(record)))
    digest, reported = fetched_digest(pod) or "", fetched_version(pod) or ""
    evidence = Evidence(accepted=True, reason="Proved", digest=digest, object_version=reported)
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    usual = ["--uri=s3://models/m", "--dest=/mnt/models", "--max-bytes=5", "--timeout=5"]
    wanted = [f"--digest={digest}", "--digest-field=spec.model.digest"]
    for arguments, field in ((usual, None), ([*usual, *wanted], "spec.model.digest")):
        pinned = with_pin({"args": arguments}, evidence)["args"]
        assert len([one for one in pinned if one.startswith("--digest=")]) == 1
        assert pin_of(parser.parse_args(pinned)) == Pin(record.digest, version, field)


def test_the_operator_reads_the_caution_that_prepare_reports() -> None:
    caution = describe_versions({"sklearn": "1.3.2", "xgboost": "1.2.1"})["caution"]
    report = encode({"reason": "Prepared", "engine": "estimator", "engine_reason": "é" * 300, "caution": caution})
    assert caution_of(pod_of("prepare", report)) == caution
    assert caution_of(pod_of("prepare", encode({"reason": "Prepared", "engine": "estimator"}))) is None
