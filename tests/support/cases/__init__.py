"""All cases of the API: tried against the types and against a real API server."""

from support.cases.case import Case, of_changes
from support.cases.exposure import EXPOSURES
from support.cases.model import MODELS, NAMES
from support.cases.preflight import PREFLIGHTS
from support.cases.rollout import ROLLOUTS
from support.cases.runtime import RUNTIMES
from support.cases.scaling import SCALINGS
from support.cases.scheduling import SCHEDULINGS

__all__ = ["CASES", "Case", "of_changes"]

OTHERS = (Case("suspend", {"suspend": True}, {"suspend": "yes"}, "spec.suspend", "must be of type boolean"),)

CASES = (*NAMES, *MODELS, *RUNTIMES, *SCALINGS, *PREFLIGHTS, *ROLLOUTS, *EXPOSURES, *SCHEDULINGS, *OTHERS)
