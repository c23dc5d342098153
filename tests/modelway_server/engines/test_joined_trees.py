"""All trees of a forest in one call give the forest's own answers, to the last bit."""

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor

from modelway_server.engines import joined_trees
from modelway_server.engines.direct_trees import DirectForest
from modelway_server.engines.joined_trees import JoinedTrees

RANDOM = np.random.default_rng(7)
ROWS = RANDOM.normal(size=(400, 6))
HOLES = np.where(RANDOM.random(ROWS.shape) < 0.3, np.nan, ROWS)
NUMBERS = ROWS @ RANDOM.normal(size=6)
FORESTS = {
    "one number": (RandomForestRegressor(100, random_state=0).fit(ROWS, NUMBERS), ROWS),
    "three classes": (RandomForestClassifier(33, random_state=0).fit(ROWS, np.digitize(NUMBERS, [-1, 1])), ROWS),
    "missing values": (RandomForestClassifier(9, random_state=0).fit(HOLES, NUMBERS > 0), HOLES),
    "one tree": (ExtraTreesRegressor(1, random_state=0).fit(ROWS, NUMBERS), ROWS),
    "trees that are leaves": (RandomForestClassifier(5, max_depth=1, max_features=1).fit(ROWS * 0, NUMBERS > 0), ROWS),
}


@pytest.mark.parametrize("case", FORESTS)
@pytest.mark.parametrize("count", [1, 2, 50, 400])
def test_joined_trees_give_the_forests_own_answers(case: str, count: int) -> None:
    forest, rows = FORESTS[case]
    method, direct = "predict_proba" if hasattr(forest, "predict_proba") else "predict", DirectForest(forest)
    for start in range(0, min(400, 40 * count), count):
        some = rows[start : start + count]
        np.testing.assert_array_equal(getattr(direct, method)(some), getattr(forest, method)(some))


def test_few_rows_take_one_call_and_many_go_tree_by_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    forest = DirectForest(FORESTS["one number"][0])
    counts: list[int] = []
    sums = JoinedTrees.sums

    def noted(self: JoinedTrees, rows: Any) -> Any:
        counts.append(len(rows))
        return sums(self, rows)

    monkeypatch.setattr(JoinedTrees, "sums", noted)
    for count in (1, joined_trees.MAX_CELLS // 100, joined_trees.MAX_CELLS // 100 + 1):
        forest.predict(ROWS[:count])
    assert counts == [1, joined_trees.MAX_CELLS // 100]


def test_large_forest_is_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    forest, rows = FORESTS["one number"]
    monkeypatch.setattr(joined_trees, "MAX_NODES", sum(member.tree_.node_count for member in forest.estimators_) - 1)
    monkeypatch.setattr(JoinedTrees, "sums", None)
    np.testing.assert_array_equal(DirectForest(forest).predict(rows[:3]), forest.predict(rows[:3]))
