"""Ask pods what they counted of a rollout, straight at their metrics port: no Prometheus is needed.

A pod may run a user's code. So what it answers is bounded in time and size, no redirect is followed, and what cannot be read counts for nothing.
"""

import asyncio
import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from modelway.api.ports import METRICS_PORT
from modelway.observed import Key, PodView
from modelway.rollout.counts import PodSample
from modelway.rollout.judge import Counts
from modelway.rollout.measures import CANDIDATE, STABLE, Series

SECONDS = 1.5
"""The longest that one pod may take. A pass waits for the slowest."""

AT_ONCE = 50
"""Pods that are asked at the same time."""

MOST_BYTES = 2 << 20
"""The longest answer."""

PREFIX = "modelway_rollout_"

LONGEST_LINE = 1024
"""Characters of a line about a rollout. The parser's time grows with the square of the length, and all models wait meanwhile."""

MOST_LINES = 500
"""Lines about rollouts; a server has about 20 of each."""

LONGEST_TEXT = 1 << 16
"""Characters of all lines about rollouts: at most 0.1 s for the parser, whatever they hold."""

GREATEST = 10**12
"""The largest count. A pod that answers 10 000 requests a second gets there in three years; the sum over all pods still fits into status."""

_MOST_MEASURES = 16
_LONGEST_NAME = 63
_ARMS = frozenset({STABLE, CANDIDATE})

logger = logging.getLogger(__name__)


class Unreadable(Exception):
    """A pod's answer is none that can be read."""


class Scraper:
    """Reads the counters of pods.

    Args:
        port: the metrics port of a pod.
    """

    def __init__(self, port: int = METRICS_PORT) -> None:
        self._port = port
        self._silent: dict[Key, set[str]] = {}
        """The pods of each model that gave no reading at the last look, so that a lasting fault is logged once."""

    async def read(self, key: Key, pods: Iterable[PodView], rollout: str) -> dict[str, PodSample]:
        """What pods counted of a rollout, by their names; a pod that gives none is left out.

        Args:
            key: whose pods they are.
            pods: whom to ask.
            rollout: its id.
        """
        addressed = [pod for pod in pods if pod.address]
        room = asyncio.Semaphore(AT_ONCE)
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        # Bodies stay as they were sent: a short one could unpack to any size.
        async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session:

            async def ask(pod: PodView) -> PodSample | None:
                async with room:
                    return await self._read_one(session, key, pod, rollout)

            samples = await asyncio.gather(*map(ask, addressed))
        silent = {pod.name for pod, sample in zip(addressed, samples, strict=True) if sample is None}
        self._silent[key] = silent
        return {pod.name: sample for pod, sample in zip(addressed, samples, strict=True) if sample is not None}

    def forget(self, key: Key) -> None:
        """No rollout of the model is under way."""
        self._silent.pop(key, None)

    async def _read_one(self, session: aiohttp.ClientSession, key: Key, pod: PodView, rollout: str) -> PodSample | None:
        try:
            return parse(await self._fetch(session, pod), rollout)
        except (aiohttp.ClientError, TimeoutError, OSError, Unreadable) as error:
            if pod.name not in self._silent.get(key, ()):
                why = str(error) or type(error).__name__
                logger.warning("Pod %s does not tell what it counted: %s", pod.name, why, extra={"resource": key})
            return None

    async def _fetch(self, session: aiohttp.ClientSession, pod: PodView) -> str:
        host = f"[{pod.address}]" if ":" in pod.address else pod.address
        address = f"http://{host}:{self._port}/metrics"
        async with session.get(address, allow_redirects=False, headers={"Accept-Encoding": "identity"}) as answer:
            if answer.status != 200:
                raise Unreadable(f"its metrics port answers {answer.status}")
            body = bytearray()
            async for chunk in answer.content.iter_chunked(1 << 16):
                body += chunk
                if len(body) > MOST_BYTES:
                    raise Unreadable(f"its metrics are longer than {MOST_BYTES} bytes")
        return body.decode(errors="replace")


def parse(text: str, rollout: str) -> PodSample:
    """What the metrics of a pod say of a rollout, by its id.

    Raises:
        Unreadable: they are not in the text format of Prometheus, or hold numbers that no counter has.
    """
    lines = _lines_of_rollouts(text)
    counts: defaultdict[Series, list[int]] = defaultdict(lambda: [0, 0])
    weights, stopped, known, unreachable = [], False, False, 0
    for name, labels, value in _samples(lines, rollout):
        known = True
        series = Series(labels.get("measure", ""), labels.get("arm", ""))
        match name.removeprefix(PREFIX):
            case "weight":
                weights.append(value)
            case "stopped":
                stopped = stopped or value > 0
            case "skipped_total" if labels.get("cause") == "unreachable":
                unreachable = min(unreachable + int(value), GREATEST)
            case "bad_total" | "trials_total" as kind if _is_known(series):
                counts[series][kind == "trials_total"] += int(value)
    if len(counts) > 2 * _MOST_MEASURES:
        raise Unreadable(f"it counts more than {_MOST_MEASURES} measures")
    # The two counters of a pair are read one after the other.
    evidence = {
        series: Counts(min(bad, trials, GREATEST), min(trials, GREATEST)) for series, (bad, trials) in counts.items()
    }
    return PodSample(rollout if known else "", min(weights, default=0.0), stopped, evidence, unreachable)


def _lines_of_rollouts(text: str) -> str:
    """The lines about rollouts, few and short enough to be parsed at once."""
    lines = [line for line in text.splitlines() if line.startswith(PREFIX)]
    if len(lines) > MOST_LINES:
        raise Unreadable(f"it has more than {MOST_LINES} lines about rollouts")
    if any(len(line) > LONGEST_LINE for line in lines):
        raise Unreadable(f"a line about rollouts is longer than {LONGEST_LINE} characters")
    rest = "".join(f"{line}\n" for line in lines)
    if len(rest) > LONGEST_TEXT:
        raise Unreadable(f"its lines about rollouts are longer than {LONGEST_TEXT} characters in all")
    return rest


def _is_known(series: Series) -> bool:
    return series.arm in _ARMS and 0 < len(series.measure) <= _LONGEST_NAME


def _samples(lines: str, rollout: str) -> Iterator[tuple[str, Mapping[str, str], float]]:
    try:
        samples = [sample for family in text_string_to_metric_families(lines) for sample in family.samples]
    except Exception as error:  # the parser raises whatever a malformed line leads it to
        raise Unreadable(f"its metrics cannot be read: {error}") from error
    for sample in samples:
        if sample.labels.get("rollout") != rollout:
            continue
        if not (math.isfinite(sample.value) and 0 <= sample.value <= GREATEST):
            raise Unreadable(f"{sample.name} is {sample.value}")
        yield sample.name, sample.labels, sample.value
