"""What the visitor sees: numbered chapters, steps with the time they took, commands to type."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.status import Status


class Step:
    """A step that is under way; `note` changes what is shown beside it."""

    def __init__(self, title: str, status: Status) -> None:
        self._title = title
        self._status = status
        self.noted = ""
        """What was shown last."""
        self.result = ""
        """What the finished line says behind the title."""

    def note(self, text: str) -> None:
        """Show how far it is."""
        self.noted = text
        self._status.update(f"{escape(self._title)} [dim]{escape(text)}[/dim]")


class Narrator:
    """Tells the demo on a terminal, and in plain lines where the output is no terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._chapter = 0

    def chapter(self, title: str) -> None:
        """A heading."""
        self._chapter += 1
        self._console.print(f"\n[bold cyan]{self._chapter}. {escape(title)}[/bold cyan]")

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Something that takes time: shown while it runs, with its duration once it is done or failed."""
        began = time.monotonic()
        with self._console.status(escape(title)) as status:
            step = Step(title, status)
            try:
                yield step
            except BaseException:
                self._finish("[red]failed[/red]", title, began, step.result)
                raise
        self._finish("[green]ok[/green]", title, began, step.result)

    def say(self, text: str) -> None:
        """A plain line."""
        self._console.print(f"   {escape(text)}")

    def command(self, text: str) -> None:
        """A command that the visitor can type."""
        self._console.print(f"   [yellow]$ {escape(text)}[/yellow]")

    def verdict(self, text: str, *, good: bool) -> None:
        """The last line."""
        colour = "green" if good else "red"
        self._console.print(f"\n[bold {colour}]{escape(text)}[/bold {colour}]")

    def _finish(self, mark: str, title: str, began: float, result: str) -> None:
        behind = f": {result}" if result else ""
        self._console.print(f"   {mark} {escape(title + behind)} [dim]({time.monotonic() - began:.1f} s)[/dim]")
