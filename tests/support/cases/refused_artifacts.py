"""Artifacts that do not reach a preflight, by kind."""

import io
import pickle
from typing import Any

import joblib
import numpy as np
from sklearn.cluster import DBSCAN
from sklearn.ensemble import RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import LocalOutlierFactor
from sklearn.svm import LinearSVC

from support.cases.refusals import Refusal
from support.files.hostile.assembly import pickled_name
from support.models import Broken, Stubborn
from support.server.submission import Submission

ROWS = np.array([[0.0, 1.0], [1.0, 0.0], [0.2, 0.9], [0.9, 0.3]] * 10)
KINDS = np.array([0, 1, 0, 1] * 10)
MODEL = LogisticRegression().fit(ROWS, KINDS)
FOREST = RandomForestClassifier(5, random_state=0).fit(ROWS, KINDS)


def saved(model: Any, **options: Any) -> bytes:
    """The bytes of a file that joblib writes."""
    file = io.BytesIO()
    joblib.dump(model, file, **options)
    return file.getvalue()


GOOD = saved(MODEL)
UPLOADED = {"store": {"model.joblib": GOOD}}
WHOLE = pickle.dumps(FOREST)


def _file(content: bytes, reason: str, says: tuple[str, ...], remedy: str) -> Refusal:
    """A file that is replaced by one that somebody saved as the remedy says."""
    return Refusal(Submission(store={"model.joblib": content}), reason, says, remedy, UPLOADED)


def _setting(model: Any, reason: str, says: tuple[str, ...], remedy: str, **settings: Any) -> Refusal:
    """A setting that the remedy names, and that is then left out."""
    return Refusal(
        Submission(store={"model.joblib": saved(model)}, settings=settings), reason, says, remedy, {"settings": {}}
    )


def _place(uri: str, reason: str, says: tuple[str, ...], remedy: str) -> Refusal:
    return Refusal(Submission(store={"model.joblib": GOOD}, uri=uri), reason, says, remedy, {"uri": "model.joblib"})


PLACES = {
    "other-case": _place("Model.joblib", "ModelNotFound", ("Model.joblib",), "Correct spec.model.uri"),
    "empty-prefix": _place("models/", "ModelNotFound", ("models/",), "Correct spec.model.uri"),
    "other-scheme": _place("ftp://host/model.joblib", "InvalidURI", ("ftp",), "s3://bucket"),
    "no-scheme": _place("http:///model.joblib", "InvalidURI", ("http:///model.joblib",), "Write spec.model.uri"),
}
FILES = {
    "empty": _file(b"", "InvalidArtifact", ("is empty",), "Upload the model's file again"),
    "lfs-pointer": _file(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
        "InvalidArtifact",
        ("Git LFS pointer",),
        "git lfs pull",
    ),
    "login-page": _file(b"<!DOCTYPE html><html>Sign in</html>", "InvalidArtifact", ("HTML",), "upload"),
    "error-of-a-store": _file(b'<?xml version="1.0"?><Error/>', "InvalidArtifact", ("XML", "error page"), "upload"),
    "json": _file(b'{"error": "expired"}', "InvalidArtifact", ("JSON",), "upload"),
    "rows": _file(b"a,b\n1,2\n", "InvalidArtifact", ("no model",), "joblib.dump"),
    "zip": _file(b"PK\x03\x04...", "InvalidArtifact", ("ZIP",), "upload it again"),
    "truncated-pickle": _file(WHOLE[:-1000], "InvalidArtifact", ("truncated or damaged",), "upload"),
    "truncated-zlib": _file(saved(FOREST, compress=3)[:-200], "InvalidArtifact", ("truncated or damaged",), "upload"),
    "python-2": _file(
        b"\x80\x02csklearn.linear_model\nLogisticRegression\n)\x81}U\x05coef_U\x04\xff\xfe\xf0?sb.",
        "InvalidArtifact",
        ("saved by Python 2",),
        "Train the model again with Python 3",
    ),
    "python-2-text": _file(
        b"csklearn.linear_model\nLogisticRegression\n(S'\\xff\\xfe'\ntR.",
        "InvalidArtifact",
        ("saved by Python 2",),
        "Train the model again with Python 3",
    ),
    "own-class": _file(pickled_name("__main__", "MyModel"), "MissingModule", ("MyModel",), "image"),
    "own-package": _file(pickled_name("our_models", "Model"), "MissingModule", ("our_models",), "image"),
    "unsafe": _file(pickled_name("json", "loads"), "UnsafeArtifact", ("json.loads",), "spec.model.trustedTypes"),
    "gone-module": _file(
        pickled_name("sklearn.ensemble.forest", "Forest"),
        "RuntimeVersionMismatch",
        ("sklearn.ensemble.forest",),
        "version",
    ),
    "gone-class": _file(
        pickled_name("sklearn.ensemble", "Wood"), "RuntimeVersionMismatch", ("has no Wood",), "version"
    ),
    "not-trained": _file(saved(LogisticRegression()), "InvalidArtifact", ("before it was trained",), "fit"),
    "in-a-dict": _file(
        saved({"model": MODEL}), "UnsupportedModel", ("dict",), "Save the fitted estimator or pipeline itself"
    ),
    "array": _file(saved(ROWS), "UnsupportedModel", ("ndarray",), "Save the fitted estimator"),
    "class": _file(
        saved(LogisticRegression),
        "UnsupportedModel",
        ("class LogisticRegression",),
        "Save the object on which fit was called",
    ),
    "clusters": _file(saved(DBSCAN().fit(ROWS)), "UnsupportedModel", ("DBSCAN",), "Use a clustering with predict"),
    "outliers": _file(
        saved(LocalOutlierFactor(2).fit(ROWS)), "UnsupportedModel", ("cannot predict unseen rows",), "novelty"
    ),
    "raises": _file(saved(Stubborn(ValueError("no licence"))), "LoadFailed", ("no licence",), "."),
    "no-answer": _file(saved(Broken()), "WarmupFailed", ("no prediction in me",), "one row of training data"),
}
SETTINGS = {
    "other-format": _setting(MODEL, "InvalidArtifact", ("skops",), "spec.model.format", format="skops"),
    "other-method": _setting(
        LinearSVC().fit(ROWS, KINDS),
        "UnsupportedModel",
        ("has no predict_proba",),
        "spec.runtime.method",
        method="predict_proba",
    ),
    "no-such-engine": _setting(
        GaussianProcessClassifier().fit(ROWS, KINDS),
        "EngineUnavailable",
        ("cannot be evaluated by onnx",),
        "spec.runtime.engine to auto",
        engine="onnx",
    ),
}
ARTIFACTS = PLACES | FILES | SETTINGS
