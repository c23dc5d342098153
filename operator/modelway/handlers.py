"""Watch the cluster by kopf; no other module uses it.

Only `on.event` is used, so kopf writes nothing: no annotation and no finalizer. It needs no retries of its own either, since an event only
corrects the cache and queues keys.
"""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Protocol

import aiohttp
import kopf
from kopf._cogs.structs.references import Insights, Resource, Selector
from kopf._core.engines.peering import Identity

from modelway.cluster.connection import Connection
from modelway.cluster.kinds import Kind, selector_of
from modelway.cluster.served_kinds import NOT_FOUND, ServedKinds
from modelway.cluster.watches import Watch, Watches
from modelway.errors import WatchLost
from modelway.parts import until_one_ends

OnEvent = Callable[[Kind, str | None, Mapping[str, Any]], None]
"""Takes a kind, what happened (ADDED, MODIFIED, DELETED, or None for an object of a LIST), and the object."""

SERVER_SECONDS = 300
"""After how long the API server ends a watch, so that connections are fresh."""

CLIENT_SECONDS = SERVER_SECONDS + 60
INACTIVITY_SECONDS = 70.0
"""After how long without data a watch is restarted: the API server sends a bookmark every minute."""

CONNECT_SECONDS = 15.0
REQUEST_SECONDS = 60.0
RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Pauses between attempts to open a watch; the last one repeats for ever."""

LONGEST_AWAY_SECONDS = 2.0
"""The longest pause while the API server is away: once it is back, all watches should open soon."""

EXIT_SECONDS = 1.0
IDLE_SECONDS = 1.0
"""How long kopf keeps the task of an idle object. Its default of 5 s costs memory in a burst of thousands."""

LIST_CHUNK = 500


class Server(Protocol):
    """What is known of the API server's health."""

    @property
    def away(self) -> str | None:
        """What is wrong while it is away; None while it is not."""

    def doubt(self) -> None:
        """A watch could not be opened: probe the API server."""


class _Persistence:
    """Pauses without an end: after the last one kopf would give up, and the whole operator with it.

    kopf takes the first pause before the first attempt, and the next one when that failed.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def __iter__(self) -> Iterator[float]:
        for number, pause in enumerate(itertools.chain(RETRY_SECONDS, itertools.repeat(RETRY_SECONDS[-1]))):
            if number:
                self._server.doubt()
            yield pause if self._server.away is None else min(pause, LONGEST_AWAY_SECONDS)


async def watch(
    connection: Connection,
    namespaces: tuple[str, ...],
    on_event: OnEvent,
    server: Server,
    *,
    watches: Watches,
    served: ServedKinds,
    started: asyncio.Event,
) -> None:
    """Watch every kind that is served, for ever.

    Args:
        connection: where the API server is.
        namespaces: what to watch; everything when empty.
        on_event: called with each event, synchronously.
        server: probed when a watch could not be opened.
        watches: notes requests and streams of each watch.
        served: which kinds to watch; it learns of those that have gone.
        started: set once kopf has started its tasks.

    Raises:
        WatchLost: a watch ended; it is never meant to.
    """
    logging.getLogger("kopf._cogs.clients.watching").addFilter(_tells_of_no_attempt)
    logging.getLogger("kopf._core.reactor.observation").addFilter(
        _AbsentKinds(kind for kind in served.watched if kind.optional)
    )
    places = {
        kind.path(place): (kind, Watch(kind.name, place or ""))
        for kind in served.watched
        for place in namespaces or (None,)
    }
    insights = Insights()
    running = kopf.operator(
        registry=_registry(served, connection, on_event, partial(_observe, served, places, watches)),
        settings=_settings(served, server),
        insights=insights,
        clusterwide=not namespaces,
        namespaces=namespaces,
        standalone=True,
        # kopf would ask for the name of the Unix user, which a container's user has not.
        identity=Identity("modelway"),
        ready_flag=started,
    )
    try:
        # The follower is older than kopf's own tasks, so it is not among those that kopf cancels when it ends.
        await until_one_ends(_follow_served_kinds(served, insights), _expect_no_end(running))
    except WatchLost:
        raise
    except Exception as error:
        raise WatchLost(f"a watch failed: {str(error) or type(error).__name__}") from error


async def _expect_no_end(running: Awaitable[None]) -> None:
    await running
    raise WatchLost("the watches ended by themselves")


async def _follow_served_kinds(served: ServedKinds, insights: Insights) -> None:
    """Have kopf watch the kinds that are served, and no others: it looks for them once only, as it starts, and may miss some."""
    changed = asyncio.Event()
    served.subscribe(lambda _: changed.set())
    await insights.ready_resources.wait()
    resources = {_resource_of(kind): kind for kind in served.watched}
    while True:
        changed.clear()
        async with insights.revised:
            insights.watched_resources.difference_update(resources)
            insights.watched_resources.update(one for one, kind in resources.items() if served.serves(kind))
            insights.revised.notify_all()
        await changed.wait()


def _resource_of(kind: Kind) -> Resource:
    verbs = frozenset(("list", "watch", "patch"))
    return Resource(kind.group, kind.version, kind.plural, kind=kind.name, namespaced=True, preferred=True, verbs=verbs)


def _settings(served: ServedKinds, server: Server) -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.posting.enabled = False
    # `_follow_served_kinds` finds kinds, so the rights to list namespaces and CRDs are not needed.
    settings.scanning.disabled = True
    settings.watching.server_timeout = SERVER_SECONDS
    settings.watching.client_timeout = CLIENT_SECONDS
    settings.watching.inactivity_timeout = INACTIVITY_SECONDS
    settings.watching.connect_timeout = CONNECT_SECONDS
    settings.watching.chunk_size = LIST_CHUNK
    settings.networking.request_timeout = REQUEST_SECONDS
    settings.networking.enforce_retry_after = True
    settings.networking.error_backoffs = _Persistence(server)
    settings.queueing.exit_timeout = EXIT_SECONDS
    settings.queueing.idle_timeout = IDLE_SECONDS
    settings.persistence.diffbase_storage = _NoDiffs()
    for kind in served.watched:
        if selector_of(kind):
            settings.watching.label_selectors[kind.group, kind.version, kind.plural] = selector_of(kind)
    return settings


class _NoDiffs(kopf.DiffBaseStorage):
    """Compares no object with its past. kopf would do so for no handler, and it takes a third of the time of an event."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        """Nothing of an object is compared."""
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> None:
        """Nothing is known of its past."""

    def store(self, **_: Any) -> None:
        """Nothing is written to it."""


def _tells_of_no_attempt(record: logging.LogRecord) -> bool:
    """Whether a line is about something else than an attempt to open a watch: `Watches` logs when these begin to fail and when they succeed."""
    return not record.getMessage().startswith("Request attempt")


class _AbsentKinds(logging.Filter):
    """Drops a line that says of optional kinds alone that they are absent: `ServedKinds` logs when these go and when they are back."""

    def __init__(self, optional: Iterable[Kind]) -> None:
        super().__init__()
        self._selectors = [str(Selector(kind.group, kind.version, kind.plural)) for kind in optional]

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line stays."""
        beginning, _, missing = record.getMessage().partition(": ")
        for selector in self._selectors:
            missing = missing.replace(selector, "")
        return not beginning.startswith("Unresolved resources") or bool(missing.strip(", "))


