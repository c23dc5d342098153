"""Train two versions of a breast-cancer classifier on the data set that scikit-learn ships.

Usage: python examples/breast_cancer/train.py [folder]   writes <folder>/breast-cancer/{v1,v2}/model.joblib
"""

import sys
from pathlib import Path

import joblib
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def main(folder: Path) -> None:
    """Fit both versions, say how good each is on held-out patients, and save them."""
    rows, labels = load_breast_cancer(return_X_y=True)
    train_rows, test_rows, train_labels, test_labels = train_test_split(rows, labels, random_state=0, stratify=labels)
    versions = {
        "v1": RandomForestClassifier(n_estimators=100, random_state=0),
        "v2": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    }
    for version, model in versions.items():
        model.fit(train_rows, train_labels)
        target = folder / "breast-cancer" / version / "model.joblib"
        target.parent.mkdir(parents=True, exist_ok=True)
        joblib.dump(model, target, compress=3)
        print(
            f"breast-cancer {version}: accuracy {model.score(test_rows, test_labels):.3f} on {len(test_rows)} held-out patients"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "models"))
