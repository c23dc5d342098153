"""The bounds of one worker's requests, and the refusals of those beyond them."""

from dataclasses import dataclass

from modelway_server.errors import Overloaded, QueueFull, TooSlow
from modelway_server.prediction.batching import Deadline, Work


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The bounds of one worker's requests; see ServeSettings."""

    request_timeout: float
    max_request_bytes: int
    max_queue: int
    max_batch_rows: int
    """Rows of several requests in one call; 1 where the answer to a row may depend on the rows beside it."""
    max_explanations: int = 16
    """Explanations that may wait, as `max_queue` for predictions."""

    def deadline(self, started: float, *timeouts: float | None) -> Deadline:
        """The deadline of a request.

        Args:
            started: monotonic time of its header.
            timeouts: seconds in which its caller wants the answer, None where it does not say. The shortest counts;
                none may be longer than the server's own.
        """
        if timeouts.count(None) == len(timeouts):
            return Deadline(started + self.request_timeout)
        shortest = min((timeout for timeout in timeouts if timeout is not None), default=self.request_timeout)
        if shortest >= self.request_timeout:
            return Deadline(started + self.request_timeout)
        return Deadline(started + shortest, callers=True)

    def refuse_late(self, deadline: Deadline, *, called: bool) -> Overloaded | TooSlow:
        """The refusal of a request whose deadline has passed.

        Args:
            deadline: that has passed.
            called: whether the model was called for the request.
        """
        if deadline.callers:
            return TooSlow("there was no answer within the timeout that the request asks for")
        seconds = self.request_timeout
        if called:
            return TooSlow(
                f"the model took longer than {seconds:g} s; send fewer rows, or raise runtime.limits.requestTimeoutSeconds"
            )
        return Overloaded(f"the model was busy for {seconds:g} s; try again, or add replicas")


def queue_full(work: Work = Work.PREDICTION) -> QueueFull:
    """The refusal of a request that there is no room for.

    Args:
        work: that it asks for.
    """
    many = "requests" if work is Work.PREDICTION else "explanations"
    return QueueFull(f"too many {many} wait for the model; try again, or add replicas")
