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
    was_away: Callable[[float], bool] = lambda _: False,
) -> Outcome | None:
    """What the candidate makes of a request; None where it does not see it, which is counted.

    Args:
        client: asks it.
        content: the request's bytes, in parts.
        seconds: that it has.
        count: counts.
        is_message: whether a message of gRPC is asked for.
        begin: called when there is a connection, before the request goes out on it.
        was_away: whether this process stood still for more than so many seconds meanwhile; what it missed says nothing
            of the candidate then.
    """
    try:
        answer = await client.send(content, seconds, begin)
        verdict = verdict_of(answer, is_message=is_message)
    except Unreachable:
        count(Count.UNREACHABLE)
    except Busy:
        count(Count.BUSY)
    except (TimeoutError, BrokenOff, TooLarge) as error:
        if not _is_missed(error, seconds, was_away):
            return Outcome(Verdict.LATE if isinstance(error, TimeoutError) else Verdict.FAILED, seconds)
        count(Count.BUSY)
    except Exception:
        _LOGGER.exception("a request could not be sent to the candidate")
        count(Count.BUSY)
    else:
        if verdict is not Verdict.BUSY:
            return Outcome(verdict, seconds, answer if verdict is Verdict.ANSWERED else None)
        count(Count.BUSY)
    return None


def _is_missed(error: Exception, seconds: float, was_away: Callable[[float], bool]) -> bool:
    """Whether it may have been this process that was late: to read an answer, or to see that an idle connection had ended."""
    if isinstance(error, TimeoutError):
        return was_away(seconds / 2)
    return isinstance(error, BrokenOff) and not error.begun and was_away(0.0)
