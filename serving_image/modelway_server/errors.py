"""Every failure that this program names, on one page.

A `LoadFailure` ends the process. Its class name is the reason in the status of the ModelDeployment, and its exit code
stands for the reason where the message is lost. An `InputError` refuses one request, and names the field at fault. Each
transport (HTTP, gRPC) maps these classes to codes of its own.
"""

from typing import ClassVar

MAX_DESCRIPTION = 300
"""Characters that a message takes from an exception of foreign code."""


def words(error: BaseException, limit: int = MAX_DESCRIPTION) -> str:
    """The text of an exception, on one line of at most `limit` characters; empty where it has none.

    An exception of foreign code may raise while its text is read.
    """
    try:
        return " ".join(str(error).split())[:limit]
    except Exception:  # noqa: BLE001  (the class may be a model's own, and may do anything)
        return ""


def describe(error: BaseException) -> str:
    """The class and the text of an exception, on one line of at most MAX_DESCRIPTION characters."""
    text, kind = words(error), type(error).__name__
    return f"{kind}: {text}"[:MAX_DESCRIPTION] if text else kind


class ModelwayServerError(Exception):
    """Base of all errors of this program: one sentence says what is wrong."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class LoadFailure(ModelwayServerError):
    """This process cannot serve: the model cannot be fetched, loaded or warmed up.

    Attributes:
        reason: CamelCase word, the same in the termination message, the logs and the resource's conditions.
        exit_code: exit status of the process, one per reason.
        may_pass: whether another try may succeed, with the same file.
        remedy: what the user can do about it; it begins with what to do.
    """

    exit_code: ClassVar[int] = 24
    may_pass: ClassVar[bool] = False
    default_remedy: ClassVar[str] = (
        "Load the file in a fresh Python with the library versions of the server's image; fix what fails there, and save the model again."
    )

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy or self.default_remedy

    @property
    def reason(self) -> str:
        """The class name."""
        return type(self).__name__


class PortTaken(LoadFailure):
    """Another program uses a port of this server, or the address is not this machine's."""

    exit_code = 3
    may_pass = True
    default_remedy = "End the program that listens on the port; in a cluster, only a program on the pod's own network can be in the way."


class ServerIncomplete(LoadFailure):
    """A part of this program, or a package that it needs, cannot be imported; no model is at fault."""

    exit_code = 4
    may_pass = True
    default_remedy = "Build the image of spec.runtime.image again from the platform's server image, and leave the packages of that at their versions."


class FetchFailure(LoadFailure):
    """Base of the failures to bring the artifact into the pod."""


class ModelNotFound(FetchFailure):
    """There is no object, file or folder at the URI."""

    exit_code = 10
    default_remedy = "Correct spec.model.uri, or upload the model there; names are case-sensitive, and the name of a folder ends in '/'."


class AccessDenied(FetchFailure):
    """The store refused the credentials, or there are none."""

    exit_code = 11
    default_remedy = (
        "Name a Secret with read access in spec.model.storage.secretRef "
        "(s3: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; http: MODELWAY_HTTP_TOKEN, or HTTP_USERNAME and HTTP_PASSWORD)."
    )


class ArtifactTooLarge(FetchFailure):
    """The artifact has more bytes or files than allowed, or its archive unpacks to far more than its own size."""

    exit_code = 12
    default_remedy = "Raise spec.runtime.limits.maxArtifactBytes, or save a smaller model."


class FetchFailed(FetchFailure):
    """The network or the store failed in every attempt."""

    exit_code = 13
    may_pass = True
    default_remedy = "Check that the store is up, and that this cluster can reach it (DNS, endpoint, network policy, TLS certificate)."


class FetchTimeout(FetchFailure):
    """The artifact did not arrive before the deadline."""

    exit_code = 14
    may_pass = True
    default_remedy = "Raise spec.runtime.limits.fetchTimeoutSeconds, or use a store that is nearer to the cluster."


class StorageFull(FetchFailure):
    """The volume for the artifact is full, or cannot be written to."""

    exit_code = 15
    may_pass = True
    default_remedy = "Free disk space on the node, or raise spec.runtime.limits.maxArtifactBytes, which sets the size of the model's volume."


class InvalidURI(FetchFailure):
    """The URI or the endpoint cannot be used: malformed, of another kind, or a folder in the place of a file."""

    exit_code = 16
    default_remedy = (
        "Write spec.model.uri as s3://bucket/path/model.joblib, https://host/path/model.joblib or file:///path/model.joblib; "
        "the URI of a folder ends in '/'."
    )


class HostNotAllowed(FetchFailure):
    """This program may not connect to the host of the artifact, or may not send the Secret to it."""

    exit_code = 17
    default_remedy = "Name another host in spec.model.uri."


class ArtifactReplaced(FetchFailure):
    """The store has other bytes than those that were proved."""

    exit_code = 18
    default_remedy = "Take the new object as a new revision by `modelway refresh NAME` or by a new spec.model.version, or put the old object back."


class DigestMismatch(FetchFailure):
    """The artifact has another digest than the one that the user set."""

    exit_code = 19
    default_remedy = "Set spec.model.digest to the digest of the bytes that you want, or put those bytes back."


class InvalidArtifact(LoadFailure):
    """The file is no model: it is truncated, of another format, or unreadable."""

    exit_code = 20
    default_remedy = "Save the fitted estimator with joblib.dump(model, 'model.joblib') or pickle.dump, and upload that file unchanged."


