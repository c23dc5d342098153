"""Made-up rows to try a program on named tensors with."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.contract.signature import Form, Signature
from modelway_server.protocol.tensors import NUMPY_TYPES

_SIZES = (1, 2, 3, 4, 8, 16, 28, 32, 64, 224)
"""Sizes that a made-up row tries for dimensions that may vary."""
_MAX_TRIALS = 40
_MAX_MIXTURES = 500
_NUMBERS = (0.0, 1.0)


def made_up_rows(signature: Signature, texts: Callable[[], tuple[str, ...]]) -> Iterator[Any]:
    """Rows that a program may answer, in the form of its signature; first those of numbers alone.

    Args:
        signature: the program's.
        texts: strings that it knows, one of each set of categories.
    """
    yield from _candidates(signature)
    yield from _known_words(signature, texts)


def _candidates(signature: Signature) -> Iterator[Any]:
    """Made-up rows, in the form of the signature."""
    if signature.form is Form.TEXT:
        yield ["a few words of text"]
    elif signature.form is Form.MATRIX:
        yield from (np.full((1, len(signature.columns)), number) for number in _NUMBERS)
    elif signature.form is Form.COLUMNS:
        for number in _NUMBERS:
            yield {column.name: _value(column.datatype, (1,), number) for column in signature.columns}
    else:
        varying = [
            (each, index) for each in signature.inputs for index, size in enumerate(each.shape) if index and size < 0
        ]
        fixed_first = product(*[_SIZES] * min(len(varying), 2))
        for sizes, _ in zip(fixed_first, range(_MAX_TRIALS), strict=False):
            chosen = {place: sizes[min(place, len(sizes) - 1)] for place in range(len(varying))}
            shapes = {each.name: list(each.shape) for each in signature.inputs}
            for place, (each, index) in enumerate(varying):
                shapes[each.name][index] = chosen[place]
            for number in _NUMBERS:
                yield {
                    each.name: _value(each.datatype, (1, *shapes[each.name][1:]), number) for each in signature.inputs
                }


def _known_words(signature: Signature, texts: Callable[[], tuple[str, ...]]) -> Iterator[Any]:
    """Rows whose strings are of categories that the program knows; which set is whose column, only a trial shows."""
    columns = [column.name for column in signature.columns if column.datatype == "BYTES"]
    if signature.form is not Form.COLUMNS or not columns:
        return
    for words in islice(product(texts(), repeat=len(columns)), _MAX_MIXTURES):
        row = {column.name: _value(column.datatype, (1,), 1.0) for column in signature.columns}
        yield row | {name: np.array([word], dtype=object) for name, word in zip(columns, words, strict=True)}


def _value(datatype: str, shape: tuple[int, ...], number: float) -> NDArray[Any]:
    if datatype == "BYTES":
        return np.full(shape, "a", dtype=object)
    return np.full(shape, number).astype(NUMPY_TYPES[datatype])


def repeat(row: Any) -> Any:
    """Two rows of one."""
    if isinstance(row, list):
        return row * 2
    return (
        {name: np.repeat(array, 2, axis=0) for name, array in row.items()}
        if isinstance(row, dict)
        else row.repeat(2, 0)
    )


def without(row: Any, names: Sequence[str]) -> Any:
    """A row whose numbers of these names are missing; of a matrix, all of them."""
    if isinstance(row, dict):
        return {name: np.full_like(array, np.nan) if name in names else array for name, array in row.items()}
    return np.full_like(row, np.nan)
