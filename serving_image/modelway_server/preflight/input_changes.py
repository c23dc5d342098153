"""Compare what two models take. Pure."""

import math
from collections.abc import Iterable, Sequence
from typing import Final

from modelway_server.contract.names import enumerate_names
from modelway_server.contract.signature import ROWS, Column, Dates, Form, Input, Signature, in_order
from modelway_server.preflight.changes import Change, join_alike, of_names
from modelway_server.protocol.tensors import INTEGER_LIMITS

_LARGEST: Final = {"FP16": 65504.0, "FP32": 3.4e38, "FP64": 1.7e308}
"""What each floating-point datatype takes at least."""
_ROWS_OF: Final = {Form.TEXT: "texts", Form.TENSORS: "tensors"}


def input_changes(candidate: Signature, stable: Signature) -> list[Change]:
    """What the candidate takes that the stable model does not, and the other way round.

    An engine may take the same columns in another form, so only texts, tensors and columns are told apart.
    """
    kinds = [_ROWS_OF.get(signature.form, "columns") for signature in (candidate, stable)]
    if kinds[0] != kinds[1]:
        return [Change(f"it takes {kinds[0]} where it took {kinds[1]}", breaks=True)]
    if candidate.form is Form.TENSORS:
        return _of_inputs(candidate.inputs, stable.inputs)
    changes = _of_columns(candidate, stable) if candidate.width and stable.width else _of_width(candidate, stable)
    return [*changes, *_of_magnitude(candidate, stable)]


def _of_width(candidate: Signature, stable: Signature) -> list[Change]:
    if candidate.width == stable.width:
        return []
    now, before = (signature.width or "any number of" for signature in (candidate, stable))
    return [Change(f"a row has {now} values where it had {before}", breaks=candidate.width is not None)]


def _of_columns(candidate: Signature, stable: Signature) -> list[Change]:
    if candidate.named and stable.named:
        return _of_named(candidate, stable)
    changes = _of_width(candidate, stable)
    if candidate.named != stable.named:
        text = f"columns have {'names now' if candidate.named else 'no names any more'}"
        changes.append(Change(text, breaks=stable.named))
    pairs = zip(candidate.columns, stable.columns, strict=False)
    return changes + join_alike("column", ((new.name, change) for new, old in pairs for change in _of_column(new, old)))


def _of_named(candidate: Signature, stable: Signature) -> list[Change]:
    old = {_name(column.name, candidate): column for column in stable.columns}
    new = {_name(column.name, candidate): column for column in candidate.columns}
    common = [name for name in old if name in new]
    return [
        *of_names("column", [name for name in old if name not in new], "is gone", breaks=True),
        *of_names("column", [name for name in new if name not in old and new[name].used], "is new", breaks=True),
        *of_names("column", [n for n in new if n not in old and not new[n].used], "is new, and not used", breaks=True),
        *_of_order(common, [name for name in new if name in old]),
        *join_alike("column", ((name, change) for name in common for change in _of_column(new[name], old[name]))),
    ]


def _name(name: str, candidate: Signature) -> str:
    """The name of a column as the candidate compares it with those of a request."""
    return name.replace(" ", "_") if candidate.spaced else name


def _of_order(old: Sequence[str], new: Sequence[str]) -> list[Change]:
    moved = [name for name, other in zip(old, new, strict=True) if name != other]
    return of_names("column", moved, "is at another place", breaks=True)


def _of_column(new: Column, old: Column) -> list[Change]:
    """The changes of one column; their texts lack its name."""
    if not (new.used and old.used):
        became = "is used now" if new.used else "is not used any more"
        return [] if new.used == old.used else [Change(became, breaks=new.used)]
    return [*_of_type(new, old), *_of_missing(new, old), *_of_categories(new, old)]


def _of_type(new: Column, old: Column) -> list[Change]:
    if (kind := kind_of(new)) == (before := kind_of(old)):
        return []
    return [Change(f"takes {kind} where it took {before}", breaks=not _takes_all(new, old))]


