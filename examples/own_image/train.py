"""Train a model of customers who leave, with a transformer of our own in its pipeline.

Usage: python examples/own_image/train.py [folder]   writes <folder>/churn/v1/model.joblib
"""

import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from churn.outliers import Clip
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def customers(count: int) -> tuple[pd.DataFrame, "np.ndarray[tuple[int], np.dtype[np.int64]]"]:
    """Synthetic customers and whether each has left; a few baskets are a thousand times too large, as if typed wrongly."""
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "orders_per_month": random.gamma(2.0, 1.5, count).round(1),
            "days_since_order": random.exponential(40.0, count).round(),
            "basket_value": random.lognormal(3.0, 0.6, count).round(2),
            "complaints": random.poisson(0.4, count).astype(float),
        }
    )
    risk = 0.03 * table["days_since_order"] + 0.9 * table["complaints"] - 0.5 * table["orders_per_month"] - 1.0
    left = (random.random(count) < 1 / (1 + np.exp(-risk))).to_numpy().astype(np.int64)
    table.loc[random.random(count) < 0.005, "basket_value"] *= 1000
    return table, left


def main(folder: Path) -> None:
    """Fit the model, say how well it ranks held-out customers, and save it."""
    table, left = customers(4000)
    train_rows, test_rows, train_left, test_left = train_test_split(table, left, random_state=0, stratify=left)
    model = make_pipeline(Clip(share=0.02), StandardScaler(), LogisticRegression()).fit(train_rows, train_left)
    target = folder / "churn" / "v1" / "model.joblib"
    target.parent.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, target, compress=3)
    score = roc_auc_score(test_left, model.predict_proba(test_rows)[:, 1])
    print(f"churn v1: ROC-AUC {score:.3f} on {len(test_rows)} held-out customers")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "models"))
