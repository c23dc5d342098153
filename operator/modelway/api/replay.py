"""The block `rollout.replay`: known rows that both revisions are asked when the candidate is ready, before any client's request."""

from typing import Annotated, Literal

from pydantic import Field

from modelway.api.base import ApiModel
from modelway.api.fields import atomic_list
from modelway.api.preflight import Dataset

REQUESTS = 1000
"""What holds where the spec says nothing: enough for a verdict under the default limits."""
MOST_REQUESTS = 10_000
LONGEST_MESSAGE = 1024
"""Characters of what a replay says of itself."""
_Count = Annotated[int, Field(ge=0, le=1 << 53)]
_Time = Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})]


class Replay(ApiModel):
    """Known rows, which both revisions are asked once the candidate is ready; what it answers is evidence as that of clients' requests."""

    dataset: Dataset | None = None
    """The rows; those of preflight.evaluation when left out, and where there is none either, those that the model's folder brings
    along: samples.json, and MLflow's input_example.json."""
    requests: Annotated[int, Field(ge=1, le=MOST_REQUESTS)] = REQUESTS
    """How many requests at most. Each row is asked once, since a row that is asked again is no more evidence."""
    rows_per_request: Annotated[int, Field(ge=1, le=1000)] = 1
    """How many rows a request has. A request is one trial, however many it has."""


class ReplayMeasure(ApiModel):
    """What a replay counted of a candidate; part of the rollout's measures."""

    name: Annotated[str, Field(max_length=63)]
    """What counts as bad: failed, refused, disagreement."""
    bad: _Count
    """Bad ones."""
    trials: _Count
    """All."""


class ReplayStatus(ApiModel):
    """Known rows that both revisions are asked before clients' requests."""

    phase: Literal["Running", "Done", "Failed"]
    """Whether they are being asked, or were, or could not be."""
    started: _Time
    """When the candidate was ready."""
    ended: _Time | None = None
    """When its counts were entered, or it failed."""
    message: Annotated[str, Field(max_length=LONGEST_MESSAGE)] | None = None
    """What came of it, or hinders it, in words."""
    measures: Annotated[tuple[ReplayMeasure, ...], atomic_list(16)] = ()
    """What was counted."""