def kind_of(column: Column) -> str:
    """What a column takes, in a word."""
    if column.dates is not None:
        zone = {Dates.LOCAL: " without a zone", Dates.ZONED: " with a zone", Dates.EITHER: ""}
        return f"dates{zone[column.dates]}"
    if not column.typed:
        return "anything"
    return f"{column.datatype} codes of categories" if column.coded else column.datatype


def _takes_all(new: Column, old: Column) -> bool:
    """Whether the new column takes every value that the old one takes, and for the same."""
    if new.dates is not None or old.dates is not None:
        return new.dates is Dates.EITHER and old.dates is not None
    if new.coded != old.coded:
        return False
    if not new.typed or not old.typed:
        return not new.typed
    return _holds(new.datatype, old.datatype)


def _holds(wide: str, narrow: str) -> bool:
    """Whether a column of one datatype takes each value of another, as the contract reads them."""
    if wide in _LARGEST:
        largest = {"BOOL": 1.0, **_LARGEST, **{name: float(most) for name, (_, most) in INTEGER_LIMITS.items()}}
        return largest.get(narrow, math.inf) <= _LARGEST[wide]
    if wide in INTEGER_LIMITS and narrow in INTEGER_LIMITS:
        (least, most), (lowest, highest) = INTEGER_LIMITS[wide], INTEGER_LIMITS[narrow]
        return least <= lowest and highest <= most
    return wide in INTEGER_LIMITS and narrow == "BOOL"


def _of_missing(new: Column, old: Column) -> list[Change]:
    if new.nullable == old.nullable:
        return []
    return [Change(f"may {'' if new.nullable else 'not '}be missing now", breaks=not new.nullable)]


def _of_categories(new: Column, old: Column) -> list[Change]:
    if new.categories is None and old.categories is None:
        return _of_known(new.known, old.known)
    if new.categories is None or old.categories is None:
        kind = "any value" if new.categories is None else f"only {_listed(new.categories)}"
        return [Change(f"takes {kind} now", breaks=new.categories is not None)]
    gone, more = old.categories - new.categories, new.categories - old.categories
    changes = [Change(f"does not take {_listed(gone)} any more", breaks=True)] if gone else []
    return changes + ([Change(f"takes {_listed(more)}, too", breaks=False)] if more else [])


def _of_known(new: Iterable[object] | None, old: Iterable[object] | None) -> list[Change]:
    gone = frozenset(old or ()) - frozenset(new or ())
    if new is None or not gone:
        return []
    return [Change(f"answers {_listed(gone)} as unknown", breaks=False)]


def _listed(values: Iterable[object]) -> str:
    return enumerate_names(map(str, in_order(frozenset(values))))


def _of_magnitude(candidate: Signature, stable: Signature) -> list[Change]:
    """Numbers that only a double holds are no client's; a forest in the place of a linear model would break for them."""
    new, old = candidate.max_magnitude, stable.max_magnitude
    if new == old:
        return []
    return [Change(f"numbers may be up to {'any size' if new is None else f'{new:g}'}", breaks=False)]


def _of_inputs(new: Sequence[Input], old: Sequence[Input]) -> list[Change]:
    by_name, before = {each.name: each for each in new}, {each.name: each for each in old}
    return [
        *of_names("input", [name for name in before if name not in by_name], "is gone", breaks=True),
        *of_names("input", [name for name in by_name if name not in before], "is new", breaks=True),
        *(change for name in before if name in by_name for change in _of_input(by_name[name], before[name])),
    ]


def _of_input(new: Input, old: Input) -> list[Change]:
    if (new.datatype, new.shape) == (old.datatype, old.shape):
        return []
    wider = len(new.shape) == len(old.shape) and all(
        size in {ROWS, other} for size, other in zip(new.shape, old.shape, strict=True)
    )
    text = f"input {new.name} takes {_tensor(new)} where it took {_tensor(old)}"
    return [Change(text, breaks=new.datatype != old.datatype or not wider)]


def _tensor(each: Input) -> str:
    sizes = ("any" if size == ROWS else str(size) for size in each.shape[1:])
    return f"{each.datatype} [{', '.join(['rows', *sizes])}]"
