"""Ask Prometheus and webhooks over HTTP.

The operator can reach what a user of a namespace cannot. So the platform names the addresses: users write queries, and paths below a prefix.
No redirect is followed, no proxy of the environment is used, and what comes back is bounded in time and size.
"""

import ssl
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import aiohttp
from yarl import URL

from modelway.api.analysis import AnalysisMetric
from modelway.cluster.metric_answers import NoReading, counts_of, number_of, webhook_counts, webhook_value
from modelway.policy import NO_PROMETHEUS, is_allowed_webhook, refused_webhook
from modelway.printable import one_line
from modelway.rollout.judge import Counts
from modelway.rollout.metrics import Reading
from modelway.rollout.questions import Subject
from modelway.settings import Settings

SECONDS: Final = 5
"""The longest that one question may take."""
MOST_BYTES: Final = 64 << 10
"""The longest answer; one number takes 100 bytes."""
CA: Final = "ca.crt"
"""The key of the Secret with the certificates by which Prometheus is known. Each other key is the name of a header."""
_PLAIN: Final = {"Accept-Encoding": "identity"}


class Sources:
    """Asks for what a metric counts.

    Args:
        settings: which addresses the platform allows.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def ask(
        self, session: aiohttp.ClientSession, metric: AnalysisMetric, subject: Subject, now: datetime
    ) -> Reading:
        """What the source of a metric says.

        Raises:
            NoReading: it says nothing that can be used.
        """
        if metric.webhook is not None:
            return await self._ask_webhook(session, metric, metric.webhook.url, subject, now)
        if metric.prometheus is None or not self._settings.rollouts_prometheus_url:
            raise NoReading(NO_PROMETHEUS, "refused")
        queries = metric.prometheus.queries
        if not metric.counts:
            return Reading(now, value=await self._query(session, subject.fill(queries["query"], now), now))
        stable = await self._pair(session, metric, subject, now, of_stable=True) if metric.beside_stable else None
        return Reading(now, await self._pair(session, metric, subject, now, of_stable=False), stable)

    async def _pair(
        self,
        session: aiohttp.ClientSession,
        metric: AnalysisMetric,
        subject: Subject,
        now: datetime,
        *,
        of_stable: bool,
    ) -> Counts:
        assert metric.prometheus is not None
        queries = metric.prometheus.queries
        # Both are asked as of one moment, so that no event is among the bad ones and not among all.
        numbers = []
        for name in ("bad", "trials"):
            try:
                numbers.append(await self._query(session, subject.fill(queries[name], now, of_stable=of_stable), now))
            except NoReading as error:
                whose = " of the stable revision" if of_stable else ""
                raise NoReading(f"{name}{whose}: {error}", error.kind) from None
        return counts_of(*numbers)

    async def _query(self, session: aiohttp.ClientSession, query: str, now: datetime) -> float:
        form = {"query": query, "time": f"{now.timestamp():.3f}", "timeout": f"{SECONDS}s", "limit": "2"}
        url = URL(f"{self._settings.rollouts_prometheus_url.rstrip('/')}/api/v1/query")
        headers, trust = _secret(self._settings.rollouts_prometheus_secret)
        status, body = await _post(session, url, "Prometheus", data=form, headers=headers, trust=trust)
        if status != 200 and not (400 <= status < 500 and body.startswith(b"{")):
            raise NoReading(f"Prometheus answers {status}")
        return number_of(body)

    async def _ask_webhook(
        self, session: aiohttp.ClientSession, metric: AnalysisMetric, address: str, subject: Subject, now: datetime
    ) -> Reading:
        if not is_allowed_webhook(address, self._settings.rollouts_webhooks_allowed):
            raise NoReading(refused_webhook(address, self._settings.rollouts_webhooks_allowed), "refused")
        content = subject.body(metric.name, now, with_stable=bool(metric.beside_stable))
        status, body = await _post(session, URL(address, encoded=True), "the webhook", json=content)
        if status != 200:
            raise NoReading(f"the webhook answers {status}")
        if metric.counts:
            candidate, stable, message = webhook_counts(body, with_stable=bool(metric.beside_stable))
            return Reading(now, candidate, stable, message=message)
        value, message = webhook_value(body)
        return Reading(now, value=value, message=message)


async def _post(
    session: aiohttp.ClientSession,
    url: URL,
    who: str,
    *,
    headers: Mapping[str, str] | None = None,
    trust: ssl.SSLContext | bool = True,
    **content: Any,
) -> tuple[int, bytes]:
    try:
        async with session.post(
            url, allow_redirects=False, headers={**_PLAIN, **(headers or {})}, ssl=trust, **content
        ) as answer:
            body = bytearray()
            async for chunk in answer.content.iter_chunked(1 << 14):
                body += chunk
                if len(body) > MOST_BYTES:
                    raise NoReading(
                        f"{who} answers with more than {MOST_BYTES} bytes: ask for one number, as sum(...) gives it"
                    )
            return answer.status, bytes(body)
    except TimeoutError:
        raise NoReading(f"{who} did not answer within {SECONDS} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise NoReading(f"{who} cannot be reached: {one_line(str(error))[:200] or type(error).__name__}") from None


def session() -> aiohttp.ClientSession:
    """A session for one round of questions. Bodies stay as they were sent: a short one could unpack to any size."""
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    return aiohttp.ClientSession(timeout=timeout, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar())


def _secret(folder: str) -> tuple[dict[str, str], ssl.SSLContext | bool]:
    """The headers and the certificates of the mounted Secret, read anew each time: whoever runs the platform may change it."""
    if not folder:
        return {}, True
    try:
        files = {file.name: file.read_text() for file in _files(Path(folder))}
        trust = files.pop(CA, "")
        return {name: text.strip() for name, text in files.items()}, _trust(trust) if trust else True
    except (OSError, ValueError) as error:
        raise NoReading(f"the Secret rollouts.prometheus.secret of Modelway's chart cannot be used: {error}") from None


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in sorted(folder.iterdir()) if not file.name.startswith("."))


@lru_cache(maxsize=2)
def _trust(certificates: str) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=certificates)
