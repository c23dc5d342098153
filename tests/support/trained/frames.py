"""Data frames of customers: numbers with some missing, counts, booleans, strings, categories, and integers beyond 2^53."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder

CITIES = np.array(["Bern", "Oslo", "Rome", None], dtype=object)
PLANS = ["basic", "plus", "pro"]
FIRST_CODE = 2**53
"""From here on a float does not tell an integer from the next."""


def customers(random: np.random.Generator, count: int, *, unknown: float = 0.0) -> pd.DataFrame:
    """Some rows.

    Args:
        random: draws them.
        count: how many.
        unknown: share of the rows whose city no encoder has learned.
    """
    cities = np.where(random.uniform(size=count) < unknown, "Atlantis", random.choice(CITIES, size=count))
    ages = np.round(random.normal(40, 12, size=count), 1)
    return pd.DataFrame(
        {
            "age": np.where(random.uniform(size=count) < 0.15, np.nan, ages),
            "income": np.round(random.lognormal(8, 1, size=count), 2),
            "visits": random.poisson(6, size=count),
            "member": random.uniform(size=count) < 0.4,
            "city": cities,
            "plan": pd.Categorical(random.choice(PLANS, size=count), categories=PLANS),
            "code": FIRST_CODE + random.integers(0, 4, size=count),
        }
    )


def score_of(frame: pd.DataFrame) -> Any:
    """A number that follows the columns, of mean 0 and spread 1."""
    score = frame["age"].fillna(40) / 12 + np.log(frame["income"]) + (frame["code"] - FIRST_CODE) - frame["member"]
    score += (frame["city"] == "Rome") + (frame["plan"] == "pro")
    return ((score - score.mean()) / score.std()).to_numpy()


def columns() -> ColumnTransformer:
    """What makes numbers of a frame."""
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=9)
    return make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), MinMaxScaler()), ["age", "income"]),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city", "plan"]),
        (codes, ["code", "member"]),
        ("passthrough", ["visits"]),
    )


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as JSON has them."""
    plain = frame.astype(object).where(frame.notna(), None)
    return [
        {str(name): value.item() if isinstance(value, np.generic) else value for name, value in row.items()}
        for row in plain.to_dict(orient="records")
    ]
