"""YAML for parsers of any version: text that one of them reads as a number is quoted."""

import re
from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """Writes everything in full, without anchors, which many parsers do not follow."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


# PyYAML follows YAML 1.1, where `1e-5` is a text; Kubernetes reads YAML 1.2, where it is a number.
_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?([.][0-9]+|[0-9]+([.][0-9]*)?)([eE][-+]?[0-9]+)?$"),
    [*"-+.0123456789"],
)


def yaml_text(*documents: Any, width: int = 120) -> str:
    """The documents as YAML, fields in their order; two and more are set apart by `---`.

    Args:
        documents: what JSON knows.
        width: of a line, in characters.
    """
    return str(yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=width))
