"""Ask both revisions every request, and count what the candidate makes of them as a stable server does.

Two requests are under way at a time: the one goes to the stable revision first, the other to the candidate. So each of the two has about
one request at a time, and none of them is always the first to meet a row.

How slow the candidate is, is not counted. The stable revision answers clients meanwhile and the candidate does not, so its times would be
better than they are. Answers that are late, by the rule of stable servers, count as failed.
"""

import asyncio
import json
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import Final

from modelway_server.replay.arm import Arm, Missed
from modelway_server.replay.rows import Question
from modelway_server.traffic.agreement import agreement_of, count_agreement
from modelway_server.traffic.answers import decode_json
from modelway_server.traffic.comparison import Sizes
from modelway_server.traffic.document import Rollout
from modelway_server.traffic.pace import LEAST_ANSWERS, Pace
from modelway_server.traffic.shared import Count, Shared
from modelway_server.traffic.tally import Outcome, Tally, Verdict

AT_ONCE: Final = 2
STABLE_SECONDS: Final = 30.0
"""That the stable revision has for an answer."""
MOST_MISSES: Final = 10
"""Requests on end that do not reach a revision, after which the replay ends."""
MOST_REFUSALS: Final = 50
"""Requests that the stable revision refuses, after which the replay ends where it has taken none."""
RECENT: Final = 1000
MEASURES: Final = (
    ("failed", Count.FAILED_TRIALS),
    ("refused", Count.REFUSED_TRIALS),
    ("disagreement", Count.DISAGREEMENT_TRIALS),
)
"""What a replay counts. Each count of bad ones follows that of the trials."""


class Replay:
    """One replay.

    Args:
        rollout: whom it is for, and its limits.
        stable: the revision that serves.
        candidate: the other one.

    Attributes:
        refusal: why the stable revision refused the first request that it did.
        skipped: requests that say nothing, by their cause.
    """

    def __init__(self, rollout: Rollout, stable: Arm, candidate: Arm) -> None:
        self._tolerance = rollout.tolerance
        self._stable, self._candidate = stable, candidate
        self._shared = Shared(1)
        self._shared.begin(rollout.id)
        self._pace = Pace()
        self._tally = Tally(rollout, self._shared, self._pace, lambda: None)
        self._sizes = Sizes()
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._misses = 0
        self.refusal = ""
        self.skipped: Counter[str] = Counter()

    async def run(self, questions: Iterable[Question], seconds: float) -> None:
        """Ask all of them, or as many as there is time for, or until the candidate surely fails."""
        end = time.monotonic() + seconds
        numbered = enumerate(questions)
        await asyncio.gather(*(self._work(numbered, end) for _ in range(AT_ONCE)))

    @property
    def requests(self) -> int:
        """Requests that were judged."""
        return self._shared.total(Count.FAILED_TRIALS)

    @property
    def is_stopped(self) -> bool:
        """Whether the candidate fails so often that a stable server would stop asking it."""
        return self._shared.is_stopped

    @property
    def is_unreachable(self) -> bool:
        """Whether a revision could not be reached any more."""
        return self._misses >= MOST_MISSES

    def measures(self) -> list[dict[str, str | float]]:
        """The counts, by the names that the operator's judge has for them."""
        return [
            {"name": name, "bad": self._shared.total(Count(trials + 1)), "trials": self._shared.total(trials)}
            for name, trials in MEASURES
        ]

    async def _work(self, questions: Iterator[tuple[int, Question]], end: float) -> None:
        for number, question in questions:
            if self.is_stopped or self.is_unreachable or self._is_hopeless or time.monotonic() > end:
                return
            try:
                await self._ask_both(question, stable_first=number % AT_ONCE == 0)
            except Missed:
                self._misses += 1
                self.skipped["unreachable"] += 1
            else:
                self._misses = 0

    @property
    def _is_hopeless(self) -> bool:
        return not self.requests and self.skipped["refused"] >= MOST_REFUSALS

    async def _ask_both(self, question: Question, *, stable_first: bool) -> None:
        if stable_first:
            own = await self._ask_stable(question)
            if own is None:
                return
            outcome = await self._ask_candidate(question)
        else:
            outcome = await self._ask_candidate(question)
            own = await self._ask_stable(question)
            if own is None:
                return
        self._judge(own, outcome)

    async def _ask_candidate(self, question: Question) -> Outcome:
        return await self._candidate.ask(question, self._pace.late_seconds)

    async def _ask_stable(self, question: Question) -> Outcome | None:
        """The stable answer; None where there is none, which says nothing of the candidate."""
        own = await self._stable.ask(question, STABLE_SECONDS)
        if own.verdict is not Verdict.ANSWERED or own.answer is None:
            is_refused = own.verdict is Verdict.REFUSED
            self.skipped["refused" if is_refused else "unanswered"] += 1
            if is_refused and own.answer is not None:
                self.refusal = self.refusal or _error_in(own.answer.body)
            return None
        self._recent.append(own.seconds)
        if len(self._recent) % LEAST_ANSWERS == 0 or len(self._recent) < LEAST_ANSWERS:
            self._pace.measure(self._recent)
        return own

    def _judge(self, own: Outcome, outcome: Outcome) -> None:
        assert own.answer is not None
        self._tally.judge(outcome, own.seconds)
        if outcome.verdict is not Verdict.ANSWERED or outcome.answer is None:
            return
        stable = own.answer.body, own.answer.headers
        agreement = agreement_of(decode_json, stable, outcome.answer, self._tolerance, self._sizes)
        if agreement is not None:
            count_agreement(self._tally.count, agreement)


def _error_in(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
