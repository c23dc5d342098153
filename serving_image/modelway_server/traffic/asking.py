"""One request to the candidate, and what that came to: judged alike, whoever sends it."""

import logging
from collections.abc import Callable

from modelway_server.traffic.agreement import CountOne
from modelway_server.traffic.client import Busy, Client, Unreachable
from modelway_server.traffic.shared import Count
from modelway_server.traffic.tally import Outcome, Verdict, verdict_of
from modelway_server.traffic.wire import BrokenOff, TooLarge

_LOGGER = logging.getLogger(__name__)


async def ask_candidate(
    client: Client,
    content: tuple[bytes, ...],
    seconds: float,
    count: CountOne,
    *,
    is_message: bool,
    begin: Callable[[], None] = lambda: None,
) -> Outcome | None:
    """What the candidate makes of a request; None where it does not see it, which is counted.

    Args:
        client: asks it.
        content: the request's bytes, in parts.
        seconds: that it has.
        count: counts.
        is_message: whether a message of gRPC is asked for.
        begin: called when there is a connection, before the request goes out on it.
    """
    try:
        answer = await client.send(content, seconds, begin)
        verdict = verdict_of(answer, is_message=is_message)
    except Unreachable:
        count(Count.UNREACHABLE)
    except Busy:
        count(Count.BUSY)
    except TimeoutError:
        return Outcome(Verdict.LATE, seconds)
    except (BrokenOff, TooLarge):
        return Outcome(Verdict.FAILED, seconds)
    except Exception:
        _LOGGER.exception("a request could not be sent to the candidate")
        count(Count.BUSY)
    else:
        if verdict is not Verdict.BUSY:
            return Outcome(verdict, seconds, answer if verdict is Verdict.ANSWERED else None)
        count(Count.BUSY)
    return None
