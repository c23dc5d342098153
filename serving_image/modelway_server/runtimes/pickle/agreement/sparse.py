"""Check that sparse matrices of SciPy agree with themselves, because compiled code follows their indices without a check."""

import numpy as np

from modelway_server.runtimes.file_checks.clauses import State, hold, within


def _check_compressed(state: State, *, by_row: bool, blocks: bool = False) -> None:
    rows, columns = _shape(state)
    data, indices, indptr = state["data"], state["indices"], state["indptr"]
    if blocks:
        hold(data.ndim == 3 and data.shape[1] > 0 and data.shape[2] > 0, "data is not made of blocks")
        hold(rows % data.shape[1] == 0 and columns % data.shape[2] == 0, "the blocks do not fill it")
        rows, columns = rows // data.shape[1], columns // data.shape[2]
    major, minor = (rows, columns) if by_row else (columns, rows)
    hold(indices.dtype.kind == "i" and indptr.dtype.kind == "i", "its indices are no integers")
    hold(indptr.shape == (major + 1,) and indptr[0] == 0 and np.all(np.diff(indptr) >= 0), "indptr goes back")
    hold(indptr[-1] <= min(len(indices), len(data)), "indptr leads out of it")
    within(indices, minor, "indices")


def csr(state: State) -> None:
    """By rows."""
    _check_compressed(state, by_row=True)


def csc(state: State) -> None:
    """By columns."""
    _check_compressed(state, by_row=False)


def bsr(state: State) -> None:
    """By rows of blocks."""
    _check_compressed(state, by_row=True, blocks=True)


def coo(state: State) -> None:
    """By coordinates."""
    shape = _shape(state)
    coords = state["coords"] if "coords" in state else (state["row"], state["col"])
    for index, limit in zip(coords, shape, strict=True):
        hold(len(index) == len(state["data"]) and index.dtype.kind == "i", "coordinates and data differ in length")
        within(index, limit, "a coordinate")


def dia(state: State) -> None:
    """By diagonals."""
    _shape(state)
    hold(state["data"].ndim == 2 and state["offsets"].shape == (len(state["data"]),), "offsets and data differ")


def lil(state: State) -> None:
    """By lists of rows."""
    rows, columns = _shape(state)
    hold(len(state["rows"]) == len(state["data"]) == rows, "there is not one list a row")
    for indices, data in zip(state["rows"], state["data"], strict=True):
        hold(len(indices) == len(data), "indices and data differ in length")
        within(indices, columns, "an index of columns")


def _shape(state: State) -> tuple[int, int]:
    rows, columns = state["_shape"]
    hold(rows >= 0 and columns >= 0, "its shape is negative")
    return int(rows), int(columns)
