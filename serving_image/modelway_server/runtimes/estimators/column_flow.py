"""Follow a model's columns through all its parts: which part reads which column, and what it needs of it.

A column keeps its values through imputers, selections, identities and ColumnTransformers. What an encoder behind these has
learned is therefore true of the column itself. Behind any other step nothing more is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.feature_selection import SelectorMixin
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, TargetEncoder

from modelway_server.runtimes.estimators.categories import needs_of_encoder
from modelway_server.runtimes.estimators.imputers import is_imputer, needs_of_imputer, positions_of_outputs, stand_ins
from modelway_server.runtimes.estimators.members import (
    encodes_categories,
    members_of,
    needs_numbers,
    stands_for_another,
)
from modelway_server.runtimes.estimators.needs import ANY, NUMBER, Need, accept
from modelway_server.runtimes.estimators.number_types import computes
from modelway_server.runtimes.estimators.sources import Source, Sources

_TEXT = Need("BYTES", example="text")
_READ_NOTHING = {"DummyClassifier", "DummyRegressor", "_ConstantPredictor"}
"""Classes that answer without reading a row."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one part needs of one column of the model's input.

    Attributes:
        column: the position of the column.
        need: what the part needs.
        part: the identity of the part.
    """

    column: int
    need: Need
    part: int


@dataclass(frozen=True, slots=True)
class Passage:
    """The result of following columns through one part.

    Attributes:
        claims: the claims of the part, and of all parts that it hands columns to.
        outputs: the sources of the columns that it gives; None if their number is not known.
    """

    claims: tuple[Claim, ...]
    outputs: Sources | None = None


def claims_of(estimator: Any, width: int) -> tuple[Claim, ...]:
    """Return what all parts of a fitted model need of its columns.

    Args:
        estimator: the model.
        width: the number of columns of its input.
    """
    passage = _pass(estimator, tuple(Source(index) for index in range(width)))
    outputs = passage.outputs or ()  # columns that the model hands back as they are
    return passage.claims + _claims(estimator, outputs, [ANY] * len(outputs))


def _pass(part: Any, sources: Sources) -> Passage:
    """Follow columns through one part, and through all parts inside it."""
    if part is None or isinstance(part, str):
        return Passage((), () if part == "drop" else sources)
    if getattr(part, "n_features_in_", len(sources)) != len(sources):
        return Passage(_claims(part, sources, [ANY] * len(sources)))
    match part:
        case Pipeline():
            passage = _pass_in_turn([step for _, step in part.steps], sources)
        case FeatureUnion():
            passage = _pass_side_by_side([member for _, member in part.transformer_list], sources)
        case ColumnTransformer():
            passage = _pass_by_columns(part, sources)
        case FunctionTransformer() if part.func is None:
            passage = Passage((), sources)
        case SelectorMixin():
            passage = _pass_selection(part, sources)
        case _ if is_imputer(part):
            passage = _pass_imputer(part, sources)
        case _:
            passage = _pass_reader(part, sources)
    return passage


def _pass_reader(part: Any, sources: Sources) -> Passage:
    """Follow columns into a part that changes all of them, unless it only stands for another part."""
    if encodes_categories(part):
        return Passage(_claims_of_boosting(part, sources))
    receivers = members_of(part, sources)
    if stands_for_another(part):
        return _pass(*receivers[0])
    if not receivers:
        return Passage(_claims(part, sources, _needs(part, len(sources))))
    own = _claims(part, sources, [NUMBER] * len(sources)) if needs_numbers(part) else ()
    return Passage(tuple(chain(own, *(_pass(member, theirs).claims for member, theirs in receivers))))


def _needs(part: Any, width: int) -> Sequence[Need]:
    """Return the needs of a part that hands its rows to no other."""
    match part:
        case OneHotEncoder() | OrdinalEncoder() | TargetEncoder():
            return needs_of_encoder(part)
        case CountVectorizer() | HashingVectorizer():
            return (_TEXT,) * width
        case FunctionTransformer():
            return (NUMBER if part.validate or isinstance(part.func, np.ufunc) else ANY,) * width
    tells_nothing = not computes(part) or type(part).__name__ in {*_READ_NOTHING, "MissingIndicator"}
    return (ANY if tells_nothing else NUMBER,) * width


def _claims(part: Any, sources: Sources, needs: Sequence[Need]) -> tuple[Claim, ...]:
    return tuple(
        Claim(source.column, accept(need, source.stand_ins), id(part))
        for source, need in zip(sources, needs, strict=True)
        if source is not None
    )


def _pass_in_turn(steps: list[Any], sources: Sources) -> Passage:
    claims: list[Claim] = []
    for step in steps:
        if hasattr(step, "fit_resample") and not hasattr(step, "transform"):
            continue  # it only works in training
        passage = _pass(step, sources)
        claims += passage.claims
        if passage.outputs is None:
            return Passage(tuple(claims))
        sources = passage.outputs
    return Passage(tuple(claims), sources)


def _pass_side_by_side(members: list[Any], sources: Sources) -> Passage:
    passages = [_pass(member, sources) for member in members]
    claims = tuple(chain.from_iterable(passage.claims for passage in passages))
    outputs = [
        (None,) * _width_of(member) if passage.outputs is None else passage.outputs
        for member, passage in zip(members, passages, strict=True)
    ]
    return Passage(claims, tuple(chain.from_iterable(outputs)))


def _width_of(member: Any) -> int:
    """Return the number of columns that a member of a union gives. If it does not say, return 0: the next step notices."""
    try:
        return len(member.get_feature_names_out())
    except Exception:  # noqa: BLE001  (a model may raise anything)
        return 0


def _pass_by_columns(part: ColumnTransformer, sources: Sources) -> Passage:
    claims: list[Claim] = []
    positions = part._transformer_to_input_indices  # noqa: SLF001  (public attributes keep names, masks and slices unresolved)
    outputs: list[Source | None] = [None] * max((place.stop for place in part.output_indices_.values()), default=0)
    for name, transformer, _ in part.transformers_:
        sources_of_member = tuple(sources[index] for index in positions.get(name, ()))
        if not sources_of_member:
            continue
        passage = _pass(transformer, sources_of_member)
        claims += passage.claims
        place = part.output_indices_[name]
        if passage.outputs is not None and len(passage.outputs) == place.stop - place.start:
            outputs[place] = passage.outputs
    return Passage(tuple(claims), tuple(outputs))


def _pass_selection(part: Any, sources: Sources) -> Passage:
    """Follow columns through a selection, which reads all and hands on some."""
    receivers = members_of(part, sources)
    own = _claims(part, sources, [NUMBER] * len(sources)) if needs_numbers(part) or not receivers else ()
    claims = chain(own, *(_pass(member, theirs).claims for member, theirs in receivers))
    return Passage(tuple(claims), tuple(sources[index] for index in np.flatnonzero(part.get_support())))


def _pass_imputer(part: Any, sources: Sources) -> Passage:
    own, stand_ins_of_part = _claims(part, sources, needs_of_imputer(part, len(sources))), stand_ins(part)
    outputs = [None if index is None else sources[index] for index in positions_of_outputs(part, len(sources))]
    return Passage(
        own,
        tuple(
            None if source is None else Source(source.column, source.stand_ins | stand_ins_of_part)
            for source in outputs
        ),
    )


def _claims_of_boosting(part: Any, sources: Sources) -> tuple[Claim, ...]:
    """Return the claims of HistGradientBoosting, which encodes its categories and turns the other columns into numbers."""
    encoded = np.asarray(part.is_categorical_, dtype=bool)
    needs = iter(needs_of_encoder(part._preprocessor.named_transformers_["encoder"]))  # noqa: SLF001  (it keeps them nowhere else)
    return _claims(part, sources, [next(needs) if is_encoded else NUMBER for is_encoded in encoded])
