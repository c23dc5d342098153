"""Train classifiers of iris flowers and save each in another format.

Usage: python examples/formats/train.py [folder]   writes <folder>/iris/{model.skops,model.onnx,model.ubj,model.txt}
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import skl2onnx
import skops.io
import xgboost
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def save_skops(rows: Any, labels: Any, file: Path) -> Any:
    """A pipeline of scikit-learn in a file that runs nothing while it is loaded."""
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, labels)
    skops.io.dump(model, file)
    return model


def save_onnx(rows: Any, labels: Any, file: Path) -> Any:
    """The same as a graph; the server needs no scikit-learn to evaluate it."""
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, labels)
    graph = skl2onnx.to_onnx(model, rows[:1].astype("float32"), options={"zipmap": False})
    file.write_bytes(graph.SerializeToString())
    return model


def save_xgboost(rows: Any, labels: Any, file: Path) -> Any:
    """A booster of XGBoost in its own binary format."""
    model = xgboost.XGBClassifier(n_estimators=40, max_depth=3).fit(rows, labels)
    model.save_model(file)
    return model


def save_lightgbm(rows: Any, labels: Any, file: Path) -> Any:
    """A booster of LightGBM in its own text format."""
    model = lightgbm.LGBMClassifier(n_estimators=40, num_leaves=7, verbose=-1).fit(rows, labels)
    model.booster_.save_model(file)
    return model


FORMATS: dict[str, Callable[[Any, Any, Path], Any]] = {
    "model.skops": save_skops,
    "model.onnx": save_onnx,
    "model.ubj": save_xgboost,
    "model.txt": save_lightgbm,
}


def main(folder: Path) -> None:
    """Fit and save all, and say how good each is on held-out flowers."""
    rows, labels = load_iris(return_X_y=True)
    train_rows, test_rows, train_labels, test_labels = train_test_split(rows, labels, random_state=0, stratify=labels)
    target = folder / "iris"
    target.mkdir(parents=True, exist_ok=True)
    for name, save in FORMATS.items():
        model = save(train_rows, train_labels, target / name)
        score = accuracy_score(test_labels, model.predict(test_rows))
        print(f"iris {name}: accuracy {score:.3f} on {len(test_rows)} held-out flowers")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "models"))
