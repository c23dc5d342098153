"""Train a classifier of iris flowers, save it as MLflow does, and pack the folder as one file.

Usage: python examples/mlflow/train.py [folder]   writes <folder>/iris/mlflow.tar.gz; needs mlflow-skinny and scikit-learn
"""

import shutil
import sys
import tempfile
from pathlib import Path

import mlflow.sklearn
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def main(folder: Path) -> None:
    """Fit, save with signature and example, and say how good it is on held-out flowers."""
    rows, labels = load_iris(return_X_y=True, as_frame=True)
    train_rows, test_rows, train_labels, test_labels = train_test_split(rows, labels, random_state=0, stratify=labels)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(train_rows, train_labels)
    target = folder / "iris"
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as workspace:
        mlflow.sklearn.save_model(
            model,
            f"{workspace}/iris",
            signature=infer_signature(train_rows, model.predict(train_rows)),
            input_example=train_rows.head(3),
        )
        shutil.make_archive(str(target / "mlflow"), "gztar", f"{workspace}/iris")
    print(
        f"iris mlflow.tar.gz: accuracy {model.score(test_rows, test_labels):.3f} on {len(test_rows)} held-out flowers"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "models"))
