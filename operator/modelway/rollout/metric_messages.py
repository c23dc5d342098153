"""What a rollout says of the metrics of its spec. Pure."""

from collections.abc import Sequence

from modelway.api.status import RolloutMeasure
from modelway.rollout.messages import AGAIN
from modelway.rollout.state import RolloutState

_MOST_CHARACTERS = 200
"""Of a reason within the message of a rollout; status.rollout.measures has it whole."""


def inconclusive(record: RolloutMeasure) -> str:
    """A metric tells nothing."""
    problem = record.problem or ""
    text = problem if len(problem) <= _MOST_CHARACTERS else f"{problem[:_MOST_CHARACTERS]}..."
    return f"metric {record.name} tells nothing, so no step ends: {text}"


def unasked(record: RolloutMeasure) -> str:
    """Its source has not answered lately."""
    return f"metric {record.name} is being asked"


def is_beyond(record: RolloutMeasure) -> str:
    """A value is beyond its limit, which may pass."""
    return f"metric {_beyond(record)} at {record.bad} of {record.trials} looks that roll back"


def beyond(records: Sequence[RolloutMeasure], state: RolloutState) -> str:
    """Values were beyond their limits for too long."""
    faults = " and ".join(f"metric {_beyond(one)} at {one.trials} looks in a row" for one in records)
    return f"revision {state.revision}: {faults}; revision {state.stable} serves. {AGAIN}"


def _beyond(record: RolloutMeasure) -> str:
    value = record.value if record.value is not None else record.bound
    edge = "max" if value > record.bound else "min"
    return f"{record.name} is {value:g}, beyond its {edge} of {record.bound:g},"
