"""Models made at random of transformers and ensembles over the columns of one table, and which columns each one reads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder
from sklearn.tree import DecisionTreeClassifier

ROWS = 48
NUMBERS = ("width", "height", "depth")
TEXTS = ("wood", "maker", "colour")
FRAME = pd.DataFrame(
    {
        name: np.roll(np.tile([0.5, 1.5, 2.5, 3.5], ROWS // 4), shift) for shift, name in enumerate(NUMBERS)
    }  # encoded, too
    | {name: np.tile(np.array([f"{name} {kind}" for kind in "abc"], dtype=object), ROWS // 3) for name in TEXTS}
)
CLASSES = (np.arange(ROWS) % 4 > 1).astype(int)


@dataclass(frozen=True)
class Composition:
    """A fitted model, and what is right about it.

    Attributes:
        model: fitted on FRAME.
        reads: the columns that any part of it reads, as it was put together.
    """

    model: Any
    reads: frozenset[str]


def compose(seed: int) -> Composition:
    """A model of a few members, the same for the same seed."""
    random = np.random.default_rng(seed)
    members = [_member(random) for _ in range(random.integers(1, 4))]
    make = _ENSEMBLES[seed % len(_ENSEMBLES)]
    model = make([model for model, _ in members])
    used = members if model.__class__ in _OF_SEVERAL else members[:1]
    return Composition(model.fit(FRAME, CLASSES), frozenset[str]().union(*(reads for _, reads in used)))


def _member(random: np.random.Generator) -> tuple[Pipeline, frozenset[str]]:
    """A classifier of some columns, by a ColumnTransformer or a union of two of them."""
    tables = [_table(random) for _ in range(random.integers(1, 3))]
    joined = FeatureUnion([(f"table{index}", table) for index, (table, _) in enumerate(tables)])
    first = joined if len(tables) > 1 else tables[0][0]
    last = LogisticRegression() if random.integers(2) else DecisionTreeClassifier(max_depth=3, random_state=0)
    return make_pipeline(first, last), frozenset[str]().union(*(reads for _, reads in tables))


def _table(random: np.random.Generator) -> tuple[ColumnTransformer, frozenset[str]]:
    numbers, texts = _some(random, NUMBERS), _some(random, TEXTS)
    of_numbers: Callable[[], Any] = _OF_NUMBERS[random.integers(len(_OF_NUMBERS))]
    of_texts: Callable[[], Any] = _OF_TEXTS[random.integers(len(_OF_TEXTS))]
    if random.integers(4) == 0:  # one step for both kinds: each column has its own type
        parts = [("both", make_pipeline(SimpleImputer(strategy="most_frequent"), of_texts()), [*numbers, *texts])]
        numbers = []  # which are categories like the others
    else:
        parts = [("numbers", of_numbers(), numbers), ("texts", of_texts(), texts)]
    reads = frozenset(name for _, _, names in parts for name in names)
    return ColumnTransformer(parts), reads


def _some(random: np.random.Generator, names: Sequence[str]) -> list[str]:
    return [str(name) for name in random.permutation(names)[: random.integers(1, len(names) + 1)]]


_OF_NUMBERS: tuple[Callable[[], Any], ...] = (
    StandardScaler,
    lambda: "passthrough",
    lambda: make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()),
    lambda: make_pipeline(KNNImputer(), SelectKBest(k=1)),
    lambda: FeatureUnion([("same", FunctionTransformer()), ("scaled", StandardScaler())]),
)
_OF_TEXTS: tuple[Callable[[], Any], ...] = (
    lambda: OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    lambda: OneHotEncoder(sparse_output=False),
    lambda: OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    lambda: make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(sparse_output=False)),
    lambda: make_pipeline(FunctionTransformer(), TargetEncoder()),
)


def _name(members: Sequence[Any]) -> list[tuple[str, Any]]:
    return [(f"member{index}", member) for index, member in enumerate(members)]


_ENSEMBLES: tuple[Callable[[Sequence[Any]], Any], ...] = (
    lambda members: VotingClassifier(_name(members)),
    lambda members: VotingClassifier(_name(members), voting="soft"),
    lambda members: StackingClassifier(_name(members), cv=2),
    lambda members: members[0],
    lambda members: CalibratedClassifierCV(members[0], cv=2),
    lambda members: OneVsRestClassifier(members[0]),
    lambda members: GridSearchCV(members[0], {}, cv=2),
    lambda members: FixedThresholdClassifier(members[0]),
    lambda members: FrozenEstimator(members[0].fit(FRAME, CLASSES)),
    lambda members: VotingClassifier([("calibrated", CalibratedClassifierCV(members[0], cv=2)), *_name(members)]),
)
_OF_SEVERAL = {VotingClassifier, StackingClassifier}
