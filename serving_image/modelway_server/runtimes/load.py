"""Load a model: find its format, judge its file, and have the format's own loader open it."""

from pathlib import Path

from modelway_server.errors import InvalidArtifact, UnsupportedModel
from modelway_server.runtimes.base import Runtime
from modelway_server.runtimes.formats import FORMATS, Format, Options
from modelway_server.runtimes.plugins import find_plugin, plugin_names
from modelway_server.runtimes.recognise import model_files, recognise
from modelway_server.runtimes.trust import trust


def load_runtime(path: Path, *, format: str, method: str, trusted_types: tuple[str, ...] = ()) -> Runtime:  # noqa: A002  (the setting's own name)
    """The model in a file or folder.

    Args:
        path: the model's file or folder.
        format: its format, or `auto` to recognise it; another one than the bytes show is refused.
        method: the method that answers by default, or `auto`.
        trusted_types: see `Options`.

    Raises:
        LoadFailure: there is no model, or not one that can be served.
    """
    options = Options(method, trusted_types)
    plugin = find_plugin(path, format)
    if plugin is not None:
        return plugin.load(path, options)
    own = _find_format(path, format)
    if not own.is_folder and path.is_dir():
        path = _only_file(path)
    own.check(path, trust(trusted_types))
    return own.load(path, options)


def _find_format(path: Path, wanted: str) -> Format:
    """The format of ours that loads a file or folder.

    Raises:
        UnsupportedModel: there is no format of that name.
        InvalidArtifact: the file is of another format, or of none.
    """
    if wanted not in {"auto", *FORMATS}:
        names = ", ".join(("auto", *FORMATS, *plugin_names()))
        raise UnsupportedModel(
            f"this server has no format {wanted!r}",
            remedy=f"Set spec.model.format to one of {names}, or run an image with a package that adds it.",
        )
    format_name = recognise(path)
    if format_name is None and wanted == "auto":
        known = ", ".join(each.title for each in FORMATS.values())
        raise InvalidArtifact(f"{path.name} is no model that is known: its bytes are none of {known}")
    if format_name is not None and wanted not in {"auto", format_name}:
        raise InvalidArtifact(
            f"{path.name} is a model of {FORMATS[format_name].title}, and spec.model.format says {wanted} ({FORMATS[wanted].title})",
            remedy=f"Set spec.model.format to {format_name} or auto, or upload the model that was meant.",
        )
    return FORMATS[format_name or wanted]


def _only_file(folder: Path) -> Path:
    files = model_files(folder)
    if len(files) != 1:
        raise InvalidArtifact(
            f"{folder.name} is a folder that holds {len(files)} models",
            remedy="Keep one model in the folder, or name its file in spec.model.uri.",
        )
    return files[0]
