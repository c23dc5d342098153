"""The errors that Modelway raises, each named by what went wrong for the user."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class ModelwayError(Exception):
    """The base class. Users see its text as it is, without a traceback."""

    exit_status: ClassVar[int] = 1
    """The exit status of a command: 1 if the object that it looked at is at fault, 2 if the command line or the set-up is."""


class WrongUsage(ModelwayError):
    """A command cannot run as it was typed: an option has a wrong value, or a file or a package is missing."""

    exit_status = 2


@dataclass(frozen=True)
class Problem:
    """One fault of a ModelDeployment."""

    field: str
    """The path of the field in the YAML: `spec.scaling.min`."""

    message: str
    """The value, what is wrong with it, and what to write instead."""

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class InvalidSpec(ModelwayError):
    """A ModelDeployment is not valid; somebody must change it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))


class NotPermitted(InvalidSpec):
    """A ModelDeployment asks for something that the platform's policy forbids."""


class InvalidSettings(ModelwayError):
    """The operator's environment holds a value that it cannot use; the text names the variable."""

    exit_status = 2


class InexpressibleSchema(ModelwayError):
    """A structural schema cannot express a type of the API; whoever changed the type must correct it."""


class NoCluster(ModelwayError):
    """No Kubernetes API server answers, or it does not know ModelDeployments."""

    exit_status = 2


class ClusterError(ModelwayError):
    """The API server refused a request; the text holds the request and the server's words."""

    def __init__(
        self, message: str, *, status: int, reason: str = "", causes: Sequence[str] = (), words: str = ""
    ) -> None:
        self.words = words
        """The API server's own words, without the request."""
        self.status = status
        self.reason = reason
        self.causes = tuple(causes)
        self.child = ""
        """Kind and name of the child that the request was about; empty for other requests."""
        super().__init__(message)


class KindNotServed(ClusterError):
    """The spec needs a kind that the cluster does not serve; the text names the field."""

    def __init__(self, message: str) -> None:
        super().__init__(message, status=404)


class RetryLater(ModelwayError):
    """The request is in order, but the cluster asks to retry it later."""

    def __init__(self, message: str, *, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(message)


class ServerAway(RetryLater):
    """The API server is known to be unreachable; nothing is tried until it is back."""


class Leftover(RetryLater):
    """A child of an earlier ModelDeployment of that name is still being deleted; its name becomes free soon."""


class Vanished(ModelwayError):
    """The owner of the object, or its whole namespace, is being deleted or gone. There is nothing to do."""


class NameConflict(ModelwayError):
    """An object with a child's name belongs to somebody else, so Modelway leaves it alone."""


class ChildContested(ModelwayError):
    """Somebody keeps undoing a repair, so it is repeated less and less often."""

    def __init__(self, message: str, *, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(message)


class WatchLost(ModelwayError):
    """A watch no longer reports changes; only a restart of the operator repairs it."""


class LeaseLost(ModelwayError):
    """Another operator has led since this one did. Its cache and plans may be outdated, so it restarts."""


class NotLeading(ModelwayError):
    """A write was held back, because another operator may lead by now."""
