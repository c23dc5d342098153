"""The block `rollout.analysis`: how much worse than the stable revision a candidate may be."""

from modelway.api.base import ApiModel
from modelway.api.duration import Percent


class Analysis(ApiModel):
    """How much worse than the stable revision the candidate may be. Every measure is a count, judged anew at each look."""

    max_failed: Percent = "0.1%"
    """The share of its requests that the candidate may fail or refuse where the stable revision answers."""
    max_disagreement: Percent = "10%"
    """The share of requests that the candidate may answer otherwise than the stable revision."""
    numeric_tolerance: Percent = "10%"
    """By how much a number may differ and still agree: a share of the stable answer, or of the mean size of such answers where that is
    larger. Labels must be equal."""
    tolerance: Percent = "2%"
    """By how many points of share the candidate may be worse and still take over. The smaller, the more requests a verdict needs."""
