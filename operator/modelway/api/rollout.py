"""The block `rollout`: how pods of a new revision replace those of the one before."""

import re
from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from modelway.api.base import ApiModel, Rule
from modelway.api.schema import INT_OR_STRING, VALIDATIONS

SHARE_PATTERN = r"^(0|[1-9][0-9]{0,2}|1000|(0|[1-9][0-9]?|100)%)$"
MOST_SURGE, MOST_UNAVAILABLE = 1, 0
"""What holds where the spec says nothing: a pod goes when its successor is ready."""
_UNREADABLE = "must be a number of pods up to 1000, such as 1, or a share of all of them, such as 25%"


def _read_share(value: object) -> int | str:
    is_known = isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))
    if not is_known or not re.fullmatch(SHARE_PATTERN, str(value)):
        raise PydanticCustomError("share", _UNREADABLE)
    return str(value) if str(value).endswith("%") else int(str(value))


_RULE = {"rule": f"string(self).matches(r'{SHARE_PATTERN}')", "message": _UNREADABLE}
Share = Annotated[
    int | str,
    PlainValidator(_read_share),
    WithJsonSchema({INT_OR_STRING: True, "maxLength": 4, VALIDATIONS: [_RULE]}),
]
"""A number of pods, or a share of all of them in percent."""


def _is_nothing(share: int | str | None) -> bool:
    return share in (0, "0%")


class Rollout(ApiModel):
    """How pods of a new revision take the place of those before."""

    max_surge: Share | None = None
    """How many pods more than wanted there may be meanwhile, as a number or as a share such as 25%, rounded up; 1 when left out. With 0 no
    room for another pod is needed, as where the pods hold all GPUs: then maxUnavailable must be more than 0."""
    max_unavailable: Share | None = None
    """How many of the wanted pods need not serve meanwhile, as a number or as a share, rounded down; 0 when left out. As many as there are
    pods means that nobody is served for a while."""

    rules = (
        Rule(
            cel="!has(self.maxSurge) || !(string(self.maxSurge) in ['0', '0%']) "
            "|| (has(self.maxUnavailable) && !(string(self.maxUnavailable) in ['0', '0%']))",
            holds=lambda it: (
                not _is_nothing(it.max_surge) or not (it.max_unavailable is None or _is_nothing(it.max_unavailable))
            ),
            message="maxSurge is 0, so that no pod may be added, and maxUnavailable is 0 or left out, so that none may go: "
            "no pod could ever be replaced; write {maxSurge: 0, maxUnavailable: 1}",
            field="maxSurge",
        ),
    )
