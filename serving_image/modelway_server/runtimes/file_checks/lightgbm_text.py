"""Check that LightGBM's text agrees with itself: no index of a tree may lead out of it.

Source: `GBDT::LoadModelFromString` and `Tree::Tree(const char*, size_t*)` of LightGBM 4. Only text that LightGBM itself
writes is accepted, so that no line means one thing here and another there.
"""

import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

from modelway_server.runtimes.file_checks.clauses import Disagreement, hold, within

END: Final = b"end of trees\n"
FORMATS: Final = frozenset({"v2", "v3", "v4"})
"""Known layouts of the text."""
MAX_LINES: Final = 22
"""Lines of a tree; LightGBM reads no more."""
MAX_COLUMNS: Final = 1_000_000
_LINE: Final = re.compile(rb"(\w+)=([^\r\n\0]*)")
_SIZE: Final = re.compile(rb"[0-9]{1,15}")
_WHOLES: Final = re.compile(rb" *(?:-?[0-9]{1,9}(?: +|\Z))*")
_WORDS: Final = re.compile(rb" *(?:[0-9]{1,10}(?: +|\Z))*")
_NUMBERS: Final = re.compile(
    rb" *(?:[-+]?(?:[0-9]+(?:\.[0-9]*)?(?:e[-+]?[0-9]+)?|inf|nan|infinity)(?: +|\Z))*", re.IGNORECASE
)
_OF_CATEGORIES: Final = 1
"""The bit of `decision_type` for a split by category."""
_DECISIONS: Final = 16
_BESIDE: Final = (
    b"leaf_weight",
    b"leaf_count",
    b"internal_value",
    b"internal_weight",
    b"internal_count",
    b"split_gain",
)
"""Values of each leaf or each split that change no answer."""


class NewerLayout(Exception):
    """The text has an unknown layout; `args[0]` is its name."""


def header(text: bytes) -> dict[str, str]:
    """Return the lines before the trees by key. A line without a value has an empty one."""
    return {key.decode(errors="replace"): value.decode(errors="replace") for key, value in _head(text).items()}


def check(text: bytes) -> dict[str, str]:
    """Check that a text agrees with itself, and return its head.

    Raises:
        Disagreement: the text disagrees with itself, or has no end.
        NewerLayout: the layout is not known here.
    """
    end = text.find(END)
    hold(end >= 0, "its head or its end is missing")
    head = _head(text)
    version = head.get(b"version", b"").decode(errors="replace")
    if version and version not in FORMATS:
        raise NewerLayout(version[:20])
    hold(version, "its head or its end is missing")
    hold(b"\r" not in text[:end] and b"\0" not in text[:end], "its lines do not end as LightGBM ends them")
    columns = _check_head(head)
    start = text.find(b"\nTree=") + 1
    sizes = head.get(b"tree_sizes", b"").split()
    if not 0 < start < end:
        hold(not sizes, "its trees are shorter than it says")
        return header(text)
    hold(all(map(_SIZE.fullmatch, sizes)) and start + sum(map(int, sizes)) <= end, "its trees are shorter than it says")
    hold(sizes, "it does not tell the sizes of its trees")
    for number, size in enumerate(map(int, sizes)):
        try:
            _check_tree(text[start : start + size], number, columns)
        except Disagreement as error:
            raise Disagreement(f"tree {number}: {error.args[0]}") from error
        start += size
    return header(text)


def _head(text: bytes) -> dict[bytes, bytes]:
    """Return the lines before the first tree by key.

    Raises:
        Disagreement: a key comes twice.
    """
    lines: dict[bytes, bytes] = {}
    ends = [place for place in (text.find(b"\nTree="), text.find(END)) if place >= 0]
    for line in text[: min(ends, default=len(text))].split(b"\n"):
        key, _, value = line.partition(b"=")
        hold(not key or key not in lines, f"it says {key[:50].decode(errors='replace')!r} twice")
        lines[key] = value
    return lines


def _check_head(head: dict[bytes, bytes]) -> int:
    """Check that the numbers of a head agree, and return its number of columns."""
    columns = _count(head, b"max_feature_idx") + 1
    classes = _count(head, b"num_class")
    hold(0 < columns <= MAX_COLUMNS, f"its columns are not 1 to {MAX_COLUMNS}")
    hold(0 < classes <= MAX_COLUMNS, f"its classes are not 1 to {MAX_COLUMNS}")
    hold(
        _count(head, b"num_tree_per_iteration", classes) == classes,
        "num_tree_per_iteration is another number than num_class",
    )
    _count(head, b"label_index")
    names = head.get(b"feature_names", b"").split(b" ")
    hold(len(names) == columns and len(set(names)) == columns, "feature_names are no name for each column")
    hold(len(head.get(b"feature_infos", b"").split(b" ")) == columns, "feature_infos are none for each column")
    if b"objective" in head:
        objective = head[b"objective"].split()
        hold(objective, "its objective has no name")
        counts = {token.partition(b":")[2] for token in objective if token.startswith(b"num_class:")} or {b"1"}
        hold(counts == {str(classes).encode()}, "the objective has other classes than num_class")
    return columns


