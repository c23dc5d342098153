"""The methods whose answers scikit-learn's scorers take, told without its import, which takes more than a second."""

from collections.abc import Collection, Sequence
from typing import Final

_LABELS: Final = ("predict",)
_PROBABILITIES: Final = ("predict_proba",)
_SCORES: Final = ("decision_function", "predict_proba")
RESPONSES: Final = {
    name: methods
    for methods, names in (
        (
            _PROBABILITIES,
            "d2_brier_score d2_log_loss_score neg_brier_score neg_log_loss roc_auc_ovo roc_auc_ovo_weighted",
        ),
        (_PROBABILITIES, "roc_auc_ovr roc_auc_ovr_weighted"),
        (_SCORES, "average_precision roc_auc top_k_accuracy"),
        (
            _LABELS,
            "accuracy balanced_accuracy matthews_corrcoef neg_negative_likelihood_ratio positive_likelihood_ratio",
        ),
        (_LABELS, "f1 f1_macro f1_micro f1_weighted jaccard jaccard_macro jaccard_micro jaccard_weighted"),
        (_LABELS, "precision precision_macro precision_micro precision_weighted"),
        (_LABELS, "recall recall_macro recall_micro recall_weighted"),
    )
    for name in names.split()
}
"""The methods of a classifier that each scorer takes: the first that the model has."""


def methods_taken(scorers: Collection[str], methods: Sequence[str]) -> Sequence[str]:
    """The methods of a classifier that scorers take; all where it lacks one, or where a scorer is not known here.

    Args:
        scorers: their names.
        methods: those that the model has.
    """
    taken = {next((each for each in RESPONSES.get(name, ()) if each in methods), "") for name in scorers}
    return methods if not taken or "" in taken else [method for method in methods if method in taken]
