"""Every failure this program can name, on one page.

A `LoadFailure` ends the process: its class name is the reason users read in the status of their ModelDeployment, its
exit code tells the same story when no message survived. An `InputError` refuses one request and names the field at
fault. No transport (HTTP, gRPC) is known here: each maps these classes to its own codes.
"""

from typing import ClassVar

MAX_DESCRIPTION = 300
"""Characters of an exception of somebody else's code, where it is told."""


def words(error: BaseException, limit: int = MAX_DESCRIPTION) -> str:
    """What an exception says, on one line of at most `limit` characters; empty where it says nothing.

    An exception of foreign code may raise when it is asked for its text.
    """
    try:
        return " ".join(str(error).split())[:limit]
    except Exception:  # noqa: BLE001  (its class is a model's own, and so is what that does)
        return ""


def describe(error: BaseException) -> str:
    """An exception in one line of at most MAX_DESCRIPTION characters: its class and what it says."""
    said, kind = words(error), type(error).__name__
    return f"{kind}: {said}"[:MAX_DESCRIPTION] if said else kind


class ModelwayServerError(Exception):
    """What all errors of this program have in common: one sentence saying what is wrong."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class LoadFailure(ModelwayServerError):
    """The model cannot be fetched, loaded or warmed up; this process cannot serve it.

    Attributes:
        reason: CamelCase word, the same in the termination message, the logs and the resource's conditions.
        exit_code: exit status of the process, one per reason.
        remedy: what the person who deployed the model can do about it, one sentence.
    """

    exit_code: ClassVar[int] = 24
    default_remedy: ClassVar[str] = (
        "Load the file in a fresh Python with the versions of this server's image; fix what fails there and save the model again."
    )

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy or self.default_remedy

    @property
    def reason(self) -> str:
        """The class name."""
        return type(self).__name__


class PortTaken(LoadFailure):
    """An address to serve on belongs to another program, or is not this machine's."""

    exit_code = 3
    default_remedy = (
        "End the program that listens there; in a cluster only a pod on the node's own network can be in the way."
    )


class ServerIncomplete(LoadFailure):
    """A part of this program, or a package that it is made on, cannot be imported: no model is at fault."""

    exit_code = 4
    default_remedy = "Make the image of spec.runtime.image anew from the platform's server image, without another version of what that holds."


class FetchFailure(LoadFailure):
    """The artifact did not arrive in the pod."""


class ModelNotFound(FetchFailure):
    """There is no object, file or folder at the URI."""

    exit_code = 10
    default_remedy = "Correct spec.model.uri, or upload the model there; the name is case-sensitive, and that of a folder ends in '/'."


class AccessDenied(FetchFailure):
    """The store refused our credentials, or there are none."""

    exit_code = 11
    default_remedy = (
        "Name a Secret with read access in spec.model.storage.secretRef "
        "(s3: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; http: MODELWAY_HTTP_TOKEN, or HTTP_USERNAME and HTTP_PASSWORD)."
    )


class ArtifactTooLarge(FetchFailure):
    """The artifact is larger than the cap on its bytes."""

    exit_code = 12
    default_remedy = "Raise spec.runtime.limits.maxArtifactBytes, or save a smaller model."


class FetchFailed(FetchFailure):
    """The network or the store kept failing after all retries."""

    exit_code = 13
    default_remedy = "Check that the store is up and can be reached from this cluster (DNS, endpoint, network policy, TLS certificate)."


class FetchTimeout(FetchFailure):
    """The artifact did not arrive before the deadline."""

    exit_code = 14
    default_remedy = "Raise spec.runtime.limits.fetchTimeoutSeconds, or bring the store nearer to the cluster."


class StorageFull(FetchFailure):
    """The volume that keeps the artifact has no room left, or refuses to be written."""

    exit_code = 15
    default_remedy = (
        "Free disk space on the node, or raise spec.runtime.limits.maxArtifactBytes, which sizes the model's volume."
    )


class InvalidURI(FetchFailure):
    """The URI names nothing this program can fetch."""

    exit_code = 16
    default_remedy = (
        "Write spec.model.uri as s3://bucket/path/model.joblib, https://host/path/model.joblib or file:///path/model.joblib; "
        "that of a folder ends in '/'."
    )


class HostNotAllowed(FetchFailure):
    """The artifact lies where this program may not connect to, or where the Secret may not be sent."""

    exit_code = 17
    default_remedy = "Name another host in spec.model.uri."


