"""The types of text, list and map of which fields consist, each with its bounds."""

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, StringConstraints
from pydantic.alias_generators import to_snake
from pydantic_core import PydanticCustomError

from modelway.api.base import CanonicalText, Rule

BROKEN_KEY = "broken_key"
"""The type of the pydantic error of a key that no label may have."""
LABEL_VALUE_PATTERN = r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$"
LABEL_KEY_LENGTH = 253
LABEL_KEY_PATTERN = (
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
    r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
)
_LABEL_KEY = re.compile(LABEL_KEY_PATTERN)
DNS_SUBDOMAIN_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
CANDIDATE_NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
ENV_NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"
HEADER_PATTERN = r"^[A-Za-z0-9]([-_A-Za-z0-9]*[A-Za-z0-9])?$"
REFUSED_ENV_PATTERN = (
    r"^((ACC|GLIBC|LD|NVIDIA|OCL|OPENCL)_.*|PYTHON.*|BASH_ENV|GCONV_PATH|OPENSSL_(CONF|ENGINES|MODULES)|PATH"
    r"|(.*_)?((PROF)?LIB[A-Z0-9]*|[A-Z0-9]*PLUGINS?|DRIVERS|INJECTION[0-9]*|PRELOAD|PROFILER[0-9]*)(_.*)?)$"
)
"""Names by which a process is made to load code from a file of its reader's choice, or to see devices that nobody gave it.

The words of the second line are how libraries call such variables: ACC_PROFLIB (libgomp), INTEL_LIBITTNOTIFY64 (oneDNN), NCCL_NET_PLUGIN.
"""

LabelValue = Annotated[str, StringConstraints(max_length=63, pattern=LABEL_VALUE_PATTERN)]
"""The value of a Kubernetes label."""

LabelKey = Annotated[str, StringConstraints(min_length=1, max_length=LABEL_KEY_LENGTH, pattern=LABEL_KEY_PATTERN)]
"""The key of a Kubernetes label, with or without a domain in front."""

ObjectName = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=DNS_SUBDOMAIN_PATTERN)]
"""The name of a Kubernetes object: a DNS subdomain."""

DIGEST_PATTERN = r"^sha256:[0-9a-f]{64}$"
Sha256 = Annotated[str, StringConstraints(max_length=71, pattern=DIGEST_PATTERN)]
"""A SHA-256 as status, `fetch` and image registries write it."""

IMAGE_PATTERN = r"^[A-Za-z0-9][-A-Za-z0-9._:/@]*$"
ImageName = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=IMAGE_PATTERN)]
"""The name of a container image, with or without registry, tag and digest."""

_WORD = "[A-Za-z_][A-Za-z0-9_]*"
TYPE_NAME_PATTERN = rf"^{_WORD}([.]{_WORD})*[.]({_WORD}|[*])$"
TypeName = Annotated[str, StringConstraints(min_length=3, max_length=253, pattern=TYPE_NAME_PATTERN)]
"""The dotted name of a class or function of Python, or all below a package: `churn.encoders.*`."""

TOLERANCE_PATTERN = r"^([1-9][0-9]*([.][0-9]+)?|0[.]0*[1-9][0-9]*)(e-[1-9][0-9]?)?$"


def _canonical(decimal: str) -> str:
    """One spelling for each number: 0.00001 is 1e-5."""
    return CanonicalText(f"{Decimal(decimal).normalize():e}".replace("e+0", ""), decimal)


Tolerance = Annotated[
    str, StringConstraints(min_length=1, max_length=16, pattern=TOLERANCE_PATTERN), AfterValidator(_canonical)
]
"""A number above 0 as a decimal, such as 1e-5 or 0.001."""

LIST_TYPE = "x-kubernetes-list-type"


def atomic_list(most: int, *, least: int = 0) -> Any:
    """A list that is replaced as a whole, of `least` to `most` items."""
    return Field(min_length=least or None, max_length=most, json_schema_extra={LIST_TYPE: "atomic"})


def keyed_list(most: int, *keys: str) -> Any:
    """A list of at most `most` objects that `keys` identify, so that two authors can each own their items.

    Use it with `unique_by`, which checks the same in Python.
    """
    return Field(max_length=most, json_schema_extra={LIST_TYPE: "map", "x-kubernetes-list-map-keys": [*keys]})


def unique_by(*keys: str) -> AfterValidator:
    """No two objects of a list have the same `keys`."""

    def refuse_twins(items: tuple[BaseModel, ...]) -> tuple[BaseModel, ...]:
        identities: set[tuple[Any, ...]] = set()
        for item in items:
            identity = tuple(getattr(item, to_snake(key)) for key in keys)
            if identity in identities:
                names = " and ".join(f"{key} {value!r}" for key, value in zip(keys, identity, strict=True))
                raise PydanticCustomError(
                    "twins", "more than one entry has {names}: keep one of them", {"names": names}
                )
            identities.add(identity)
        return items

    return AfterValidator(refuse_twins)


def well_formed_keys(field: str) -> Rule:
    """The rule that the keys of a map are label keys, which a structural schema cannot say of keys."""
    well_formed = f"key.size() <= {LABEL_KEY_LENGTH} && key.matches(r'{LABEL_KEY_PATTERN}')"

    def faults(subject: Any) -> list[str]:
        return [key for key in getattr(subject, to_snake(field)) or () if not is_label_key(key)]

    return Rule(
        cel=f"!has(self.{field}) || self.{field}.all(key, {well_formed})",
        holds=lambda subject: not faults(subject),
        message="{faults}: " + key_message(field),
        field=field,
        faults=(f"self.{field}.filter(key, !({well_formed}))", faults),
    )


def is_label_key(key: str) -> bool:
    """Whether a text may be the key of a label."""
    return len(key) <= LABEL_KEY_LENGTH and _LABEL_KEY.fullmatch(key) is not None


def key_message(field: str) -> str:
    """What the keys of a map of labels must be."""
    return (
        f"each key of {field} must be letters, digits, '-', '_' and '.', at most 63 of them, with a domain and '/' "
        "in front where there is one, for example team or example.com/team"
    )


def _check_key(key: str) -> str:
    if not is_label_key(key):
        raise PydanticCustomError(BROKEN_KEY, "is no key of a label")
    return key


MapKey = Annotated[str, AfterValidator(_check_key)]
"""A key of a map of labels. Python reports each faulty key, also beside faulty values, which hide rules."""
