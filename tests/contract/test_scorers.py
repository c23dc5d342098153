"""The operator knows the scorers of the platform's image, which it does not import."""

from sklearn.metrics import get_scorer_names

from modelway.api.scorers import SCORERS


def test_scorers_are_those_of_scikit_learn() -> None:
    assert sorted(SCORERS) == get_scorer_names()
