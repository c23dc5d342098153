"""Formats that packages in a user's image add.

A package adds a format by an entry point of the group `modelway.runtimes`. Its name is the format's; it leads to an
object (a module will do) that is a `Plugin`. It is asked before our own formats, so that it may also take over files of
a format of ours that hold a class of its own.
"""

from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol, cast

from modelway_server.errors import LoadFailed, LoadFailure, describe
from modelway_server.runtimes.base import Runtime
from modelway_server.runtimes.formats import Options

GROUP = "modelway.runtimes"
"""Entry points of this group add formats."""


class Plugin(Protocol):
    """A format that a package adds."""

    def recognises(self, path: Path) -> bool:
        """Whether the file or folder is of this format, told from its bytes; quick, and nothing is loaded."""

    def load(self, path: Path, options: Options) -> Runtime:
        """The model in a file or folder.

        Raises:
            LoadFailure: it is none, or not one that can be served.
        """


def plugin_names() -> tuple[str, ...]:
    """The names of the formats that packages add."""
    return tuple(point.name for point in entry_points(group=GROUP))


def find_plugin(path: Path, wanted: str) -> Plugin | None:
    """The added format that loads a file or folder; None where none does.

    Args:
        path: the model's file or folder.
        wanted: the format's name, or `auto` for any that recognises it.

    Raises:
        LoadFailed: an entry point cannot be imported, or is no format.
    """
    for point in sorted(entry_points(group=GROUP)):
        if wanted not in {"auto", point.name}:
            continue
        plugin = _import(point)
        if wanted == point.name or plugin.recognises(path):
            return plugin
    return None


def _import(point: EntryPoint) -> Plugin:
    """What an entry point leads to.

    Raises:
        LoadFailed: it cannot be imported, or is no format.
    """
    try:
        plugin = point.load()
        if callable(plugin.recognises) and callable(plugin.load):
            return cast("Plugin", plugin)
        reason = "recognises and load must be functions"
    except LoadFailure:
        raise
    except Exception as error:  # noqa: BLE001  (the package's own code)
        reason = describe(error)
    raise LoadFailed(
        f"the entry point {point.name!r} of {GROUP} ({point.value}) adds no format: {reason}",
        remedy="Fix that package in the image of spec.runtime.image, or remove it.",
    )