class InvalidArtifact(LoadFailure):
    """The file is not a model: truncated, of another format, or unreadable."""

    exit_code = 20
    default_remedy = "Save the fitted estimator with joblib.dump(model, 'model.joblib') or pickle.dump, and upload that file unchanged."


class UnsupportedModel(LoadFailure):
    """The object loads but cannot answer requests the way it is asked to."""

    exit_code = 21
    default_remedy = "Choose a model with predict, predict_proba, transform or decision_function, and name it in spec.runtime.method."


class MissingModule(LoadFailure):
    """Loading the model imports a package that is not in this image."""

    exit_code = 22
    default_remedy = (
        "Build the model of packages in the server's image only, or run a server image that has the missing one."
    )


class RuntimeVersionMismatch(LoadFailure):
    """The model was saved by another version of its library, and does not load or cannot answer with this image's."""

    exit_code = 23
    default_remedy = "Train and save the model again with the library version of the server's image, or run an image with the model's version."


class LoadFailed(LoadFailure):
    """Any other exception while the model was loading."""

    exit_code = 24


class WarmupFailed(LoadFailure):
    """The model loads, but its first prediction fails."""

    exit_code = 25
    default_remedy = "Call the model's method on one row of training data in a fresh Python; fix what fails there and save the model again."


class LoadTimeout(LoadFailure):
    """Loading or warming up did not end in time."""

    exit_code = 26
    default_remedy = "Raise spec.runtime.limits.startupTimeoutSeconds, give the pod more CPU in spec.runtime.resources, or save a smaller model."


class LoadCrashed(LoadFailure):
    """The process that loaded the model died of it."""

    exit_code = 27
    default_remedy = (
        "Read the pod's log, which shows where; save the model again with the library versions of the server's image."
    )


class OutOfMemory(LoadFailure):
    """The model needs more memory than the pod has."""

    exit_code = 28
    default_remedy = "Raise spec.runtime.resources.limits.memory, or save a smaller model."


class EngineUnavailable(LoadFailure):
    """The model cannot be evaluated by the engine that was asked for."""

    exit_code = 29
    default_remedy = (
        "Set spec.runtime.engine to auto, which takes the fastest engine that gives the model's own answers."
    )


class UnsafeArtifact(LoadFailure):
    """The file names code that models are not made of: loading it would run what somebody wrote into it."""

    exit_code = 30
    default_remedy = "Save the model as skops or ONNX, or name what it needs in spec.model.trustedTypes; if the file is not your own, do not load it anywhere."


LOAD_FAILURES: tuple[type[LoadFailure], ...] = (
    PortTaken,
    ServerIncomplete,
    ModelNotFound,
    AccessDenied,
    ArtifactTooLarge,
    FetchFailed,
    FetchTimeout,
    StorageFull,
    InvalidURI,
    HostNotAllowed,
    InvalidArtifact,
    UnsupportedModel,
    MissingModule,
    RuntimeVersionMismatch,
    LoadFailed,
    WarmupFailed,
    LoadTimeout,
    LoadCrashed,
    OutOfMemory,
    EngineUnavailable,
    UnsafeArtifact,
)
"""Every reason with which a pod of ours can end, in the order of their exit codes."""


class InputError(ModelwayServerError):
    """One request cannot be answered as it stands; the model is well.

    Attributes:
        field: the part of the request at fault (`inputs[0].shape`, `instances[3].age`), or None when it is the whole.
    """

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class MalformedRequest(InputError):
    """The message is not one of the protocol's: not JSON, a missing member, a shape that does not match its data."""


class InvalidInput(InputError):
    """The message is well-formed, but the model does not accept these rows: width, names, types, missing values."""


class UnsupportedMediaType(InputError):
    """The message is of another media type than those that the operation takes."""


class RequestTooLarge(InputError):
    """The message is larger than the cap on its bytes."""


class PredictionFailed(ModelwayServerError):
    """The model itself failed on rows that its contract accepts."""


class UnknownModel(ModelwayServerError):
    """The request is for another model than the one that is served, or for another version of it."""


class QueueFull(ModelwayServerError):
    """The request was not taken: as many wait for the model as may."""


class Overloaded(ModelwayServerError):
    """The request was not tried: its turn did not come in time."""


class TooSlow(ModelwayServerError):
    """The request's deadline passed: its caller's own, or the server's while the model was at work on it."""


class NotReady(ModelwayServerError):
    """The model is still loading, or the server is on its way out."""
