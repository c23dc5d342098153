"""Image names of the sandbox: each stands for a command of this checkout."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.errors import SandboxError

# By one name, however it was called: the node begins as a fork what it knows as the server's command. The program itself stays a
# link, by which Python finds its environment. -P: the working directory of a pod must not shadow a package.
PYTHON = [str(Path(sys.executable).parent.resolve() / Path(sys.executable).name), "-P"]
# As in an image that holds this environment: `python`, `modelway` and `modelway-server` are commands there.
ENVIRONMENT = {"PATH": f"{Path(PYTHON[0]).parent}:/usr/local/bin:/usr/bin:/bin"}
# No pod has a share of the processors here, so whoever gives way to all others would hardly ever work.
SERVERS_ENVIRONMENT = ENVIRONMENT | {"MODELWAY_COPIES": "usual"}
SERVER = [*PYTHON, "-m", "modelway_server"]
OWN_IMAGE = Path(__file__).resolve().parents[2] / "examples" / "own_image"
DEFAULT_IMAGES: dict[str, dict[str, Any]] = {
    "modelway/operator": {"entrypoint": [*PYTHON, "-m", "modelway"], "env": ENVIRONMENT},
    "modelway/server": {
        "entrypoint": SERVER,
        "env": SERVERS_ENVIRONMENT
        | {"MODELWAY_TRUSTED_TYPES": "support.*"},  # an image trusts what it holds beside our own
    },
    "modelway/churn-server": {
        "entrypoint": SERVER,
        "env": SERVERS_ENVIRONMENT | {"PYTHONPATH": str(OWN_IMAGE)},
        "tags": ["1"],
    },
    "sandbox/hollow": {"hollow": True},
    "sandbox/python": {"entrypoint": PYTHON, "env": ENVIRONMENT},
}


def image_map(extra: Path | None) -> dict[str, dict[str, Any]]:
    """The images of this checkout, and over them those of the JSON file `extra`.

    The file maps a name (`shop/store`, or `shop/store:2` for one tag alone) to `{"entrypoint": [...], "env": {...},
    "tags": [...]}`; `env` and `tags` may be left out. In place of a command, `{"hollow": true}` makes pods that are Ready
    without a process, or that have ended well where their restart policy lets them; `"messages": {...}` holds the
    termination message of a container by its name. And `{"forbidden": true}` an image whose registry asks for credentials that nobody has.

    Raises:
        SandboxError: the file is not such a map.
    """
    if extra is None:
        return dict(DEFAULT_IMAGES)
    try:
        content = json.loads(extra.read_text())
    except (OSError, ValueError) as error:
        raise SandboxError(f"--images {extra}: cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise SandboxError(f"--images {extra}: must be an object that maps image names, not {type(content).__name__}")
    for name, image in content.items():
        _check(extra, name, image)
    return {**DEFAULT_IMAGES, **content}


def _check(extra: Path, name: str, image: object) -> None:
    entrypoint = image.get("entrypoint") if isinstance(image, Mapping) else None
    if isinstance(image, Mapping) and (image.get("hollow") or image.get("forbidden")) is True and entrypoint is None:
        return
    if not (isinstance(entrypoint, list) and entrypoint and all(isinstance(word, str) for word in entrypoint)):
        raise SandboxError(
            f'--images {extra}: {name}: "entrypoint" must be a list of words (the command), not {entrypoint!r}'
        )
