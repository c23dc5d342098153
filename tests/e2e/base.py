"""What the images stand on: the public Python image where a registry gives it, else the packages of this machine's own system."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from e2e import machine
from e2e.builder import Builder
from e2e.errors import E2eError
from e2e.place import ROOT
from sandbox.binaries.progress import Progress

PACKAGES = ("ca-certificates", "python3", "python3-venv")
COMPONENTS = {"debian": "main", "ubuntu": "main,universe"}
# Left out of the image: what only installs packages, and what only people read.
PRUNED = (
    "var/cache/apt",
    "var/lib/apt/lists",
    "var/log",
    "usr/share/doc",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/man",
)


def locate(builder: Builder, progress: Progress) -> str:
    """The base image: $BASE_IMAGE, else the Dockerfiles' own where it can be pulled, else one made here once.

    Raises:
        E2eError: it can be had in no way.
    """
    chosen, image = os.environ.get("BASE_IMAGE"), f"localhost/modelway-base:{machine.release()['VERSION_CODENAME']}"
    if chosen or builder.has(image):
        return chosen or image
    public = default_base()
    if builder.pull(public):
        return public
    progress.say(f"no registry gives {public}: making a base image by debootstrap, once (a minute)")
    _make(image, builder)
    return image


def default_base() -> str:
    """The base image that the Dockerfiles name."""
    names = {
        match.group(1)
        for file in ("operator/Dockerfile", "serving_image/Dockerfile")
        if (match := re.search(r"^ARG BASE_IMAGE=(\S+)$", (ROOT / file).read_text(), re.MULTILINE))
    }
    if len(names) != 1:
        raise E2eError(f"both Dockerfiles must name the same base image by ARG BASE_IMAGE=, and name {sorted(names)}")
    return names.pop()


def _make(tag: str, builder: Builder) -> None:
    system = machine.release()
    with tempfile.TemporaryDirectory(prefix="modelway-base-") as name:
        folder = Path(name)
        tree = folder / "tree"
        command = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
        command += [f"--components={COMPONENTS[system['ID']]}", system["VERSION_CODENAME"], str(tree), _mirror()]
        builder.run(command)
        for path in PRUNED:
            shutil.rmtree(tree / path)
            (tree / path).mkdir()
        builder.run(["tar", "--create", "--file", str(folder / "base.tar"), "--directory", str(tree), "."])
        shutil.rmtree(tree)
        builder.build("FROM scratch\nADD base.tar /\n", tag, folder)


def _mirror() -> str:
    """Where this machine's own apt finds the packages of its release."""
    codename = machine.release()["VERSION_CODENAME"]
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", f"Codename: {codename}"]
    ids = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    if not ids:
        raise E2eError(
            f"apt names no package source for {codename}: `apt-get update` once, or set BASE_IMAGE to an image with Python 3.11 or newer"
        )
    return ids[0]
