"""Both images and the one that holds a pod's namespaces, built and written as archives that containerd imports."""

import tomllib
from pathlib import Path

from e2e import base
from e2e.builder import Builder
from e2e.place import CACHE, IMAGES, ROOT
from sandbox.binaries.progress import Progress

NAMES = ("operator", "server")
PAUSE = "localhost/pause:1"


def version() -> str:
    """The release of this checkout, which the images carry as their tag."""
    found: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return found


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
    sizes = builder.sizes()
    for name in NAMES:
        progress.say(f"{image(name)}: {sizes[image(name)]}, of which {sizes.get(stand_on, 'unknown')} are its base")
    archives = []
    for number, built in enumerate((PAUSE, *map(image, NAMES))):
        archives.append(folder / f"{number}.tar")
        builder.export(built, archives[-1])
    return archives
