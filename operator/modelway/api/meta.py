"""The part of an object's metadata that Modelway reads; the API server validates all of it."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from modelway.api.labels import REFRESH_ANNOTATION

GROUP = "modelway.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "ModelDeployment"
PLURAL = "modeldeployments"
LONGEST_REFRESH = 63
"""Characters of the annotation that count; a time has 20."""


def refresh_of(annotations: Mapping[str, str] | None) -> str:
    """When somebody last asked for the object at the URI as it was then; empty if nobody did."""
    return ((annotations or {}).get(REFRESH_ANNOTATION) or "")[:LONGEST_REFRESH]


class Metadata(BaseModel):
    """The identity of an object; other fields of metadata are ignored."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True, strict=True)

    name: str
    namespace: str = "default"
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
