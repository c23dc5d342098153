"""How nodes pull the images of a pod template. Pure.

This is never pinned, because a pod that starts tomorrow needs tomorrow's credentials. So it is kept apart from what a template runs.
"""

from collections.abc import Callable, Mapping
from typing import Any

from modelway.observed import Pulling

Template = Mapping[str, Any]

_CONTAINERS = ("initContainers", "containers")
_POLICY, _SECRETS = "imagePullPolicy", "imagePullSecrets"


def pulling_of(template: Template) -> Pulling:
    """How the images of a template are pulled."""
    spec = template.get("spec") or {}
    containers = [one for kind in _CONTAINERS for one in spec.get(kind) or ()]
    return Pulling(
        secrets=tuple(one["name"] for one in spec.get(_SECRETS) or ()),
        policies=tuple((one["name"], one[_POLICY]) for one in containers if _POLICY in one),
    )


def pull_alike(one: Pulling, other: Pulling) -> bool:
    """Whether two ways of pulling are the same, in whatever order they are written."""
    return (set(one.secrets), dict(one.policies)) == (set(other.secrets), dict(other.policies))


def without_pulling(template: Template) -> Template:
    """A template without the settings for how its images are pulled."""
    spec = {name: value for name, value in (template.get("spec") or {}).items() if name != _SECRETS}
    without = {**template, "spec": spec}
    return with_containers(without, lambda one: {name: value for name, value in one.items() if name != _POLICY})


def with_pulling(template: Template, pulling: Pulling) -> Template:
    """A template with other settings for how its images are pulled."""
    policies = dict(pulling.policies)
    changed = with_containers(
        without_pulling(template),
        lambda one: {**one, _POLICY: policies[one["name"]]} if one.get("name") in policies else one,
    )
    secrets = {_SECRETS: [{"name": name} for name in pulling.secrets]} if pulling.secrets else {}
    return {**changed, "spec": {**changed["spec"], **secrets}}


def with_containers(template: Template, change: Callable[[Template], Template]) -> Template:
    """A template with each of its containers changed."""
    spec = template.get("spec") or {}
    changed = {kind: [change(one) for one in spec[kind]] for kind in _CONTAINERS if kind in spec}
    return {**template, "spec": {**spec, **changed}}
