"""Images, built by buildah into a storage of their own whose layers the next build uses again."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from e2e.errors import E2eError
from e2e.machine import overlay_works

PULL_SECONDS = 60


class Builder:
    """Builds into `folder`; every command runs in a mount namespace of its own, so that a killed one leaves no mount."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        # No container runtime is needed to build, and none of its networks.
        self._environment = {
            "BUILDAH_ISOLATION": "chroot",
            "BUILDAH_LAYERS": "true",
            "STORAGE_DRIVER": "overlay" if overlay_works(folder) else "vfs",
        }

    @property
    def command(self) -> str:
        """The command that `make image` takes as its BUILDER."""
        return f"buildah --root {self._folder / 'storage'} --runroot {self._folder / 'storage-run'}"

    def has(self, image: str) -> bool:
        """Whether the image is in the storage."""
        return self._run([*self.command.split(), "inspect", "--type", "image", image]).returncode == 0

    def pull(self, image: str) -> bool:
        """Whether a registry that this machine is set up for gave the image, or had given it before."""
        try:
            return self._run([*self.command.split(), "pull", "-q", image], timeout=PULL_SECONDS).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def build(self, file: str, tag: str, context: Path) -> None:
        """Build a file's text in a folder.

        Raises:
            E2eError: the build failed.
        """
        self.run([*self.command.split(), "build", "-q", "-t", tag, "-f", "-", str(context)], text=file)

    def export(self, image: str, archive: Path) -> None:
        """Write an image as an archive that containerd imports under the same name."""
        self.run([*self.command.split(), "push", "-q", image, f"docker-archive:{archive}:{image}"])

    def sizes(self) -> dict[str, str]:
        """Every named image and the size of its files."""
        listed = json.loads(self.run([*self.command.split(), "images", "--json"]) or "[]")
        return {name: image["size"] for image in listed for name in image["names"] or ()}

    def run(self, command: Sequence[str], *, text: str = "", environment: Mapping[str, str] | None = None) -> str:
        """Run a command with this builder's settings; its output.

        Raises:
            E2eError: it failed; its last words.
        """
        process = self._run(command, text=text, environment=environment)
        if process.returncode != 0:
            lines = (process.stdout + process.stderr).strip().splitlines()[-25:]
            raise E2eError(f"{' '.join(command)[:120]} failed:\n" + "\n".join(lines))
        return process.stdout

    def _run(
        self,
        command: Sequence[str],
        *,
        text: str = "",
        environment: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["unshare", "--mount", "--propagation", "private", *command],
            input=text,
            env={**os.environ, **self._environment, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
