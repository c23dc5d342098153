"""The examples, and which of them can be trained with the packages of development."""

from importlib.util import find_spec
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
MANIFESTS = [path for path in sorted(EXAMPLES.glob("*/*.yaml")) if "kind: ModelDeployment\n" in path.read_text()]
LIBRARIES = {"mlflow": "mlflow", "pytorch": "torch", "tensorflow": "keras"}
"""What is imported by examples whose library is none of the packages of development; `make test-frameworks` trains them."""


def trainable(folder: Path) -> bool:
    """Whether the library of the example in `folder` is at hand."""
    return folder.name not in LIBRARIES or find_spec(LIBRARIES[folder.name]) is not None
