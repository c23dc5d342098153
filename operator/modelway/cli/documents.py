"""Read YAML and JSON files as kubectl does: every document as JSON, with the line of each of its parts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

from modelway.cli.scalars import MERGE, NULL, Resolver, value_of
from modelway.errors import ModelwayError

_MOST_VALUES = 200_000
"""Values in one document with its aliases followed; a few lines of aliases of aliases would otherwise be billions."""


class UnreadableFile(ModelwayError):
    """What was given is not YAML or JSON.

    Attributes:
        source: the file's name as given, `<stdin>` for standard input.
        line: where reading ended, from 1.
        problem: what is wrong there.
    """

    def __init__(self, source: str, line: int, problem: str) -> None:
        self.source, self.line, self.problem = source, line, problem
        super().__init__(f"{source}:{line}: {problem}")


@dataclass(frozen=True)
class Document:
    """One object of a file.

    Attributes:
        source: the file's name as given, `<stdin>` for standard input.
        node: the object with the position of each of its parts.
        value: the object as JSON.
        twice: each key that stands twice in one mapping, with its line.
    """

    source: str
    node: yaml.Node = field(repr=False)
    value: Any
    twice: tuple[tuple[str, int], ...] = ()

    def line(self, path: str = "") -> int:
        """The line, from 1, of a field given as a path (`spec.runtime.env[0].name`), or of the nearest parent that is there."""
        node, line = self.node, self.node.start_mark.line
        while path:
            step, rest, below = _step(node, path)
            if below is None:
                break
            # A block begins on the line after its key: the key is what a reader looks for.
            line = step.start_mark.line
            node, path = below, rest
        return int(line) + 1


def documents(source: str, data: bytes) -> Iterator[Document]:
    """The documents of a file, each item of a List on its own; empty documents are passed over.

    Raises:
        UnreadableFile: from the first place on that cannot be read; what comes before it has been given out.
    """
    try:
        for node in _nodes(data):
            conversion = _Conversion()
            value = conversion.convert(node)
            if value is not None:
                yield from _items(Document(source, node, value, tuple(conversion.twice)))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise UnreadableFile(source, mark.line + 1 if mark else 1, f"is not YAML: {_detail(error, data)}") from error
    except yaml.YAMLError as error:
        raise UnreadableFile(source, _line_of(error, data), f"is not YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise UnreadableFile(source, 1, "is nested too deeply: write it with fewer levels") from error


class _Loader(Reader, Scanner, Parser, Composer, Resolver):
    """PyYAML's reader up to nodes, with kubectl's idea of scalars."""

    def __init__(self, data: bytes | str) -> None:
        Reader.__init__(self, data)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        Resolver.__init__(self)


def _nodes(data: bytes) -> Iterator[yaml.Node]:
    # JSON may be indented with tabs, which YAML forbids; inside JSON's texts there are none.
    is_json = data.lstrip().startswith(b"{")
    loader = _Loader(data.replace(b"\t", b" ") if is_json else data)
    while loader.check_node():
        if (node := loader.get_node()) is not None:
            yield node


class _Conversion:
    """Nodes to JSON values, with a bound on how many."""

    def __init__(self) -> None:
        self.twice: list[tuple[str, int]] = []
        self._left = _MOST_VALUES
        self._inside: set[int] = set()

    def convert(self, node: yaml.Node) -> Any:
        self._left -= 1
        if self._left < 0:
            raise _problem(node, f"holds more than {_MOST_VALUES} values once its aliases are followed")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if id(node) in self._inside:
            raise _problem(node, "an anchor holds an alias of itself")
        self._inside.add(id(node))
        try:
            return (
                [self.convert(item) for item in node.value]
                if isinstance(node, yaml.SequenceNode)
                else self._mapping(node)
            )
        finally:
            self._inside.discard(id(node))

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        try:
            return value_of(node.tag, node.value)
        except (ValueError, OverflowError) as error:
            raise _problem(node, str(error)) from error

    def _mapping(self, node: yaml.Node) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        own: set[str] = set()
        for key_node, value_node in node.value:
            if key_node.tag == MERGE:
                mapping |= self._merge(value_node)  # in the order of the file, as kubectl does it
                continue
            key = self._key(key_node)
            if key in own:
                self.twice.append((key, key_node.start_mark.line + 1))
            own.add(key)
            mapping[key] = self.convert(value_node)
        return mapping

    def _merge(self, node: yaml.Node) -> dict[str, Any]:
        converted = self.convert(node)
        parts = converted if isinstance(converted, list) else [converted]
        if not all(isinstance(part, dict) for part in parts):
            raise _problem(node, "<< takes a mapping, or a list of mappings")
        return {key: value for part in reversed(parts) for key, value in part.items()}

    def _key(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.tag == NULL:
            raise _problem(node, "a key must be text: put it in quotes")
        key = self._scalar(node)
        return key if isinstance(key, str) else str(key).lower() if isinstance(key, bool) else f"{key}"


def _problem(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _items(document: Document) -> Iterator[Document]:
    """A List as its items, as kubectl takes it apart."""
    value = document.value
    if (
        not isinstance(value, dict)
        or not str(value.get("kind", "")).endswith("List")
        or not isinstance(value.get("items"), list)
    ):
        yield document
        return
    items = _child(document.node, "items")
    nodes = items[1].value if items is not None else []
    twice = document.twice
    for node, item in zip(nodes, value["items"], strict=True):
        yield Document(document.source, node, item, twice)
        twice = ()  # told once


def _step(node: yaml.Node, path: str) -> tuple[yaml.Node, str, yaml.Node | None]:
    """One step down: where it begins, the rest of the path, and what lies there; keys may hold dots, so the longest one wins."""
    if isinstance(node, yaml.SequenceNode):
        subscript = re.match(r"\[(\d+)\]\.?", path)
        if subscript is None or int(subscript[1]) >= len(node.value):
            return node, path, None
        item = node.value[int(subscript[1])]
        return item, path[subscript.end() :], item
    names = [path[: match.start()] for match in re.finditer(r"\.|\[|$", path)]
    for name in reversed(names):
        below = _child(node, name)
        if below is not None:
            return below[0], path[len(name) :].removeprefix("."), below[1]
    return node, path, None


def _child(node: yaml.Node, name: str) -> tuple[yaml.Node, yaml.Node] | None:
    """The key and the value of a name in a mapping, also where it is merged into it; the last one where it stands twice."""
    if not isinstance(node, yaml.MappingNode):
        return None
    own = [(key, value) for key, value in node.value if key.value == name and key.tag != MERGE]
    if own:
        return own[-1]
    for key, value in node.value:
        if key.tag == MERGE:
            parts = value.value if isinstance(value, yaml.SequenceNode) else [value]
            child = next((hit for part in parts if (hit := _child(part, name)) is not None), None)
            if child is not None:
                return child
    return None


def _detail(error: yaml.MarkedYAMLError, data: bytes) -> str:
    detail = ", ".join(part for part in (error.context, error.problem) if part)
    if b"{{" in data:
        return f"{detail}: a template is YAML only once it is rendered, for example by helm template"
    if "'\\t'" in detail:
        return f"{detail}: indent with spaces, not with tabs"
    return detail


def _line_of(error: yaml.YAMLError, data: bytes) -> int:
    position = getattr(error, "position", 0)
    return data[:position].count(b"\n") + 1 if isinstance(position, int) else 1
