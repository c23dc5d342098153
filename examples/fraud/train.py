"""Train two versions of a fraud detector on synthetic card payments with named columns, one of them categorical.

Usage: python examples/fraud/train.py [folder]   writes <folder>/fraud/{v1,v2}/model.joblib
"""

import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NUMBERS = ["amount", "hour", "account_age_days"]
CATEGORY_RISK = {"grocery": -1.0, "travel": 0.6, "electronics": 0.9, "gambling": 1.4, "fuel": -0.4}


def payments(count: int) -> tuple[pd.DataFrame, "np.ndarray[tuple[int], np.dtype[np.int64]]"]:
    """Synthetic payments and whether each was a fraud (about 5 % are)."""
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "amount": random.lognormal(3.5, 1.0, count).round(2),
            "hour": random.integers(0, 24, count),
            "account_age_days": random.integers(1, 3000, count),
            "category": random.choice(list(CATEGORY_RISK), count),
        }
    )
    risk = (
        1.1 * (np.log(table["amount"]) - 3.5)
        - 0.0008 * table["account_age_days"]
        + table["category"].map(CATEGORY_RISK)
    )
    risk += 3.0 * (table["hour"].isin([0, 1, 2, 3, 4]) & (table["amount"] > 50)) - 4.0
    risk += 3.0 * ((table["account_age_days"] < 300) & (table["category"] == "electronics"))
    return table, (random.random(count) < 1 / (1 + np.exp(-risk))).to_numpy().astype(np.int64)


def pipeline(classifier: LogisticRegression | HistGradientBoostingClassifier) -> Pipeline:
    """The classifier behind one-hot columns for the category and scaled numbers."""
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = ColumnTransformer([("category", one_hot, ["category"]), ("numbers", StandardScaler(), NUMBERS)])
    return Pipeline([("columns", columns), ("classifier", classifier)])


def main(folder: Path) -> None:
    """Fit both versions, say how well each ranks held-out payments, and save them."""
    table, fraud = payments(8000)
    train_rows, test_rows, train_fraud, test_fraud = train_test_split(table, fraud, random_state=0, stratify=fraud)
    versions = {
        "v1": LogisticRegression(max_iter=1000),
        "v2": HistGradientBoostingClassifier(max_iter=60, random_state=0),
    }
    for version, classifier in versions.items():
        model = pipeline(classifier).fit(train_rows, train_fraud)
        target = folder / "fraud" / version / "model.joblib"
        target.parent.mkdir(parents=True, exist_ok=True)
        joblib.dump(model, target, compress=3)
        score = roc_auc_score(test_fraud, model.predict_proba(test_rows)[:, 1])
        print(f"fraud {version}: ROC-AUC {score:.3f} on {len(test_rows)} held-out payments")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "models"))
