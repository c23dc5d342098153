"""The block `rollout.analysis`: how much worse than the stable revision a candidate may be, and what else it is judged by."""

import re
from collections.abc import Callable
from typing import Annotated

from pydantic import Field, StringConstraints, WrapValidator
from pydantic_core import PydanticCustomError

from modelway.api.base import ApiModel, Rule
from modelway.api.duration import Percent
from modelway.api.fields import CANDIDATE_NAME_PATTERN, keyed_list, unique_by

MOST_METRICS = 8
OWN_MEASURES = ("failed", "refused", "slow", "disagreement")
"""What the servers count by themselves; no metric may have such a name."""
PLACEHOLDERS = ("namespace", "name", "revision", "stable", "deployment", "since")
"""What a query may have filled in, as `$(revision)`."""
WEBHOOK_PATTERN = r"^https?://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[0-9]{1,5})?(/[-A-Za-z0-9_~][-A-Za-z0-9._~]*)*/?([?][-A-Za-z0-9._~=&]*)?$"
"""An address without user, percent escapes, or segments that begin with a dot: it can be read in one way alone."""
_NAMES = "|".join(PLACEHOLDERS)
_KNOWN = rf"[$][(]({_NAMES})[)]"
QUERY_PATTERN = rf"^([^$]|[$][^(]|{_KNOWN})*[$]?$"
"""No placeholder but those that are filled in."""


def _read_query(value: object, read: Callable[[object], str]) -> str:
    """Refuse a placeholder that nothing fills in by its name, which the pattern alone would not tell."""
    unknown = [place for place in re.findall(r"[$][(][^)]*[)]?", str(value)) if not re.fullmatch(_KNOWN, place)]
    if unknown:
        message = "has {unknown}, which nothing fills in: known are {known}"
        known = ", ".join(f"$({name})" for name in PLACEHOLDERS)
        raise PydanticCustomError("placeholder", message, {"unknown": ", ".join(unknown), "known": known})
    return read(value)


Query = Annotated[
    str, StringConstraints(min_length=1, max_length=2048, pattern=QUERY_PATTERN), WrapValidator(_read_query)
]
Limit = Annotated[float, Field(ge=-1e15, le=1e15)]


class PrometheusMetric(ApiModel):
    """Queries in PromQL, each for one number. $(namespace), $(name), $(revision), $(deployment), $(stable), $(since) are filled in."""

    query: Query | None = None
    """The value that min and max bound."""
    bad: Query | None = None
    """How many of trials were bad since the rollout began: sum(increase(errors_total{revision="$(revision)"}[$(since)]))."""
    trials: Query | None = None
    """How many there were in all."""

    rules = (
        Rule(
            cel="has(self.bad) == has(self.trials) && has(self.query) != has(self.bad)",
            holds=lambda it: (it.bad is None) == (it.trials is None) and (it.query is None) != (it.bad is None),
            message="give query for a value, or bad and trials for counts",
        ),
    )

    @property
    def queries(self) -> dict[str, str]:
        """Each query by the name of its field."""
        named = {"query": self.query, "bad": self.bad, "trials": self.trials}
        return {name: query for name, query in named.items() if query is not None}


class WebhookMetric(ApiModel):
    """A program that answers a POST with {"bad": 3, "trials": 1200}, or with {"value": 0.7} where min or max is given."""

    url: Annotated[str, StringConstraints(min_length=1, max_length=1024, pattern=WEBHOOK_PATTERN)]
    """Its address, below one that the platform allows."""


_OF_WHOM = "[$][(](revision|deployment)[)]"
_TELLS_APART = (
    "(!has(self.prometheus) || !has(self.prometheus.bad) || !has(self.prometheus.trials) "
    f"|| [self.prometheus.bad, self.prometheus.trials].all(it, it.matches('{_OF_WHOM}')))"
)


def _tells_apart(source: PrometheusMetric | None) -> bool:
    return source is None or all(re.search(_OF_WHOM, one) for one in source.queries.values())


class AnalysisMetric(ApiModel):
    """A measure of yours. What tells nothing decides nothing: the candidate waits."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=CANDIDATE_NAME_PATTERN)]
    """What status and messages call it."""
    prometheus: PrometheusMetric | None = None
    """Asks the platform's Prometheus."""
    webhook: WebhookMetric | None = None
    """Asks a program."""
    max_bad: Percent | None = None
    """For counts: the share that may be bad, such as "1%"."""
    beside_stable: bool | None = None
    """For counts: ask of the stable revision too, and let maxBad say by how many points of share the candidate may be above it."""
    min: Limit | None = None
    """For a value: the least one."""
    max: Limit | None = None
    """For a value: the greatest one."""

    rules = (
        Rule(
            cel=f"!(self.name in {list(OWN_MEASURES)})",
            holds=lambda it: it.name not in OWN_MEASURES,
            message="the servers have a measure of this name: choose another one",
            field="name",
        ),
        Rule(
            cel="has(self.prometheus) != has(self.webhook)",
            holds=lambda it: (it.prometheus is None) != (it.webhook is None),
            message="give one source: prometheus or webhook",
            field="name",
        ),
        Rule(
            cel="has(self.maxBad) != (has(self.min) || has(self.max))",
            holds=lambda it: (it.max_bad is None) != (it.min is None and it.max is None),
            message="give a limit: maxBad for counts, or min or max for a value",
            field="name",
        ),
        Rule(
            cel="!has(self.prometheus) || has(self.prometheus.query) != has(self.maxBad)",
            holds=lambda it: it.prometheus is None or (it.prometheus.query is None) != (it.max_bad is None),
            message="maxBad is the limit of bad and trials, min and max are those of query",
            field="name",
        ),
        Rule(
            cel=f"!has(self.besideStable) || !self.besideStable || (has(self.maxBad) && {_TELLS_APART})",
            holds=lambda it: not it.beside_stable or (it.counts and _tells_apart(it.prometheus)),
            message="besideStable needs counts, and $(revision) or $(deployment) in both queries, to tell the revisions apart",
            field="besideStable",
        ),
        Rule(
            cel="!has(self.min) || !has(self.max) || self.min <= self.max",
            holds=lambda it: it.min is None or it.max is None or it.min <= it.max,
            message="min must not be above max",
            field="min",
        ),
    )

    @property
    def counts(self) -> bool:
        """Whether it counts, rather than being a value."""
        return self.max_bad is not None


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
    metrics: Annotated[tuple[AnalysisMetric, ...], keyed_list(MOST_METRICS, "name"), unique_by("name")] = ()
    """Measures of yours, judged beside those of the servers."""
