"""What the end of a container means: by its message where that is well formed, else by its exit code."""

import json

import pytest

from modelway.observed import Termination
from modelway.status.termination import REASON_OF_EXIT_CODE, explain, fetched_digest
from support.operator.observed import container, pod


@pytest.mark.parametrize("message", ["", "{", "[]", "null", '{"reason": 3}', '{"reason": "no spaces allowed"}', "\x00"])
def test_a_message_that_is_not_well_formed_leaves_the_exit_code(message: str) -> None:
    explanation = explain(Termination(22, "Error", message))
    assert explanation is not None
    assert explanation[0] == "MissingModule"


def test_unknown_exit_code_without_message_has_no_reason() -> None:
    assert explain(Termination(77, "Error", "not json")) is None


@pytest.mark.parametrize("code", [2, 3, 4, 10, 13, 14, 42])
def test_exit_code_that_a_model_may_choose_is_no_reason(code: int) -> None:
    assert explain(Termination(code, "Error", "bye"), "serve") is None
    assert explain(Termination(code, "Error", "bye"), "fetch") is not None
    report = json.dumps({"reason": "PortTaken", "message": "Port 8080 is taken.", "remedy": "Free it."})
    reason, _ = explain(Termination(code, "Error", report), "serve") or (None, "")
    assert reason == "PortTaken"


@pytest.mark.parametrize("code", [15, 24, 26, 28, 139])
def test_exit_code_of_a_load_is_believed_without_words(code: int) -> None:
    """The timer of a load that native code holds ends the process without any."""
    assert explain(Termination(code, "Error", ""), "serve") is not None


@pytest.mark.parametrize("code", REASON_OF_EXIT_CODE)
def test_every_exit_code_has_a_remedy(code: int) -> None:
    explanation = explain(Termination(code, "Error", ""))
    assert explanation is not None
    assert explanation[1].count(". ") >= 1


def test_the_digest_is_read_from_a_fetch_that_went_well() -> None:
    digest = "sha256:" + "a" * 64
    fetched = container(
        "fetch", termination=Termination(0, "Completed", json.dumps({"reason": "Fetched", "digest": digest}))
    )
    assert fetched_digest(pod(fetched)) == digest
    assert (
        fetched_digest(pod(container("fetch", termination=Termination(0, "Completed", '{"digest": "made up"}'))))
        is None
    )
    assert (
        fetched_digest(pod(container("fetch", termination=Termination(1, "Error", json.dumps({"digest": digest})))))
        is None
    )
