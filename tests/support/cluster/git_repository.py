"""A git repository on this machine, for programs that run a cluster from one."""

import shutil
import subprocess
from pathlib import Path

import yaml


def missing() -> str:
    """Why there can be no repository on this machine; empty when it can."""
    return "" if shutil.which("git") else "git is not installed, and Argo CD reads its repositories by it"


class Repository:
    """A repository in a folder, which is made here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"file://{folder}"
        folder.mkdir()
        self._git("init", "--quiet", "--initial-branch=main")

    def write(self, path: str, content: object) -> None:
        """Put a file there: text, or an object as YAML; None removes it. `commit` makes it count."""
        file = self.folder / path
        if content is None:
            file.unlink()
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))

    def commit(self) -> str:
        """Everything as it lies there; the revision."""
        self._git("add", "--all")
        author = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
        self._git(*author, "commit", "--quiet", "--allow-empty", "--message=change")
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *arguments: str) -> str:
        process = subprocess.run(
            ["git", "-C", str(self.folder), *arguments], capture_output=True, text=True, check=False
        )
        assert process.returncode == 0, process.stderr
        return process.stdout
