"""The kinds of text, list and map that fields are made of, each with its bounds."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

LABEL_VALUE_PATTERN = r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$"
LABEL_KEY_PATTERN = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
DNS_SUBDOMAIN_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"

LabelValue = Annotated[str, StringConstraints(max_length=63, pattern=LABEL_VALUE_PATTERN)]
"""The value of a Kubernetes label."""

LabelKey = Annotated[str, StringConstraints(min_length=1, max_length=317, pattern=LABEL_KEY_PATTERN)]
"""The key of a Kubernetes label, with or without a domain in front."""

ObjectName = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=DNS_SUBDOMAIN_PATTERN)]
"""The name of a Kubernetes object: a DNS subdomain."""

LIST_TYPE = "x-kubernetes-list-type"


def atomic(most: int, *, least: int = 0) -> Any:
    """A list that is replaced as a whole, of `least` to `most` items."""
    return Field(min_length=least or None, max_length=most, json_schema_extra={LIST_TYPE: "atomic"})


def keyed(most: int, *keys: str) -> Any:
    """A list of at most `most` objects told apart by `keys`, so that two authors can each own their items."""
    return Field(max_length=most, json_schema_extra={LIST_TYPE: "map", "x-kubernetes-list-map-keys": [*keys]})
