"""The pages of docs/ that are made from code: the field reference from the resource definition, the reasons from their catalogue.

`python -m support.make.reference` writes them; `--check` says whether they are fresh. What is said of a field is what `kubectl
explain` says.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from support.pages import troubleshooting

ROOT = Path(__file__).resolve().parents[3]
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
        return "text or whole number"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    low, high = field.get("minimum"), field.get("maximum")
    bounds = f" {low} to {high}" if low is not None and high is not None else ""
    kind = str(field["type"])
    return {"array": "list", "object": "map"}.get(kind, kind) + bounds


def _cell(field: Schema) -> str:
    default = field.get("default")
    suffix = f" Default: `{default}`." if default not in (None, {}) else ""
    description = str(field.get("description", ""))
    return description.replace("|", "\\|").replace("\n", " ") + suffix


def main() -> int:
    """Write the pages, or name with `--check` those that are stale; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m support.make.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a page is stale")
    check = parser.parse_args().check
    wanted = {PAGE: page(), troubleshooting.PAGE: troubleshooting.page()}
    stale = [path for path, text in wanted.items() if path.read_text() != text]
    for path in stale:
        if check:
            sys.stderr.write(f"{path} is not what the code says: run `make generate` and commit it\n")
        else:
            path.write_text(wanted[path])
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
