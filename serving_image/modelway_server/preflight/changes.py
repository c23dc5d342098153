"""What one contract differs from another in, as phrases that say whether clients notice."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from modelway_server.contract.names import enumerate_names

_PLURALS: Final = {"is": "are", "takes": "take", "does": "do", "answers": "answer"}
"""Of the verbs that a phrase begins with."""


class Change(NamedTuple):
    """One difference.

    Attributes:
        text: a phrase without a full stop.
        breaks: whether a request that was valid is refused or means something else, or an answer changes its form.
    """

    text: str
    breaks: bool


def of_names(noun: str, names: Sequence[str], what: str, *, breaks: bool) -> list[Change]:
    """One change for all names that it is true of; none where there are no names.

    Args:
        noun: what has the names, in the singular: `column`.
        names: that it is true of.
        what: the end of the phrase, in the singular: `is gone`.
        breaks: as in Change.
    """
    if not names:
        return []
    verb, space, rest = what.partition(" ")
    if len(names) > 1:
        noun, verb = f"{noun}s", _PLURALS.get(verb, verb)
    return [Change(f"{noun} {enumerate_names(names)} {verb}{space}{rest}", breaks)]


def join_alike(noun: str, changes: Iterable[tuple[str, Change]]) -> list[Change]:
    """One change for all names of which the same is true.

    Args:
        noun: as in `of_names`.
        changes: each with a name, and a text as `what` of `of_names`.
    """
    names: dict[Change, list[str]] = {}
    for name, change in changes:
        names.setdefault(change, []).append(name)
    return [
        joined for change, its in names.items() for joined in of_names(noun, its, change.text, breaks=change.breaks)
    ]


def tell(changes: Iterable[Change], limit: int) -> str:
    """The changes as one text of at most `limit` characters, those that break first; the rest is counted."""
    ordered = sorted(changes, key=lambda change: not change.breaks)
    parts: list[str] = []
    for position, change in enumerate(ordered):
        left = len(ordered) - position - 1
        text = "; ".join([*parts, change.text, *([_rest(left)] if left else [])])
        if len(text) > limit:
            break
        parts.append(change.text)
    left = len(ordered) - len(parts)
    if not parts and ordered:
        tail = f"…; {_rest(left - 1)}" if left > 1 else "…"
        return ordered[0].text[: limit - len(tail)] + tail
    return "; ".join([*parts, *([_rest(left)] if left else [])])


def _rest(count: int) -> str:
    return f"and {count} more"
