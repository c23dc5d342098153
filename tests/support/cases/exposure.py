"""`spec.exposure`."""

from typing import Any

from support.cases.case import Case


def _gateway(question: str, accepted: dict[str, Any], refused: dict[str, Any], field: str, message: str) -> Case:
    one, other = ({"exposure": {"gateway": {"name": "shared", **fields}}} for fields in (accepted, refused))
    return Case(question, one, other, f"spec.exposure.gateway.{field}", message)


_MATCH = "should match"

EXPOSURES = (
    Case(
        "a gateway is named",
        {"exposure": {"gateway": {"name": "shared"}}},
        {"exposure": {}},
        "spec.exposure.gateway",
        "Required value",
    ),
    _gateway("name of a gateway", {"name": "edge.internal"}, {"name": "Edge"}, "name", _MATCH),
    _gateway("namespace of a gateway", {"namespace": "gateways"}, {"namespace": "a.b"}, "namespace", _MATCH),
    _gateway("listener of a gateway", {"sectionName": "https"}, {"sectionName": ""}, "sectionName", "at least 1"),
    _gateway("path is absolute", {"path": "/"}, {"path": "fraud"}, "path", _MATCH),
    _gateway("path has no empty part", {"path": "/a/b.c~d_e"}, {"path": "/a//b"}, "path", _MATCH),
    _gateway("path ends without a slash", {"path": "/fraud"}, {"path": "/fraud/"}, "path", _MATCH),
    _gateway("path leads up nowhere", {"path": "/a.b/c.."}, {"path": "/a/../b"}, "path", _MATCH),
    _gateway("host names", {"hostnames": ["a.example"]}, {"hostnames": []}, "hostnames", "at least 1"),
    _gateway(
        "star in a host name",
        {"hostnames": ["*.example.com"]},
        {"hostnames": ["models.*.com"]},
        "hostnames[0]",
        _MATCH,
    ),
)
