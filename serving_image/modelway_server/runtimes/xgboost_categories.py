"""The columns of categories of an XGBoost booster: what a model file keeps of their values, and what XGBoost loses of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain, pairwise
from typing import Any

import xgboost

from modelway_server.contract.signature import Column
from modelway_server.errors import UnsupportedModel

_CUT = (
    "its categories hold letters beyond ASCII, and XGBoost cuts those of a pandas frame at wrong places: "
    "where the metadata lists them otherwise than the training data had them, train the model on ASCII letters or on numbers"
)
"""It counts letters where it keeps bytes (3.1 and 3.2); what comes from Arrow is kept well, and looks the same."""


def categories_of(booster: xgboost.Booster) -> dict[int, Sequence[Any]]:
    """Return the known values of each column of categories, in the order of their codes; none where the model keeps none."""
    if "c" not in (booster.feature_types or ()):
        return {}
    model = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]
    encoded = model.get("gbtree", model).get("model", {}).get("cats", {}).get("enc", [])
    return {index: values for index, column in enumerate(encoded) if (values := _decode(column))}


def with_codes(
    columns: tuple[Column, ...], booster: xgboost.Booster, categories: Mapping[int, Sequence[Any]]
) -> tuple[Column, ...]:
    """Return the columns, with those marked whose categories the model knows by nothing but their codes."""
    kinds = booster.feature_types or [""] * len(columns)
    return tuple(
        replace(column, coded=kind == "c" and index not in categories)
        for index, (column, kind) in enumerate(zip(columns, kinds, strict=True))
    )


def caution_of(categories: Mapping[int, Sequence[Any]]) -> str:
    """Return what to look out for where XGBoost may have cut the categories; else nothing."""
    values = chain(*categories.values())
    return _CUT if any(type(value) is str and not value.isascii() for value in values) else ""


def _decode(column: dict[str, Any]) -> list[Any]:
    """Return the values of a column. Strings lie behind one another as bytes, with the offset of each; numbers are listed.

    Raises:
        UnsupportedModel: XGBoost has counted letters in the place of bytes, and so cut the strings.
    """
    values = column["values"]
    if "offsets" not in column:
        return list(values)
    text, offsets = bytes(value % 256 for value in values), column["offsets"]
    try:
        return [text[start:end].decode() for start, end in pairwise(offsets)]
    except UnicodeDecodeError:
        raise UnsupportedModel(
            "a column has categories with letters beyond ASCII, which XGBoost has cut in the middle: it counts letters where it keeps bytes",
            remedy="Train it on categories of ASCII letters, or on the numbers that an OrdinalEncoder gives for them, and save it again.",
        ) from None
