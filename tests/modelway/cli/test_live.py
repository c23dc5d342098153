"""`modelway status --watch`: one text in its place on a terminal, each change once in a pipe, an end in time."""

import asyncio
import io
from collections.abc import Sequence
from typing import Any

import pytest

from modelway.cli import live
from modelway.cli.screen import Screen
from modelway.cluster.snapshot import Object
from modelway.errors import ModelwayError, NoCluster

SIZE = (20, 10)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def visible(written: str) -> list[str]:
    """What a terminal of `SIZE` shows after all that was written to it."""
    rows, row, column = [""], 0, 0
    written = written.replace("\r", "")
    while written:
        if written.startswith("\x1b["):
            end = next(place for place, one in enumerate(written) if one.isalpha())
            number, order, written = written[2:end], written[end], written[end + 1 :]
            if order == "A":
                row, column = max(row - int(number), 0), 0
            else:
                rows[row:] = [rows[row][:column]]
            continue
        one, written = written[0], written[1:]
        if one == "\n" or column == SIZE[0]:
            row, column = row + 1, 0
            rows += [""] * (row + 1 - len(rows))
        if one != "\n":
            rows[row] = f"{rows[row][:column]}{one}"
            column += 1
    return rows


def test_a_terminal_shows_the_last_text_alone() -> None:
    stream = Terminal()
    screen = Screen(stream, size=lambda: SIZE)
    for text in ("NAME\nfraud 5%\nlong " + "x" * 50, "NAME\nfraud 25%", "NAME\nfraud 50%\nmore"):
        screen.show(text, text)
    assert visible(stream.getvalue()) == ["NAME", "fraud 50%", "more", ""]


def test_a_text_longer_than_the_terminal_is_cut() -> None:
    stream = Terminal()
    screen = Screen(stream, size=lambda: SIZE)
    for number in range(3):
        screen.show("\n".join(f"{number}.{line}" for line in range(30)), number)
    assert visible(stream.getvalue())[0] == "2.0"
    assert visible(stream.getvalue())[-2:] == ["...", ""]
    assert len(visible(stream.getvalue())) <= SIZE[1]


def test_a_pipe_gets_each_version_once() -> None:
    stream = io.StringIO()
    screen = Screen(stream)
    for text, version in (("5s ago", 1), ("6s ago", 1), ("7s ago", 2)):
        screen.show(text, version)
    assert stream.getvalue() == "5s ago\n7s ago\n"


def follow(answers: list[Any], **options: Any) -> list[tuple[Any, str]]:
    """What is shown of these answers, of which exceptions are raised; the last one ends it."""
    shown: list[tuple[Any, str]] = []

    async def read() -> Sequence[Object]:
        if not answers:
            await asyncio.Event().wait()
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return [answer]

    def show(resources: Sequence[Object], trouble: str) -> None:
        shown.append((resources[0], trouble))

    asyncio.run(live.follow(read, show, every=0.001, seconds=options.get("seconds", 0.2)))
    return shown


def test_a_watch_ends_in_time() -> None:
    assert [one for one, _ in follow([1, 2])] == [1, 2]


def test_a_watch_goes_on_after_an_outage() -> None:
    assert follow([1, NoCluster("it is away"), 2]) == [(1, ""), (1, "This is how it was: it is away"), (2, "")]


@pytest.mark.parametrize("answers", [[NoCluster("it is away")], [1, ModelwayError("it was deleted")]])
def test_a_watch_ends_where_there_is_nothing_to_see(answers: list[Any]) -> None:
    with pytest.raises(ModelwayError):
        follow(answers)
