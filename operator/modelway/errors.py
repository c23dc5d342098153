"""Every error that Modelway raises itself, named by what went wrong for the person who reads it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class ModelwayError(Exception):
    """The root: its text is written for a user and is shown as it is, without a traceback."""

    exit_status: ClassVar[int] = 1
    """Of a command that ends with it: 1 where what it was asked about is at fault, 2 where the question is."""


class WrongUsage(ModelwayError):
    """A command cannot be followed as it was typed: an option's value, a file that is not there, a missing package."""

    exit_status = 2


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a ModelDeployment."""

    field: str
    """Where, as a path a user finds in the YAML: `spec.scaling.min`."""

    message: str
    """What is wrong with which value, and what to write instead."""

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class InvalidSpec(ModelwayError):
    """A ModelDeployment that cannot be followed until somebody changes it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))


class NotPermitted(InvalidSpec):
    """A ModelDeployment that asks for what the platform's policy does not allow."""


class InvalidSettings(ModelwayError):
    """The operator's environment holds a value it cannot run with; the text names the variable."""

    exit_status = 2


class InexpressibleSchema(ModelwayError):
    """A type of the API has no equal among structural schemas; a mistake of whoever changed the type."""


class NoCluster(ModelwayError):
    """There is no Kubernetes API server to talk to, or it does not know ModelDeployments."""

    exit_status = 2


class ClusterError(ModelwayError):
    """The API server refused a request; the text is its own, with what was asked."""

    def __init__(
        self, message: str, *, status: int, reason: str = "", causes: Sequence[str] = (), words: str = ""
    ) -> None:
        self.words = words
        """The API server's own words, without what was asked."""
        self.status = status
        self.reason = reason
        self.causes = tuple(causes)
        self.child = ""
        """The child that it was about, by kind and name, where there was one."""
        super().__init__(message)


class KindNotServed(ClusterError):
    """The spec needs a kind that the cluster does not serve; the text names the field."""

    def __init__(self, message: str) -> None:
        super().__init__(message, status=404)


class RetryLater(ModelwayError):
    """Nothing is wrong with the request; the cluster asks to come back in a while."""

    def __init__(self, message: str, *, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(message)


class ServerAway(RetryLater):
    """The API server is known to be away: nothing is tried before it is back."""


class Leftover(RetryLater):
    """A child of an earlier ModelDeployment of that name is still being deleted; its name is free in a while."""


class Vanished(ModelwayError):
    """What the request was about is going or gone: its owner, or the whole namespace. Nothing to do."""


class NameConflict(ModelwayError):
    """An object with a child's name belongs to somebody else, so it is left alone."""


class ChildContested(ModelwayError):
    """Somebody keeps undoing what is put right, so it is put right less and less often."""

    def __init__(self, message: str, *, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(message)


class WatchLost(ModelwayError):
    """A watch stopped telling the truth; only a fresh start of the operator makes it honest again."""


class LeaseLost(ModelwayError):
    """Another operator has led since this one did; what this one knows and plans may be of the past, so it starts afresh."""


class NotLeading(ModelwayError):
    """A write was held back, since another operator may lead by now."""
