"""Judge several models by their answers to the same rows, so that what is promised of one holds for all together.

Each model is judged at a share of the level: of several models that break a limit, one is accepted with the probability
that is promised for one. Pairs share the level in the same way. In each pair one model is truly no better, so whichever
of them seems to be the best, the promise holds for the one that is compared with it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from math import comb, isfinite

from threadpoolctl import threadpool_limits

from modelway_server.errors import LoadFailure, Verdict
from modelway_server.evaluation.answers import Answers
from modelway_server.evaluation.dataset import Dataset
from modelway_server.evaluation.estimates import Estimate, estimate
from modelway_server.evaluation.gate import judge, parts_of, score_answers
from modelway_server.evaluation.influence import Influence, Part
from modelway_server.evaluation.measure import influence_of
from modelway_server.evaluation.report import Report
from modelway_server.evaluation.wish import Wish


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What was found of one model.

    Attributes:
        report: on all limits; None where the model cannot be judged.
        failure: why it is refused; None where it is not.
        value: of the first metric on all rows; None where there is none.
        low: lower end of its interval; None where there is none.
        high: its upper end.
    """

    report: Report | None
    failure: LoadFailure | None
    value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Contest:
    """What was found of all.

    Attributes:
        judgements: by the name of the model.
        least: of a model and a better one, the least difference of the first metric; see `selection.choose`.
    """

    judgements: Mapping[str, Judgement]
    least: Mapping[tuple[str, str], float]


def hold_contest(
    wish: Wish, dataset: Dataset, answers: Mapping[str, Answers], stable: Answers | None, seed: str, *, count: int
) -> Contest:
    """Judge models.

    Args:
        wish: what is asked of each.
        dataset: the rows and their right answers.
        answers: of each model that was asked, by its name.
        stable: those of the stable revision; None where there is none.
        seed: any text, as `judge` takes it.
        count: of the models that there are, also of those that were not asked.
    """
    level = (1 - wish.confidence) / count
    single = wish if count == 1 else replace(wish, confidence=1 - level)
    judgements = {name: _judge(single, dataset, each, stable, seed) for name, each in answers.items()}
    reports = [name for name, one in judgements.items() if one.report is not None]
    if not reports:
        return Contest(judgements=judgements, least={})
    with threadpool_limits(limits=1):  # as `judge` does
        field = _Field.of(wish, dataset, {name: answers[name] for name in reports}, seed)
        for name in reports:
            judgements[name] = _with_interval(judgements[name], field.value(name), level)
        left = [name for name in reports if judgements[name].failure is None]
        needs_pairs = wish.max_loss is not None and count > 1
        least = dict(field.least(left, (1 - wish.confidence) / comb(count, 2))) if needs_pairs else {}
    return Contest(judgements=judgements, least=least)


@dataclass(frozen=True, eq=False)
class _Field:
    """The first metric of several models on the same rows.

    Attributes:
        metric: its name.
        part: all rows.
        influences: of each model.
    """

    metric: str
    part: Part
    influences: Mapping[str, Influence]

    @classmethod
    def of(cls, wish: Wish, dataset: Dataset, answers: Mapping[str, Answers], seed: str) -> "_Field":
        """The first metric of these answers, of at least one model."""
        scores = {name: score_answers(wish.metrics[0], wish, dataset, each) for name, each in answers.items()}
        target = next(iter(scores.values())).target
        _, part = next(parts_of(dataset, target, seed))
        return cls(wish.metrics[0].name, part, {name: influence_of(score, part) for name, score in scores.items()})

    def value(self, name: str) -> Estimate:
        """The estimate of a model's value."""
        return estimate(self.metric, self.influences[name], None, self.part)

    def least(self, names: Sequence[str], level: float) -> Iterator[tuple[tuple[str, str], float]]:
        """Of each pair the lower bound of the difference, the worse model first."""
        for one, other in permutations(names, 2):
            if self.influences[one].value > self.influences[other].value:
                continue
            difference = estimate(self.metric, self.influences[one], self.influences[other], self.part)
            if difference.is_known:
                yield (one, other), difference.lower(level)


def _judge(wish: Wish, dataset: Dataset, answers: Answers, stable: Answers | None, seed: str) -> Judgement:
    try:
        report = judge(wish, dataset, answers, stable, seed)
    except Verdict as verdict:
        return Judgement(report=None, failure=verdict)
    return Judgement(report=report, failure=report.failure())


def _with_interval(judgement: Judgement, value: Estimate, level: float) -> Judgement:
    if not isfinite(value.value):
        return judgement
    if not value.is_known:
        return replace(judgement, value=value.value)
    low, high = (bound if isfinite(bound) else None for bound in (value.lower(level), value.upper(level)))
    return replace(judgement, value=value.value, low=low, high=high)
