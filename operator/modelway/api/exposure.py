"""The block `exposure`: where clients outside the cluster reach the model."""

from typing import Annotated

from pydantic import StringConstraints

from modelway.api.base import ApiModel
from modelway.api.fields import CANDIDATE_NAME_PATTERN, DNS_SUBDOMAIN_PATTERN, ObjectName, atomic_list

HOSTNAME_PATTERN = r"^([*][.])?[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
_SEGMENT = "[-_A-Za-z0-9][-_.~A-Za-z0-9]*"
PATH_PATTERN = rf"^/({_SEGMENT}(/{_SEGMENT})*)?$"
MOST_HOSTNAMES = 16
"""As many as an HTTPRoute takes."""

Hostname = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=HOSTNAME_PATTERN)]
"""A host name of a request, with `*` as its first label where any will do."""


class Gateway(ApiModel):
    """The Gateway that takes requests for the model, and for which of them."""

    name: ObjectName
    """The name of the Gateway."""
    namespace: Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=CANDIDATE_NAME_PATTERN)] | None = (
        None
    )
    """Its namespace, where that is another one: its `allowedRoutes` decides."""
    section_name: (
        Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=DNS_SUBDOMAIN_PATTERN)] | None
    ) = None
    """Its listener; all that fit when left out."""
    hostnames: Annotated[tuple[Hostname, ...], atomic_list(MOST_HOSTNAMES, least=1)] | None = None
    """The host names of the requests; those of the listener when left out."""
    path: Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=PATH_PATTERN)] = "/"
    """How their paths begin, such as /fraud; the Gateway takes that off."""


class Exposure(ApiModel):
    """Where clients outside the cluster reach the model, beside its Service."""

    gateway: Gateway
    """The Gateway that takes requests for it, by an HTTPRoute that Modelway makes."""
