"""A refusal teaches: it names its cause, and what its remedy says makes the model serve."""

from pathlib import Path

import pytest

from modelway_server.errors import LoadFailure
from support.cases.refusals import Refusal
from support.cases.refused_artifacts import ARTIFACTS
from support.cases.refused_preflights import PREFLIGHTS
from support.server.submission import submit

pytestmark = pytest.mark.slow
REFUSALS = ARTIFACTS | PREFLIGHTS
MENDED = {repr(refusal.whole): (title, refusal) for title, refusal in REFUSALS.items()}.values()
"""Many remedies lead to the same submission, which is tried once."""


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_refusal_names_its_cause_and_what_to_do(refusal: Refusal, tmp_path: Path) -> None:
    with pytest.raises(LoadFailure) as error:
        submit(refusal.broken, tmp_path)
    failure = error.value
    assert failure.reason == refusal.reason, failure.message
    assert [part for part in refusal.says if part not in failure.message] == [], failure.message
    assert refusal.remedy in failure.remedy


@pytest.mark.parametrize("refusal", [pytest.param(refusal, id=title) for title, refusal in MENDED])
def test_what_the_remedy_says_lets_the_model_serve(refusal: Refusal, tmp_path: Path) -> None:
    submit(refusal.whole, tmp_path)
