"""Check that text vectorizers and clusters agree with themselves."""

import numpy as np

from modelway_server.runtimes.file_checks.clauses import State, hold, within


def vocabulary(state: State) -> None:
    """Text vectorizers: the number of a term must be a column of the sparse matrix."""
    if (terms := state.get("vocabulary_")) is not None:
        within(np.fromiter(terms.values(), dtype=np.int64, count=len(terms)), len(terms), "vocabulary_")


def hasher(state: State) -> None:
    """Hashing vectorizers: the column of a term is a remainder by the number of columns."""
    count = state["n_features"]
    hold(isinstance(count, int | np.integer) and 0 < count < 2**31, "n_features is no number of columns")


def clusters(state: State) -> None:
    """`Birch`: each centre must have a norm beside it."""
    if (centers := state.get("subcluster_centers_")) is not None:
        hold(np.shape(state["_subcluster_norms"]) == np.shape(centers)[:1], "there is not one norm a centre")
