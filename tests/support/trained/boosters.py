"""Boosted trees of XGBoost and LightGBM on a table with names, missing values and two columns of categories."""

from functools import cache
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import xgboost
from numpy.typing import NDArray

from support.models import WINE, WINE_KINDS

NAMES = ["alcohol", "acid", "ash", "city", "zone"]
CITIES = ["Bern", "Oslo", "Rome"]


def table() -> pd.DataFrame:
    """Three numbers, a category of text and a category of whole numbers."""
    random = np.random.default_rng(0)
    numbers = WINE[:, :3].copy()
    numbers[::7, 1] = np.nan
    frame = pd.DataFrame(numbers, columns=NAMES[:3])
    frame["city"] = pd.Categorical(np.array(CITIES)[(WINE_KINDS + random.integers(0, 2, len(WINE))) % 3])
    frame["zone"] = pd.Categorical(random.integers(10, 14, len(WINE)))
    return frame


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Its rows as a client sends them."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def xgboost_classifier(labels: NDArray[Any], path: Path) -> xgboost.XGBClassifier:
    """A classifier of the table, saved."""
    model = _xgboost_fitted(tuple(labels.tolist()))
    model.save_model(path)
    return model


def lightgbm_classifier(labels: NDArray[Any], path: Path) -> lightgbm.LGBMClassifier:
    """A classifier of the table, saved."""
    model = _lightgbm_fitted(tuple(labels.tolist()))
    model.booster_.save_model(path)
    return model


@cache
def _xgboost_fitted(labels: tuple[Any, ...]) -> xgboost.XGBClassifier:
    return xgboost.XGBClassifier(n_estimators=5, enable_categorical=True, n_jobs=1).fit(table(), np.array(labels))


@cache
def _lightgbm_fitted(labels: tuple[Any, ...]) -> lightgbm.LGBMClassifier:
    model = lightgbm.LGBMClassifier(n_estimators=5, n_jobs=1, verbose=-1, min_child_samples=5)
    return model.fit(table(), np.array(labels))
