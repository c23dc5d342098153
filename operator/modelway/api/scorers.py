"""The names of scikit-learn's scorers in the platform's image, and what to say of others.

A server image of your own may have another scikit-learn, so another name is a caution and no mistake.
"""

from difflib import get_close_matches
from typing import Final

from modelway.api.v1alpha1 import ModelDeployment
from modelway.errors import Problem

SCORERS: Final = frozenset(
    {
        "accuracy",
        "adjusted_mutual_info_score",
        "adjusted_rand_score",
        "average_precision",
        "balanced_accuracy",
        "completeness_score",
        "d2_absolute_error_score",
        "d2_brier_score",
        "d2_log_loss_score",
        "explained_variance",
        "f1",
        "f1_macro",
        "f1_micro",
        "f1_samples",
        "f1_weighted",
        "fowlkes_mallows_score",
        "homogeneity_score",
        "jaccard",
        "jaccard_macro",
        "jaccard_micro",
        "jaccard_samples",
        "jaccard_weighted",
        "matthews_corrcoef",
        "mutual_info_score",
        "neg_brier_score",
        "neg_log_loss",
        "neg_max_error",
        "neg_mean_absolute_error",
        "neg_mean_absolute_percentage_error",
        "neg_mean_gamma_deviance",
        "neg_mean_poisson_deviance",
        "neg_mean_squared_error",
        "neg_mean_squared_log_error",
        "neg_median_absolute_error",
        "neg_negative_likelihood_ratio",
        "neg_root_mean_squared_error",
        "neg_root_mean_squared_log_error",
        "normalized_mutual_info_score",
        "positive_likelihood_ratio",
        "precision",
        "precision_macro",
        "precision_micro",
        "precision_samples",
        "precision_weighted",
        "r2",
        "rand_score",
        "recall",
        "recall_macro",
        "recall_micro",
        "recall_samples",
        "recall_weighted",
        "roc_auc",
        "roc_auc_ovo",
        "roc_auc_ovo_weighted",
        "roc_auc_ovr",
        "roc_auc_ovr_weighted",
        "top_k_accuracy",
        "v_measure_score",
    }
)


def strange_scorers(deployment: ModelDeployment) -> list[Problem]:
    """Metrics that only another image than the platform's can compute."""
    preflight = deployment.spec.preflight
    metrics = preflight.evaluation.metrics if preflight is not None and preflight.evaluation is not None else ()
    field = "spec.preflight.evaluation.metrics[{}].name"
    return [Problem(field.format(n), _caution(one.name)) for n, one in enumerate(metrics) if one.name not in SCORERS]


def _caution(name: str) -> str:
    near = get_close_matches(name, sorted(SCORERS), 1)
    meant = f"did you mean {near[0]}?" if near else "docs/evaluation.md says where they are listed"
    return f"{name} is no scorer of scikit-learn in the platform's image; {meant}"
