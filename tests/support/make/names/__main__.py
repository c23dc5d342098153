"""The lists of names that model files may use, runtimes/pickle/names/*.txt, made from what real models name.

`python -m support.make.names` asks the libraries of every supported version, in environments that uv makes of the newest
releases, and writes the union; it takes some minutes. `--check` asks the locked libraries alone whether they name
something that is not listed; what they name is remembered while they and the code that asks stay the same.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from modelway_server.runtimes import pickle as reader
from support.make.names.memory import remember

FOLDER = Path(reader.__file__).parent / "names"
TESTS = Path(__file__).resolve().parents[3]
ENVIRONMENTS: Mapping[str, tuple[str, ...]] = {
    "3.11": (
        "scikit-learn==1.7.*",
        "numpy==2.2.*",
        "pandas==2.3.*",
        "scipy==1.15.*",
        "xgboost-cpu==3.0.*",
        "lightgbm==4.6.*",
    ),
    "3.12": ("scikit-learn==1.8.*", "numpy==2.3.*", "pandas==3.0.*", "scipy", "xgboost-cpu", "lightgbm"),
    "3.13": ("scikit-learn==1.9.*", "numpy", "pandas", "scipy", "xgboost-cpu", "lightgbm"),
}
"""For each Python, what is installed beside joblib and skops: the oldest supported, one between, the newest."""
_PYTHON = {"_codecs", "builtins", "collections", "datetime", "decimal", "fractions", "functools", "operator", "re"}
_PYTHON |= {"types", "uuid", "zoneinfo"}
_HEADER = """\
# Names that model files may use; made by `make names`, one line each: KIND module.Name
#   class     instances are made while a file is loaded, and get a state
#   type      held as data, or the argument of a rebuilder that makes the instance; never made an instance of by the file
#   rebuild   called while a file is loaded, with the arguments that its library writes
#   function  held as data, and called when a model is asked; never while a file is loaded
"""


def collect() -> set[str]:
    """The lines that the libraries of all environments give."""
    lines: set[str] = set()
    for version, packages in ENVIRONMENTS.items():
        sys.stderr.write(f"asking {' '.join(packages)} on Python {version}\n")
        with tempfile.TemporaryDirectory() as folder:
            python, file = Path(folder) / "environment" / "bin" / "python", Path(folder) / "lines"
            _run("uv", "venv", "--quiet", "--python", _python(version), str(python.parents[1]))
            _run("uv", "pip", "install", "--quiet", "--python", str(python), "joblib", "skops", *packages)
            _run(str(python), "-m", "support.make.names.collected", str(file))
            lines |= set(file.read_text().splitlines())
    return lines


def files(lines: Iterable[str]) -> dict[Path, str]:
    """The lists as they should be."""
    parts: dict[str, list[str]] = defaultdict(list)
    for line in sorted(lines, key=lambda line: line.split()[::-1]):
        parts[_part(line.split()[1].partition(".")[0])].append(line)
    return {FOLDER / f"{part}.txt": _HEADER + "\n".join(names_of_part) + "\n" for part, names_of_part in parts.items()}


def read_lists() -> set[str]:
    """The lines that the lists hold."""
    return {line for path in FOLDER.glob("*.txt") for line in path.read_text().splitlines() if not line.startswith("#")}


def _lines() -> set[str]:
    from support.make.names.collected import lines  # noqa: PLC0415  (it imports every library)

    return lines(variants=False)


def _part(package: str) -> str:
    if package in _PYTHON:
        return "python"
    return {"dateutil": "pandas", "pytz": "pandas"}.get(package, package)


def _python(version: str) -> str:
    """The program of that version, where this machine has one that runs."""
    candidates: tuple[Any, ...] = (
        shutil.which(f"python{version}"),
        *Path.home().glob(f".pyenv/versions/{version}.*/bin/python"),
    )
    for candidate in filter(None, candidates):
        if subprocess.run([candidate, "-V"], check=False, capture_output=True).returncode == 0:
            return str(candidate)
    return version


def _run(*command: str) -> None:
    program = [sys.executable, "-m", "uv", *command[1:]] if command[0] == "uv" else list(command)
    subprocess.run(program, check=True, cwd=TESTS, stdout=subprocess.DEVNULL)


def main() -> int:
    """Write the lists, or name with `--check` what they lack; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m support.make.names", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a list lacks a name")
    if parser.parse_args().check:
        missing = sorted(remember("names", _lines) - read_lists())
        sys.stderr.writelines(f"{line} is named by models and not listed: run `make names`\n" for line in missing)
        return 1 if missing else 0
    for path, text in files(collect()).items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
