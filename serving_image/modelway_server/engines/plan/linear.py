"""Plan scikit-learn's linear models as a matrix and a vector."""

from typing import Any

import numpy as np
from sklearn.linear_model import ARDRegression, BayesianRidge, LogisticRegression, RidgeClassifier, RidgeClassifierCV
from sklearn.linear_model._base import LinearClassifierMixin, LinearModel
from sklearn.linear_model._glm.glm import _GeneralizedLinearRegressor
from sklearn.linear_model._stochastic_gradient import BaseSGDRegressor, SGDClassifier

from modelway_server.engines.plan.plan import NotCovered, Plan

_LINKS = {"IdentityLink": "scores", "LogLink": "exp"}


def plan_linear(estimator: Any) -> Plan:
    """Make a plan whose scores are linear in the features.

    Raises:
        NotCovered: the estimator is no linear model, or computes its answers in a way of its own.
    """
    if not type(estimator).__module__.startswith("sklearn."):
        raise NotCovered(f"{type(estimator).__name__} may compute its answers in a way of its own")
    if isinstance(estimator, LinearClassifierMixin):
        outputs = _classifier_outputs(estimator)
    elif _is_linear_regressor(estimator):
        outputs = {"predict": "scores"}
    elif isinstance(estimator, _GeneralizedLinearRegressor):
        outputs = {"predict": _LINKS[type(estimator._base_loss.link).__name__]}  # noqa: SLF001  (nothing public tells)
    else:
        raise NotCovered(f"{type(estimator).__name__} is no linear model")
    coef = np.asarray(estimator.coef_, dtype=np.float64)
    flat = coef.ndim == 1 or isinstance(estimator, LinearClassifierMixin)
    plan = Plan(outputs=outputs, flat=flat)
    plan.arrays["coef"] = np.ascontiguousarray(np.atleast_2d(coef).T)
    width = plan.arrays["coef"].shape[1]
    plan.arrays["intercept"] = np.broadcast_to(np.asarray(estimator.intercept_, dtype=np.float64), (width,)).copy()
    return plan


def _is_linear_regressor(estimator: Any) -> bool:
    if isinstance(estimator, BaseSGDRegressor | ARDRegression | BayesianRidge):
        return True
    if not isinstance(estimator, LinearModel):
        return False
    owner = next(kind for kind in type(estimator).__mro__ if "predict" in vars(kind))
    return owner.__module__.startswith("sklearn.linear_model.")


def _classifier_outputs(estimator: Any) -> dict[str, str]:
    kind, base = type(estimator), LinearClassifierMixin
    own_predict = kind.predict is not base.predict and not isinstance(estimator, RidgeClassifier | RidgeClassifierCV)
    if own_predict or kind.decision_function is not base.decision_function:
        raise NotCovered(f"{kind.__name__} is linear in a way of its own")
    binarizer = getattr(estimator, "_label_binarizer", None)
    if binarizer is not None and binarizer.y_type_.startswith("multilabel"):
        raise NotCovered("it gives several labels a row")
    binary = len(estimator.classes_) <= 2
    outputs = {"predict": "positive" if binary else "argmax", "decision_function": "scores"}
    if isinstance(estimator, LogisticRegression) and kind.predict_proba is LogisticRegression.predict_proba:
        outputs["predict_proba"] = "both" if binary else "softmax"
    elif isinstance(estimator, SGDClassifier) and estimator.loss == "log_loss":
        outputs["predict_proba"] = "both" if binary else "one_against_the_rest"
    return outputs
