"""The estimators that engines get wrong most easily, on every scale of data; `make sweep` tries all."""

import re

import pytest

from support.make.survey import PAGE
from support.make.sweep import SUBJECTS, sweep
from support.trained.estimators import VARIANTS, names

RISKY = (
    "SVC",
    "NuSVR",
    "KMeans",
    "KNeighborsClassifier",
    "GaussianNB",
    "LogisticRegression",
    "RandomForestClassifier",
    "OneVsRestClassifier",
    "HistGradientBoostingClassifier",
    "MLPClassifier",
)

ENGINES = {
    "LogisticRegression",
    "RandomForestClassifier",
    "HistGradientBoostingClassifier",
    "MLPClassifier",
    "GaussianNB",
}
"""Those of them that have a faster engine on some scale."""


@pytest.mark.slow
@pytest.mark.parametrize("name", RISKY)
def test_engine_gives_the_models_answers_on_all_data(name: str) -> None:
    outcomes = {subject: sweep(name, subject) for subject in SUBJECTS}
    assert any(outcome.engine not in {"", "estimator"} for outcome in outcomes.values()) == (name in ENGINES)
    assert {scale: outcome.differences for scale, outcome in outcomes.items() if outcome.differences} == {}


def test_estimators_page_has_no_wrong_answer() -> None:
    text = PAGE.read_text().partition("make sweep WRITE=1: begin")[2].partition("make sweep WRITE=1: end")[0]
    listed = set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))
    assert len(listed) > 100
    assert listed <= set(names()) | set(VARIANTS)
    assert "wrong**" not in text
