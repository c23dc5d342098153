"""The words of the catalogue of reasons: short sentences, and remedies that begin with what to do."""

import re

import pytest

from modelway.status.reasons import Reason

MOST_WORDS = 25
ORDERS = frozenset(
    [
        "Apply",
        "Build",
        "Call",
        "Change",
        "Check",
        "Choose",
        "Correct",
        "Create",
        "Delete",
        "Exempt",
        "Give",
        "Have",
        "Install",
        "Leave",
        "Load",
        "Look",
        "Lower",
        "Name",
        "Raise",
        "Read",
        "Resume",
        "Save",
        "Scale",
        "Set",
        "Stop",
        "Take",
        "Train",
        "Wait",
        "Write",
    ]
)


@pytest.mark.parametrize("reason", [one for one in Reason if one.remedy])
def test_remedy_begins_with_what_to_do(reason: Reason) -> None:
    assert reason.remedy.partition(" ")[0] in ORDERS


@pytest.mark.parametrize("reason", Reason)
def test_sentences_of_a_reason_are_short(reason: Reason) -> None:
    sentences = re.split(r"(?<=[.])\s+", f"{reason.meaning} {reason.remedy}")
    assert [one for one in sentences if len(one.split()) > MOST_WORDS] == []
