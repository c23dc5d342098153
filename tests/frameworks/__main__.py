"""`make test-frameworks`: models of MLflow, PyTorch and TensorFlow, saved and served by the real libraries.

Each library has an environment of its own, built by uv from requirements/frameworks-NAME.lock and kept in the cache of
this machine: PyPI's PyTorch brings 5 GB of CUDA, so they are not among the packages of development.
"""

import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from support.make.environments import environment

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("mlflow", "pytorch", "tensorflow")
EXAMPLES = "tests/contract/test_examples.py::test_example_model_answers_its_request[{}-modeldeployment]"
PYTEST = ("-m", "pytest", "-q", "--noconftest", "-c", os.devnull, "--import-mode=importlib", "-p", "no:cacheprovider")


def main(names: list[str]) -> int:
    """Test the named libraries, or all; 1 when a test of one failed."""
    failed = [name for name in names or NAMES if _test(name)]
    for name in names or NAMES:
        sys.stdout.write(f"{name}: {'FAILED' if name in failed else 'passed'}\n")
    return 1 if failed else 0


def _test(name: str) -> int:
    python = environment(f"frameworks-{name}", lambda line: sys.stdout.write(f"{line}\n"))
    with tempfile.TemporaryDirectory() as folder:
        information = Path(folder) / f"modelway-{version('modelway')}.dist-info"
        information.mkdir()  # the server asks for its own version; nothing of this checkout is installed there
        (information / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: modelway\nVersion: {version('modelway')}\n"
        )
        path = os.pathsep.join([folder, *(str(ROOT / source) for source in ("serving_image", "operator", "tests"))])
        command: list[str | Path] = [python, "-P", *PYTEST, f"--rootdir={ROOT}"]
        environ = {**os.environ, "PYTHONPATH": path}
        # In processes of their own: TensorFlow can be set up once in each.
        return max(
            subprocess.run([*command, tests], cwd=ROOT, env=environ, check=False).returncode
            for tests in (f"tests/frameworks/of_{name}.py", EXAMPLES.format(name))
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
