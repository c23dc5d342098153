"""The estimators of XGBoost and LightGBM, fitted, with their callbacks."""

import warnings
from collections.abc import Iterator
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import xgboost

from support.trained.estimators import CLASSES, LABELS, ROWS, TARGET

FRAME = pd.DataFrame(ROWS, columns=["a", "b", "c", "d"])
CATEGORIES = FRAME.assign(e=pd.Categorical(np.where(CLASSES, "x", "y")))
QUERIES = np.repeat(np.arange(4), 10)


def boosters() -> Iterator[Any]:
    """Each class on arrays and on frames, each callback that it takes, and the boosters inside."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield from _xgboost()
        yield from _lightgbm()


def _xgboost() -> Iterator[Any]:
    few: dict[str, Any] = {"n_estimators": 2, "max_depth": 2, "n_jobs": 1}
    for rows in (ROWS, FRAME):
        for booster in ("gbtree", "dart", "gblinear"):
            yield xgboost.XGBClassifier(**few, booster=booster).fit(rows, CLASSES)
            yield xgboost.XGBRegressor(**few, booster=booster).fit(rows, TARGET)
        yield xgboost.XGBRFClassifier(**few).fit(rows, CLASSES)
        yield xgboost.XGBRFRegressor(**few).fit(rows, TARGET)
        yield xgboost.XGBRanker(**few).fit(rows, CLASSES, qid=QUERIES)
    yield xgboost.XGBClassifier(**few, enable_categorical=True).fit(CATEGORIES, CLASSES)
    callback = xgboost.callback
    callbacks: list[Any] = [
        callback.EarlyStopping(2),
        callback.EvaluationMonitor(),
        callback.LearningRateScheduler([0.1, 0.2]),
    ]
    for each in (*callbacks, callback.TrainingCheckPoint(".", interval=1000)):
        model = xgboost.XGBRegressor(**few, callbacks=[each])
        yield model.fit(ROWS, TARGET, eval_set=[(ROWS, TARGET)], verbose=False)
    yield xgboost.XGBRegressor(**few, random_state=np.random.RandomState(0)).fit(ROWS, TARGET)
    yield xgboost.XGBRegressor(**few).fit(ROWS, TARGET).get_booster()


def _lightgbm() -> Iterator[Any]:
    few: dict[str, Any] = {"n_estimators": 2, "min_child_samples": 2, "verbose": -1, "n_jobs": 1}
    for rows in (ROWS, FRAME, CATEGORIES):
        for boosting in ("gbdt", "dart", "rf"):
            more: dict[str, Any] = {"boosting_type": boosting, "bagging_freq": 1, "bagging_fraction": 0.5}
            yield lightgbm.LGBMClassifier(**few, **more).fit(rows, LABELS)
            yield lightgbm.LGBMRegressor(**few, **more).fit(rows, TARGET)
        yield lightgbm.LGBMRanker(**few).fit(rows, CLASSES, group=[10] * 4)
    callbacks: list[Any] = [
        lightgbm.early_stopping(2, verbose=False),
        lightgbm.log_evaluation(0),
        lightgbm.record_evaluation({}),
    ]
    callbacks.append(lightgbm.reset_parameter(learning_rate=[0.1, 0.2]))
    yield from callbacks
    model = lightgbm.LGBMRegressor(**few)
    yield model.fit(ROWS, TARGET, eval_set=[(ROWS, TARGET)], callbacks=callbacks)
    yield model.booster_
