"""The files of the benchmark: a random forest of fifty megabytes, and rows that it has not seen."""

from pathlib import Path

import joblib
import pandas as pd
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier

TREES, LEAVES, COLUMNS, TRAINED = 145, 4000, 20, 20_000
MODEL, ROWS, TARGET = "forest.joblib", "rows.csv", "label"


def write_files(directory: Path, rows: int) -> None:
    """Write the forest and the rows of its evaluation into a folder."""
    values, labels = make_classification(TRAINED + rows, COLUMNS, n_informative=8, flip_y=0.2, random_state=0)
    frame = pd.DataFrame(values, columns=[f"x{index}" for index in range(COLUMNS)])
    forest = RandomForestClassifier(TREES, max_leaf_nodes=LEAVES, random_state=0, n_jobs=-1)
    joblib.dump(forest.fit(frame[:TRAINED], labels[:TRAINED]), directory / MODEL)
    frame[TRAINED:].assign(**{TARGET: labels[TRAINED:]}).to_csv(directory / ROWS, index=False)