class UnsupportedModel(LoadFailure):
    """The object loads, but cannot answer requests by the chosen method."""

    exit_code = 21
    default_remedy = "Choose a model with predict, predict_proba, transform or decision_function, and name it in spec.runtime.method."


class MissingModule(LoadFailure):
    """The model needs a package that is not in this image."""

    exit_code = 22
    default_remedy = (
        "Train the model with packages of the server's image only, or use a server image that has the missing one."
    )


class RuntimeVersionMismatch(LoadFailure):
    """The model was saved with another version of its library, and fails with the version in this image."""

    exit_code = 23
    default_remedy = "Train and save the model again with the library version of the server's image, or use an image with the model's version."


class LoadFailed(LoadFailure):
    """Loading the model raised any other exception."""

    exit_code = 24


class WarmupFailed(LoadFailure):
    """The model loads, but its first prediction fails."""

    exit_code = 25
    default_remedy = "Call the model's method on one row of training data in a fresh Python; fix what fails there, and save the model again."


class LoadTimeout(LoadFailure):
    """Loading or warming up took too long."""

    exit_code = 26
    may_pass = True
    default_remedy = "Raise spec.runtime.limits.startupTimeoutSeconds, give the pod more CPU in spec.runtime.resources, or save a smaller model."


class LoadCrashed(LoadFailure):
    """The process that loaded the model crashed."""

    exit_code = 27
    default_remedy = "Read the pod's log, which shows where it crashed; then save the model again with the library versions of the server's image."


class OutOfMemory(LoadFailure):
    """The model needs more memory than the pod has."""

    exit_code = 28
    may_pass = True
    default_remedy = "Raise spec.runtime.resources.limits.memory, or save a smaller model."


class EngineUnavailable(LoadFailure):
    """The chosen engine cannot evaluate the model."""

    exit_code = 29
    default_remedy = (
        "Set spec.runtime.engine to auto, which uses the fastest engine that gives the model's own answers."
    )


class UnsafeArtifact(LoadFailure):
    """The file names code that models do not consist of; loading it would run what somebody wrote into it."""

    exit_code = 30
    default_remedy = "Save the model as skops or ONNX, or name what it needs in spec.model.trustedTypes; if the file is not your own, do not load it anywhere."


class NothingToQuantise(LoadFailure):
    """The model has no weights that onnxruntime can keep in 8 bits."""

    exit_code = 31
    default_remedy = "Set spec.runtime.precision to full: 8 bits suit neural networks and linear models."


class Verdict(LoadFailure):
    """Base of what a preflight holds against a model that answers: trying it again gives the same."""


class SmokeTestFailed(Verdict):
    """The model refused the request of a smoke test, or gave another answer than the test expects."""

    exit_code = 40
    default_remedy = "Correct the test in spec.preflight.smokeTests where it expects the wrong thing; otherwise train the model again, or go back to an earlier spec.model.version."


class EvaluationFailed(Verdict):
    """The model's answers to the dataset are surely worse than `spec.preflight.evaluation` allows."""

    exit_code = 41
    default_remedy = (
        "Train the model again, or change the limit that the message names in spec.preflight.evaluation.metrics."
    )


class EvaluationInconclusive(Verdict):
    """The dataset has too few rows to tell whether the model keeps the limits of `spec.preflight.evaluation`."""

    exit_code = 42
    default_remedy = "Give the dataset more rows, or set spec.preflight.evaluation.onInconclusive to Accept, which takes the model with that risk."


class ContractChanged(Verdict):
    """The model does not take all that the stable revision takes, or its answers have another form."""

    exit_code = 43
    default_remedy = "Train the model on the columns of the stable revision, or set spec.preflight.contract to Any once every client sends what the new model takes."


class InvalidDataset(Verdict):
    """The model cannot be evaluated: the dataset cannot be read, or does not fit the model or the metrics."""

    exit_code = 44
    default_remedy = "Correct the field of spec.preflight.evaluation that the message names, or the dataset."


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
    ArtifactReplaced,
    DigestMismatch,
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
    NothingToQuantise,
    SmokeTestFailed,
    EvaluationFailed,
    EvaluationInconclusive,
    ContractChanged,
    InvalidDataset,
)
"""Every reason for which a pod of ours can end, by exit code."""


class InputError(ModelwayServerError):
    """One request cannot be answered as it is; the model is well.

    Attributes:
        field: the part of the request at fault (`inputs[0].shape`, `instances[3].age`), or None when it is the whole request.
    """

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class MalformedRequest(InputError):
    """The message does not follow the protocol: it is no JSON, lacks a member, or has a shape that does not match its data."""


class InvalidInput(InputError):
    """The message follows the protocol, but the model does not accept its rows: width, names, types, missing values."""


class UnsupportedMediaType(InputError):
    """The operation does not take messages of this media type."""


class RequestTooLarge(InputError):
    """The message is larger than the cap on its bytes."""


class PredictionFailed(ModelwayServerError):
    """The model failed on rows that its contract accepts."""


class UnknownModel(ModelwayServerError):
    """The request is for another model than the served one, or for another version of it."""


class QueueFull(ModelwayServerError):
    """The request was refused at once: as many wait for the model as may."""


class Overloaded(ModelwayServerError):
    """The request waited too long: the model was not called for it."""


class TooSlow(ModelwayServerError):
    """The request's deadline passed: its caller's own, or the server's while the model worked on it."""


class NotReady(ModelwayServerError):
    """The model is still loading, or the server is ending."""
