"""Train a model of loans, the same retrained on newer loans, and one whose labels were mixed up on the way; log the loans of a year.

Usage: python examples/rollouts/train.py [folder]   writes <folder>/rollouts/loans/{v1,v2,mixed-up}/model.joblib and rows.csv
"""

import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

ROWS = 4000
NUMBERS = ["income", "amount", "years_employed"]
RISK = {"car": 0.0, "house": -0.6, "wedding": 0.8}


def loans(year: int) -> pd.DataFrame:
    """Synthetic loans of a year, a third of them not paid back: large ones, of small incomes, of short employment."""
    random = np.random.default_rng(year)
    table = pd.DataFrame(
        {
            "income": random.lognormal(10.4, 0.5, ROWS).round(-2),
            "amount": random.lognormal(9.2, 0.8, ROWS).round(-2),
            "years_employed": random.integers(0, 30, ROWS),
            "purpose": random.choice(list(RISK), ROWS),
        }
    )
    risk = 2.5 * np.log(4 * table["amount"] / table["income"]) - 0.12 * table["years_employed"]
    risk += table["purpose"].map(RISK)
    table["outcome"] = np.where(random.random(ROWS) < 1 / (1 + np.exp(-risk)), "default", "repaid")
    return table


def fit(table: pd.DataFrame) -> Pipeline:
    """A model of the outcome."""
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["purpose"]), (StandardScaler(), NUMBERS)
    )
    return make_pipeline(columns, LogisticRegression()).fit(table[[*NUMBERS, "purpose"]], table["outcome"])


def main(folder: Path) -> None:
    """Save the three, and say on how many loans the first two disagree."""
    newer = loans(2026)
    mixed_up = newer.assign(outcome=newer["outcome"].map({"repaid": "default", "default": "repaid"}))
    models = {"v1": fit(loans(2025)), "v2": fit(newer), "mixed-up": fit(mixed_up)}
    for version, model in models.items():
        path = folder / "rollouts" / "loans" / version / "model.joblib"
        path.parent.mkdir(parents=True, exist_ok=True)
        joblib.dump(model, path)
    rows = loans(2027)[[*NUMBERS, "purpose"]]
    rows.to_csv(folder / "rollouts" / "loans" / "rows.csv", index=False)
    stable = models["v1"].predict(rows)
    shares = [f"{(models[version].predict(rows) != stable).mean():.1%} of {version}" for version in ("v2", "mixed-up")]
    print(f"loans: answers that differ from those of v1: {', '.join(shares)}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "models"))
