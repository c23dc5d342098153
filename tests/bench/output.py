"""Where the figures of a benchmark go: to the terminal, to a file as JSON, and into a page."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.page import refresh


def add_outputs(parser: argparse.ArgumentParser, page: Path) -> None:
    """Add the options that say where figures go beside the terminal."""
    parser.add_argument("--json", type=Path, help="write everything that was measured to this file")
    parser.add_argument("--write", action="store_true", help=f"put the tables into docs/{page.name}")


def put_out(options: argparse.Namespace, tables: Mapping[str, str], document: Any, page: Path) -> None:
    """Put figures where the options of `add_outputs` say.

    Args:
        options: as they were given.
        tables: for people; each by the target of make, with its variables, between whose marks it stands.
        document: everything, for JSON.
        page: that has the tables.
    """
    sys.stdout.writelines(f"{table}\n" for table in tables.values())
    if options.json:
        options.json.write_text(json.dumps(document, indent=2))
    if options.write:
        for target, table in tables.items():
            refresh(page, target, table)


def say(text: str) -> None:
    """Tell how far a benchmark has come."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
