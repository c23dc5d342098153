"""Say why an estimator that loads cannot be served, with a remedy."""

from collections.abc import Iterable
from typing import Any

from modelway_server.errors import UnsupportedModel

_SERVE_THE_CLASSIFIER = "Serve the classifier itself: it is trained on the labels as they are, and answers with them."
_STRANGE_ROWS = {
    "DictVectorizer": (
        "takes dictionaries of any keys, where a request has the same columns in every row",
        "Train on a data frame, with a ColumnTransformer and a OneHotEncoder in the place of DictVectorizer.",
    ),
    "FeatureHasher": (
        "takes dictionaries or lists of words, where a request has the same columns in every row",
        "Train on texts with HashingVectorizer, or on a data frame with a ColumnTransformer and a OneHotEncoder.",
    ),
    "LabelBinarizer": ("encodes labels, the y of a training, and takes no rows", _SERVE_THE_CLASSIFIER),
    "LabelEncoder": ("encodes labels, the y of a training, and takes no rows", _SERVE_THE_CLASSIFIER),
    "MultiLabelBinarizer": (
        "encodes sets of labels, the y of a training, and takes no rows",
        "Serve the classifier itself: the metadata names the classes that its columns stand for.",
    ),
    "PatchExtractor": (
        "takes images, where a request has rows of columns",
        "Cut the patches before they are sent, and serve a model that takes them as rows.",
    ),
}
"""Classes whose input is neither a table nor a list of texts."""
_INSTEAD = (
    (
        "novelty",
        "it only judges the rows that it was trained on",
        "Train it with novelty=True: only then can it judge rows that it was not trained on.",
    ),
    (
        "biclusters_",
        "it only groups the rows and columns that it was trained on",
        "Train a classifier on its row_labels_ and serve that one.",
    ),
    (
        "fit_predict",
        "it only labels the rows that it was trained on",
        "Use a clustering with predict, such as KMeans, or train a classifier on the labels and serve that one.",
    ),
    (
        "fit_transform",
        "it only places the rows that it was trained on",
        "Serve a model that can place new rows, such as PCA, Isomap or KernelPCA.",
    ),
    (
        "kneighbors",
        "it finds the neighbours of a row, and concludes nothing from them",
        "Use KNeighborsClassifier, KNeighborsRegressor or KNeighborsTransformer.",
    ),
    (
        "covariance_",
        "it describes the covariance of the rows that it was trained on",
        "Serve EllipticEnvelope to find rows that stand out, or PCA to reduce rows.",
    ),
    (
        "fit",
        "it has no predict, transform, decision_function, predict_proba or score_samples",
        "Give it one of them, and save it again.",
    ),
)
"""Attributes that show what an estimator does instead of answering for new rows. The first match counts."""


def check_rows(parts: Iterable[Any]) -> None:
    """Refuse a model whose rows no request can hold.

    Args:
        parts: the estimator, and the estimators inside it that get its rows unchanged.

    Raises:
        UnsupportedModel: a part takes something other than rows.
    """
    for part in parts:
        for kind in type(part).__mro__:
            if kind.__name__ in _STRANGE_ROWS and kind.__module__.startswith("sklearn."):
                complaint, remedy = _STRANGE_ROWS[kind.__name__]
                raise UnsupportedModel(f"{type(part).__name__} {complaint}", remedy=remedy)


def cannot_answer(estimator: Any) -> UnsupportedModel:
    """Return the failure of an object without any method that is served."""
    name = type(estimator).__name__
    if not callable(getattr(estimator, "fit", None)):
        return UnsupportedModel(
            f"the file holds an object of type {name}, which has no predict, transform, decision_function or predict_proba",
            remedy="Save the fitted estimator or pipeline itself, not an array, a dictionary or a list that holds it.",
        )
    complaint, remedy = _of_training_rows(estimator)
    return UnsupportedModel(f"{name} cannot predict unseen rows: {complaint}", remedy=remedy)


def _of_training_rows(estimator: Any) -> tuple[str, str]:
    return next((complaint, remedy) for mark, complaint, remedy in _INSTEAD if hasattr(estimator, mark))
