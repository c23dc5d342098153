"""The field reference in docs/modeldeployment.md, made from the resource definition.

`python -m support.reference` writes the part of the page below its marker; `--check` says whether it is fresh. What is
said of a field is what `kubectl explain` says.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DEFINITION = ROOT / "crds" / "modeldeployments.yaml"
PAGE = ROOT / "docs" / "modeldeployment.md"
MARKER = "<!-- Below this line everything is made by `make generate`. -->\n"
PASSED_ON = ("affinity",)
"""Fields that are Kubernetes' own and whose insides `kubectl explain` and its manual tell better than a table."""

Schema = Mapping[str, Any]


def reference(definition: Mapping[str, Any]) -> str:
    """The tables of all fields of the spec and of the status."""
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    blocks = schema["properties"]["spec"]["properties"]
    parts = [_section(f"spec.{name}", block) for name, block in blocks.items()]
    return "\n".join([*parts, _section("status", schema["properties"]["status"])])


def page() -> str:
    """The whole page as it should be: what was written by hand, then the tables."""
    by_hand = PAGE.read_text().partition(MARKER)[0]
    return by_hand + MARKER + "\n" + reference(yaml.safe_load(DEFINITION.read_text()))


def _section(name: str, block: Schema) -> str:
    rows = [f"| `{path}` | {_type(field)} | {_cell(field)} |" for path, field in _fields(block)]
    table = ["", "| field | type | meaning |", "|---|---|---|", *rows] if rows else []
    return "\n".join([f"### {name}", "", f"{block['description']} ({_type(block)})", *table, ""])


def _fields(schema: Schema, prefix: str = "") -> Iterator[tuple[str, Schema]]:
    for name, field in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        listed = "items" in field
        yield path + ("[]" if listed else ""), field
        if name not in PASSED_ON:
            yield from _fields(field["items"] if listed else field, f"{path}[]." if listed else f"{path}.")


def _type(field: Schema) -> str:
    if field.get("x-kubernetes-int-or-string"):
        return "quantity"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    low, high = field.get("minimum"), field.get("maximum")
    bounds = f" {low} to {high}" if low is not None and high is not None else ""
    kind = str(field["type"])
    return {"array": "list", "object": "map"}.get(kind, kind) + bounds


def _cell(field: Schema) -> str:
    default = field.get("default")
    told = f" Default: `{default}`." if default not in (None, {}) else ""
    description = str(field.get("description", ""))
    return description.replace("|", "\\|").replace("\n", " ") + told


def main() -> int:
    """Write the page, or name it with `--check`; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m support.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when the page is stale")
    if not parser.parse_args().check:
        PAGE.write_text(page())
        return 0
    if PAGE.read_text() == page():
        return 0
    sys.stderr.write(f"{PAGE} is not what {DEFINITION.name} says: run `make generate` and commit it\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
