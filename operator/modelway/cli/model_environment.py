"""Make the environment of a process that runs a model on this machine: what Python and its libraries need, and no secret."""

from collections.abc import Mapping
from pathlib import Path

_NAMES = frozenset(
    {"CUDA_VISIBLE_DEVICES", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "PATH", "SYSTEMROOT", "TZ", "VIRTUAL_ENV"}
)
_PREFIXES = (
    "BLIS_",
    "GOMP_",
    "KMP_",
    "LC_",
    "MKL_",
    "MODELWAY_",
    "NUMEXPR_",
    "OMP_",
    "OPENBLAS_",
    "ORT_",
    "OTEL_",
    "PYTHON",
    "TF_",
)
_SECRETS = frozenset({"MODELWAY_HTTP_TOKEN"})


def model_environment(environ: Mapping[str, str], directory: Path) -> dict[str, str]:
    """What a model's process gets of the caller's environment, with a home and a folder for temporary files of its own.

    Args:
        environ: of the caller, who has credentials in it, and a home folder full of them.
        directory: holds both folders, which are made.
    """
    own = {"HOME": directory / "home", "TMPDIR": directory / "tmp"}
    for folder in own.values():
        folder.mkdir(exist_ok=True)
    variables = {name: value for name, value in environ.items() if _is_kept(name)}
    return variables | {name: str(folder) for name, folder in own.items()}


def _is_kept(name: str) -> bool:
    return name not in _SECRETS and (name in _NAMES or name.startswith(_PREFIXES))