class _Stream:
    """A watch's answer."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    def received(self) -> int:
        return self._response.content.total_bytes

    def close(self) -> None:
        self._response.close()


async def _observe(
    served: ServedKinds,
    places: Mapping[str, tuple[Kind, Watch]],
    watches: Watches,
    request: aiohttp.ClientRequest,
    send: aiohttp.ClientHandlerType,
) -> aiohttp.ClientResponse:
    """Send a request of kopf's. If it is one of a watch, note its result."""
    if request.url.path not in places:
        return await send(request)
    kind, watch = places[request.url.path]
    watches.note_request(watch)
    response = await send(request)
    if response.status == NOT_FOUND and kind.optional:
        response.close()
        served.note_absent(kind)
        # kopf would end all watches for a 404. It ends this one, unless the kind is back before it sees that the kind was away.
        await served.until_served(kind)
        raise aiohttp.ClientConnectionError(f"{kind} is served again")
    if response.status >= 400:
        watches.note_failure(watch, f"the API server answers {response.status} {response.reason}")
    elif request.url.query.get("watch") == "true":
        watches.note_open(watch, _Stream(response))
    return response


def _registry(
    served: ServedKinds, connection: Connection, on_event: OnEvent, middleware: aiohttp.ClientMiddlewareType
) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(_login(connection, middleware))
    for kind in served.watched:
        kopf.on.event(kind.group, kind.version, kind.plural, registry=registry)(_handler(kind, on_event))
    return registry


def _handler(kind: Kind, on_event: OnEvent) -> Any:
    async def handle(event: kopf.RawEvent, **_: Any) -> None:
        on_event(kind, event["type"], event["object"])

    handle.__name__ = f"on_{kind.plural}"
    return handle


def _login(connection: Connection, middleware: aiohttp.ClientMiddlewareType) -> Any:
    async def login(**_: Any) -> kopf.AiohttpSession:
        settings = connection.configuration
        info = kopf.ConnectionInfo(
            server=settings.host,
            ca_path=settings.ssl_ca_cert,
            insecure=not settings.verify_ssl,
            scheme="Bearer",
            token=await connection.bearer_token(),
            certificate_path=settings.cert_file,
            private_key_path=settings.key_file,
        )
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context()),
            headers=info.as_http_headers(),
            middlewares=[middleware],
        )
        return kopf.AiohttpSession(server=info.server, aiohttp_session=session)

    return login
