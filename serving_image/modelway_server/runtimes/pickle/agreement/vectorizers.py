"""Text vectorizers and clusters, held against themselves: a term's number is a column of the matrix that is made."""

import numpy as np

from modelway_server.runtimes.file_checks.clauses import State, hold, within


def vocabulary(state: State) -> None:
    """Text vectorizers: a term's number is a column of the sparse matrix that is made."""
    if (terms := state.get("vocabulary_")) is not None:
        within(np.fromiter(terms.values(), dtype=np.int64, count=len(terms)), len(terms), "vocabulary_")


def hasher(state: State) -> None:
    """What gives a term its column by a remainder."""
    count = state["n_features"]
    hold(isinstance(count, int | np.integer) and 0 < count < 2**31, "n_features is no number of columns")


def clusters(state: State) -> None:
    """`Birch`: the norms of its centres are kept beside them."""
    if (centers := state.get("subcluster_centers_")) is not None:
        hold(np.shape(state["_subcluster_norms"]) == np.shape(centers)[:1], "there is not one norm a centre")