def _count(head: dict[bytes, bytes], key: bytes, default: int | None = None) -> int:
    value = head.get(key)
    if value is None and default is not None:
        return default
    hold(value is not None and re.fullmatch(rb"[0-9]{1,9}", value), f"{key.decode()} is no number")
    return int(value or b"0")


def _check_tree(text: bytes, number: int, columns: int) -> None:
    """Check that a tree agrees with itself.

    Raises:
        Disagreement: the tree disagrees with itself.
    """
    first, *lines = text.split(b"\n")
    hold(first == b"Tree=%d" % number, "it does not begin where the head says")
    body = lines[: lines.index(b"")] if b"" in lines else lines
    hold(b"" in lines and not any(lines[len(body) :]), "it does not end where the head says")
    hold(len(body) <= MAX_LINES, f"it has more than {MAX_LINES} lines")
    fields: dict[bytes, bytes] = {}
    for line in body:
        match = _LINE.fullmatch(line)
        hold(match is not None and match[1] not in fields, "a line is damaged")
        if match is not None:
            fields[match[1]] = match[2]
    leaves = int(_wholes(fields, b"num_leaves", 1)[0])
    hold(leaves >= 1, "num_leaves is below 1")
    linear = bool(_wholes(fields, b"is_linear", 1)[0]) if b"is_linear" in fields else False
    _numbers(fields, b"leaf_value", leaves)
    _wholes(fields, b"num_cat", 1)
    if b"shrinkage" in fields:
        _numbers(fields, b"shrinkage", 1)
    for name in _BESIDE:
        if name in fields and (leaves > 1 or linear):
            _numbers(fields, name, leaves if name.startswith(b"leaf") else leaves - 1)
    if linear:
        _check_lines(fields, leaves, columns)
    if leaves > 1:
        _check_splits(fields, leaves, columns)


def _check_splits(fields: dict[bytes, bytes], leaves: int, columns: int) -> None:
    splits = leaves - 1
    children = np.concatenate([_wholes(fields, name, splits) for name in (b"left_child", b"right_child")])
    expected = np.concatenate([np.arange(-leaves, 0), np.arange(1, splits)])
    hold(np.array_equal(np.sort(children), expected), "its children are not each split and each leaf once")
    within(_wholes(fields, b"split_feature", splits), columns, "a column of a split")
    thresholds = _numbers(fields, b"threshold", splits)
    decisions = _wholes(fields, b"decision_type", splits) if b"decision_type" in fields else np.zeros(splits, int)
    within(decisions, _DECISIONS, "the kind of a split")
    categories = int(_wholes(fields, b"num_cat", 1)[0])
    hold(0 <= categories <= splits, "num_cat is none of its splits")
    of_categories = thresholds[(decisions & _OF_CATEGORIES).astype(bool)]
    hold(bool((of_categories == np.floor(of_categories)).all()), "the list of a split's categories is no number")
    within(of_categories, categories, "the list of a split's categories")
    if categories:
        bounds = _wholes(fields, b"cat_boundaries", categories + 1)
        hold(bounds[0] == 0 and (np.diff(bounds) >= 0).all(), "its lists of categories do not follow each other")
        words = fields.get(b"cat_threshold", b"").split()
        hold(len(words) == bounds[-1], "its lists of categories are shorter than they say")
        hold(
            all(re.fullmatch(rb"[0-9]{1,10}", word) and int(word) < 1 << 32 for word in words),
            "a category is no number",
        )


def _check_lines(fields: dict[bytes, bytes], leaves: int, columns: int) -> None:
    """Check that the linear models of leaves agree."""
    _numbers(fields, b"leaf_const", leaves)
    counts = _wholes(fields, b"num_features", leaves)
    hold(bool((counts >= 0).all()), "a leaf has fewer columns than none")
    total = int(counts.sum())
    within(_wholes(fields, b"leaf_features", total), columns, "a column of a leaf")
    _numbers(fields, b"leaf_coeff", total)


def _wholes(fields: dict[bytes, bytes], key: bytes, count: int) -> NDArray[np.int64]:
    return np.fromiter(map(int, _values(fields, key, count, _WHOLES, "whole numbers")), np.int64, count)


def _numbers(fields: dict[bytes, bytes], key: bytes, count: int) -> NDArray[np.float64]:
    return np.fromiter(map(float, _values(fields, key, count, _NUMBERS, "numbers")), np.float64, count)


def _values(fields: dict[bytes, bytes], key: bytes, count: int, pattern: re.Pattern[bytes], what: str) -> list[bytes]:
    text = fields.get(key, b"")
    values = text.split()
    if len(values) != count or not pattern.fullmatch(text):
        raise Disagreement(f"{key.decode()} are not {count} {what}")
    return values
