"""Both images, that of an example on top of the server's, and the one that holds a pod's namespaces, as archives for containerd."""

import tomllib
from pathlib import Path

from e2e import base
from e2e.builder import Builder
from e2e.place import CACHE, IMAGES, ROOT
from sandbox.binaries.progress import Progress

NAMES = ("operator", "server")
PAUSE = "localhost/pause:1"
OWN_IMAGE = ROOT / "examples" / "own_image"
OWN = f"{IMAGES}/churn-server:1"
"""The image of that example."""


def version() -> str:
    """The release of this checkout, which the images carry as their tag."""
    version: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return version


def image(name: str) -> str:
    """The whole name of the image "operator" or "server"."""
    return f"{IMAGES}/{name}:{version()}"


def build(folder: Path, progress: Progress) -> list[Path]:
    """Build all by `make image` and write them into `folder`; the archives.

    Raises:
        E2eError: a build failed.
    """
    builder = Builder(CACHE)
    stand_on = base.locate(builder, progress)
    progress.say(f"make image BUILDER=buildah BASE_IMAGE={stand_on}")
    builder.run(
        ["make", "--no-print-directory", "-C", str(ROOT), "image"],
        environment={"BUILDER": builder.command, "BASE_IMAGE": stand_on, "IMAGES": IMAGES},
    )
    builder.build(f'FROM {stand_on}\nENTRYPOINT ["sleep", "infinity"]\n', PAUSE, folder)
    builder.run(
        [*builder.command.split(), "build", "-q", "-t", OWN, "--build-arg", f"SERVER={image('server')}", str(OWN_IMAGE)]
    )
    sizes = builder.sizes()
    for name in NAMES:
        progress.say(f"{image(name)}: {sizes[image(name)]}, of which {sizes.get(stand_on, 'unknown')} are its base")
    progress.say(f"{OWN}: {sizes[OWN]}, with its package on top of the server's image")
    archives = []
    for number, built in enumerate((PAUSE, *map(image, NAMES), OWN)):
        archives.append(folder / f"{number}.tar")
        builder.export(built, archives[-1])
    return archives
