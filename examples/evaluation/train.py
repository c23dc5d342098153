"""Train versions of a fraud detector and of a model of prices, and set rows aside that all are judged on.

Usage: python examples/evaluation/train.py [folder]   writes <folder>/evaluation/{fraud,price}/{v1,v2}/model.joblib, fraud/forest/model.joblib, and
held-out.csv beside them
"""

import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

ROWS = 12000


def payments() -> pd.DataFrame:
    """Synthetic card payments, a tenth of them frauds: at night, of large amounts, and of young accounts."""
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "amount": random.lognormal(3.5, 1.0, ROWS).round(2),
            "hour": random.integers(0, 24, ROWS),
            "account_age_days": random.integers(1, 3000, ROWS),
            "country": random.choice(["DE", "FR", "NO"], ROWS, p=[0.5, 0.3, 0.2]),
        }
    )
    at_night, young = table["hour"] < 5, table["account_age_days"] < 400
    risk = 1.2 * (np.log(table["amount"]) - 3.5) + 3.0 * at_night + 2.5 * young + 3.0 * (at_night & young) - 4.5
    table["fraud"] = np.where(random.random(ROWS) < 1 / (1 + np.exp(-1.8 * risk)), "yes", "no")
    return table


def homes() -> pd.DataFrame:
    """Synthetic homes and their prices in thousands: a place in the centre makes each square metre dearer."""
    random = np.random.default_rng(1)
    table = pd.DataFrame(
        {
            "square_metres": random.normal(85, 25, ROWS).clip(20, 250).round(1),
            "rooms": random.integers(1, 7, ROWS),
            "district": random.choice(["centre", "north", "south"], ROWS),
        }
    )
    per_metre = table["district"].map({"centre": 6.0, "north": 3.5, "south": 3.0})
    table["price"] = (per_metre * table["square_metres"] + 8 * table["rooms"] + random.normal(0, 20, ROWS)).round(1)
    return table


def save(folder: Path, table: pd.DataFrame, target: str, versions: dict[str, Any]) -> None:
    """Fit each version on one half of the rows, and keep the other half as the dataset of the evaluation."""
    fitted_on, held_out = train_test_split(table, test_size=0.5, random_state=0)
    for version, model in versions.items():
        words = [name for name in table.columns if name in {"country", "district"}]
        numbers = [name for name in table.columns if name not in {*words, target}]
        columns = make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), words), (StandardScaler(), numbers)
        )
        path = folder / version / "model.joblib"
        path.parent.mkdir(parents=True, exist_ok=True)
        joblib.dump(make_pipeline(columns, model).fit(fitted_on[[*words, *numbers]], fitted_on[target]), path)
    held_out.to_csv(folder / "held-out.csv", index=False)
    print(f"{folder.name}: {', '.join(versions)}, and {len(held_out)} rows to judge them by")


def main(folder: Path) -> None:
    """Save both examples."""
    classifiers = {
        "v1": LogisticRegression(),
        "v2": HistGradientBoostingClassifier(max_iter=60, random_state=0),
        "forest": RandomForestClassifier(300, min_samples_leaf=5, random_state=0),
    }
    regressors = {"v1": LinearRegression(), "v2": HistGradientBoostingRegressor(max_iter=60, random_state=0)}
    save(folder / "evaluation" / "fraud", payments(), "fraud", classifiers)
    save(folder / "evaluation" / "price", homes(), "price", regressors)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "models"))
