"""Generate the CustomResourceDefinition from the API types: one copy for use by hand, one for the chart.

`python -m modelway.generate` writes the files into its checkout. With `--check` it writes nothing and fails if a file is stale.
"""

import argparse
import sys
from pathlib import Path

from modelway.api.crd import custom_resource_definition
from modelway.yaml_text import yaml_text

_HEADER = "# Made from the API types by `make generate`; changes by hand are lost.\n"
_COPIES = ("crds/modeldeployments.yaml", "charts/modelway/files/modeldeployments.yaml")


def crd_yaml() -> str:
    """The CustomResourceDefinition as the text of a file, the same at every call."""
    return _HEADER + yaml_text(custom_resource_definition())


def stale_files(root: Path) -> list[Path]:
    """The generated files below `root` that are missing or not what the types say."""
    text = crd_yaml()
    paths = [root / copy for copy in _COPIES]
    return [path for path in paths if not path.is_file() or path.read_text() != text]


def main(arguments: list[str] | None = None) -> int:
    """Write the stale files, or name them with `--check`; the exit code."""
    parser = argparse.ArgumentParser(prog="modelway.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a file is stale")
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[2], help="the checkout to write to")
    options = parser.parse_args(arguments)
    stale = stale_files(options.root)
    for path in stale:
        if options.check:
            sys.stderr.write(f"{path} is not what the API types say: run `make generate` and commit it\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(crd_yaml())
            sys.stdout.write(f"wrote {path}\n")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
