"""The catalogue of reasons: what each reason of a condition means, what to do, and whether waiting cures it.

Conditions, Events, `modelway explain` and docs/troubleshooting.md take their words from here, so every reason is explained.
"""

from enum import StrEnum
from typing import Self


class Topic(StrEnum):
    """Where to look; the sections of docs/troubleshooting.md."""

    NORMAL = "Nothing is wrong"
    MODEL = "The model file"
    POD = "The pods"
    CLUSTER = "The cluster"
    RESOURCE = "The resource"
    AUTOSCALING = "The autoscaler"
    GATEWAY = "The Gateway"


_PASSES, _STALLS = True, False
"""Whether waiting may cure it, without a change of the ModelDeployment or its model. If not, the condition Stalled is True."""


class Reason(StrEnum):
    """A reason of a condition; as text it is its name: `Reason.SERVING == "Serving"`."""

    topic: Topic
    waiting_cures: bool
    meaning: str
    """What happened, as a sentence for a reader who sees only the reason."""
    remedy: str
    """What to do, beginning with a verb; empty where there is nothing to do."""

    def __new__(cls, name: str, topic: Topic, waiting_cures: bool, meaning: str, remedy: str = "") -> Self:  # noqa: FBT001 -- a row of a table
        """One row of the catalogue."""
        reason = str.__new__(cls, name)
        reason._value_ = name
        reason.topic, reason.waiting_cures, reason.meaning, reason.remedy = topic, waiting_cures, meaning, remedy
        return reason

    # fmt: off
    SERVING = ("Serving", Topic.NORMAL, _PASSES,
        "Ready: all pods serve this revision. Available: at least one pod answers requests.")
    PROGRESSING = ("Progressing", Topic.NORMAL, _PASSES,
        "Pods of this revision are starting. Pods that serve keep serving until then.")
    PROVING = ("Proving", Topic.NORMAL, _PASSES,
        "A Job proves this revision before any pod serves it. The revision before serves until then.")
    ROLLOUT_PROGRESSING = ("RolloutProgressing", Topic.NORMAL, _PASSES,
        "A candidate of this revision runs beside the stable revision, and real requests judge it.", "Wait for the verdict; `modelway status NAME --watch` says what it still needs. Or decide yourself by `modelway promote NAME` or `modelway abort NAME`.")
    ROLLOUT_SUSPENDED = ("RolloutSuspended", Topic.NORMAL, _PASSES,
        "The rollout is paused: the candidate keeps its share of the requests, and nothing moves on.", "Resume it with `modelway resume NAME`, or set `spec.rollout.paused` to false.")
    NOT_ENOUGH_REPLICAS = ("NotEnoughReplicas", Topic.NORMAL, _PASSES,
        "The model was ready and lost a pod. Another pod is starting.")
    SUSPENDED = ("Suspended", Topic.NORMAL, _PASSES,
        "`spec.suspend` is true: what runs keeps running, and changes wait.", "Set `spec.suspend` to false to resume.")
    LOADED = ("Loaded", Topic.NORMAL, _PASSES,
        "ModelAccepted: the model was fetched and loaded, and gave a first prediction.")
    PENDING = ("Pending", Topic.NORMAL, _PASSES,
        "ModelAccepted: the model has not been loaded yet.")
    NO_POD_SERVES = ("NoPodServes", Topic.NORMAL, _PASSES,
        "Available: no pod answers requests.", "Read the condition Ready, which says why.")
    NO_SERVICE = ("NoService", Topic.NORMAL, _PASSES,
        "Pods are up, but the model's Service is missing, so clients cannot reach them.", "Read the condition Ready, which says why the Service is missing.")

    MODEL_NOT_FOUND = ("ModelNotFound", Topic.MODEL, _STALLS,
        "Nothing is stored at the model's URI.", "Correct `spec.model.uri`, or upload the model. Names are case-sensitive; the name of a folder ends in `/`.")
    ACCESS_DENIED = ("AccessDenied", Topic.MODEL, _STALLS,
        "The store refused the credentials, or none were given.", "Name a Secret with read access in `spec.model.storage.secretRef`.")
    INVALID_URI = ("InvalidURI", Topic.MODEL, _STALLS,
        "The URI, or the endpoint in the Secret, cannot be used; the message says why.", "Write `s3://bucket/path/model.joblib` or `https://host/path/model.joblib`.")
    HOST_NOT_ALLOWED = ("HostNotAllowed", Topic.MODEL, _STALLS,
        "The model's address, or an address that it redirects to, may not be contacted. The platform's policy or the Secret forbids it, or it belongs to the node or the cloud.", "Name another host in `spec.model.uri`, or ask whoever the message names to allow this one.")
    ARTIFACT_REPLACED = ("ArtifactReplaced", Topic.MODEL, _STALLS,
        "Other bytes lie at the model's URI than those that were proved.", "Take them as a new revision by `modelway refresh NAME` or by a new `spec.model.version`, or put the old object back.")
    DIGEST_MISMATCH = ("DigestMismatch", Topic.MODEL, _STALLS,
        "The bytes at the model's URI have another digest than the one in `spec.model.digest`. The message names both.", "Set `spec.model.digest` to the digest of the bytes that you want, or put those bytes back.")
    FETCH_FAILED = ("FetchFailed", Topic.MODEL, _PASSES,
        "The network or the store failed again and again.", "Check that the store answers from inside the cluster. The fetch is retried automatically.")
    FETCH_TIMEOUT = ("FetchTimeout", Topic.MODEL, _PASSES,
        "Fetching the artifact took too long.", "Raise `spec.runtime.limits.fetchTimeoutSeconds`. The fetch is retried automatically.")
    ARTIFACT_TOO_LARGE = ("ArtifactTooLarge", Topic.MODEL, _STALLS,
        "The artifact has more bytes or more files than allowed, or its archive unpacks to far more than its own size.", "Raise `spec.runtime.limits.maxArtifactBytes` if the message names the cap on bytes. Otherwise upload the model alone, as a folder or an archive of its own.")
    STORAGE_FULL = ("StorageFull", Topic.MODEL, _STALLS,
        "The pod's volume or the node's disk is too small for the artifact.", "Raise `spec.runtime.limits.maxArtifactBytes`, which sizes the volume, or free disk space.")
    INVALID_ARTIFACT = ("InvalidArtifact", Topic.MODEL, _STALLS,
        "The artifact cannot be read as a model. It is truncated, damaged or of another format, or it is a folder or an archive with links or names that lead out of it.", 'Save it again with `joblib.dump(model, "model.joblib")` and upload it.')
    UNSAFE_ARTIFACT = ("UnsafeArtifact", Topic.MODEL, _STALLS,
        "The artifact names code that models are not made of. Loading it would run that code.", "Save it as skops or ONNX, or name what it needs in `spec.model.trustedTypes`. If it is not yours, do not load it anywhere.")
    UNSUPPORTED_MODEL = ("UnsupportedModel", Topic.MODEL, _STALLS,
        "The model loads, but cannot answer requests. DBSCAN, for example, cannot predict rows that it has not seen.", "Choose another `spec.runtime.method`, or another estimator.")
    MISSING_MODULE = ("MissingModule", Topic.MODEL, _STALLS,
        "The model imports a Python package that the server image lacks.", "Train the model with the packages of the image, or name an image with that package in `spec.runtime.image`.")
    RUNTIME_VERSION_MISMATCH = ("RuntimeVersionMismatch", Topic.MODEL, _STALLS,
        "Another version of its library saved the model. With the image's version, it does not load or cannot answer.", "Train and save it with the image's version.")
    LOAD_FAILED = ("LoadFailed", Topic.MODEL, _STALLS,
        "Loading the model raised an error.", "Load it with `joblib.load` in a fresh Python process, and fix the error.")
    LOAD_TIMEOUT = ("LoadTimeout", Topic.MODEL, _STALLS,
        "Loading the model took too long.", "Raise `spec.runtime.limits.startupTimeoutSeconds`, or give the pod more CPU.")
    LOAD_CRASHED = ("LoadCrashed", Topic.MODEL, _STALLS,
        "A native library crashed the process that ran the model.", "Read the pod's log, which shows where. Then save the model again with the image's versions.")
    WARMUP_FAILED = ("WarmupFailed", Topic.MODEL, _STALLS,
        "The model loads, but its first prediction fails.", "Call its method on one row of training data, and fix the error.")
    ENGINE_UNAVAILABLE = ("EngineUnavailable", Topic.MODEL, _STALLS,
        "The engine in `spec.runtime.engine` cannot evaluate the model, or not with the same answers.", "Set `spec.runtime.engine` to `auto`.")
    NOTHING_TO_QUANTISE = ("NothingToQuantise", Topic.MODEL, _STALLS,
        "The model has no weights that onnxruntime can keep in 8 bits. Trees have none, for example.", "Set `spec.runtime.precision` to `full`.")
    OUT_OF_MEMORY = ("OutOfMemory", Topic.MODEL, _STALLS,
        "The model needs more memory than the pod may use.", "Raise `spec.runtime.resources.limits.memory`.")

    SMOKE_TEST_FAILED = ("SmokeTestFailed", Topic.MODEL, _STALLS,
        "The model refused the request of a smoke test, or gave another answer than the test expects.", "Correct the test in `spec.preflight.smokeTests`, or train the model again. The stable revision keeps serving.")
    CONTRACT_CHANGED = ("ContractChanged", Topic.MODEL, _STALLS,
        "The model does not take all that the stable revision takes, or its answers have another form. `spec.preflight.contract` is `Compatible`.", "Train the model on the columns of the stable revision, or set `spec.preflight.contract` to `Any` once every client sends what the new model takes.")
    EVALUATION_FAILED = ("EvaluationFailed", Topic.MODEL, _STALLS,
        "The model's answers to the dataset are surely worse than `spec.preflight.evaluation` allows.", "Train the model again, or change the limit that the message names.")
    EVALUATION_INCONCLUSIVE = ("EvaluationInconclusive", Topic.MODEL, _STALLS,
        "The dataset has too few rows to tell whether the model keeps the limits of `spec.preflight.evaluation`.", "Give the dataset as many rows as the message says, or set `spec.preflight.evaluation.onInconclusive` to `Accept`.")
    INVALID_DATASET = ("InvalidDataset", Topic.MODEL, _STALLS,
        "The dataset of `spec.preflight.evaluation` cannot be read, or does not fit the model or the metrics.", "Correct the field that the message names, or the dataset.")

    CRASH_LOOP = ("CrashLoop", Topic.POD, _STALLS,
        "A container of the pod exits each time it starts, for a reason of its own.", "Read its log with `kubectl logs POD -c CONTAINER --previous`. The message names both.")
    PORT_TAKEN = ("PortTaken", Topic.POD, _PASSES,
        "Another program uses a port of the server.", "Stop that program. Only one on the pod's own network can be in the way, such as a container that the cluster adds to the pod.")
    SERVER_INCOMPLETE = ("ServerIncomplete", Topic.POD, _STALLS,
        "The server in the image cannot be imported. A package is missing or has another version.", "Build the image of `spec.runtime.image` again from the platform's server image.")
    IMAGE_PULL_FAILED = ("ImagePullFailed", Topic.POD, _PASSES,
        "The server image cannot be pulled.", "Check the image's name and registry: `spec.runtime.image`, or else `server.image` in the chart's values.")
    IMAGE_PULL_DENIED = ("ImagePullDenied", Topic.POD, _PASSES,
        "The registry refuses access to the server image.", "Name a pull Secret in `server.imagePullSecrets` of the chart's values and create it in the model's namespace. Or correct `spec.runtime.image`, or else `server.image`.")
    SECRET_NOT_FOUND = ("SecretNotFound", Topic.POD, _PASSES,
        "The Secret of `spec.model.storage.secretRef` does not exist in this namespace.", "Create the Secret, or correct its name. Pods then start automatically.")
    CONTAINER_CONFIG_ERROR = ("ContainerConfigError", Topic.POD, _PASSES,
        "A container cannot be created, or the server did not understand its arguments.", "Read the message. Use an operator and a server image of the same release.")
    INVALID_IMAGE_NAME = ("InvalidImageName", Topic.POD, _STALLS,
        "The name of the server image is not a valid image name.", "Correct `spec.runtime.image`, or else `server.image` in the chart's values.")
    UNSCHEDULABLE = ("Unschedulable", Topic.POD, _PASSES,
        "No node can take the pod.", "Lower `spec.runtime.resources.requests`, correct `spec.scheduling`, or add nodes.")
    KILLED = ("Killed", Topic.POD, _PASSES,
        "Something outside the server killed or stopped it: a failed probe, too little memory, or a person. It starts again.", "Read why with `kubectl describe pod POD` if it repeats.")
    EVICTED = ("Evicted", Topic.POD, _PASSES,
        "A node stopped the pod or refused to start it, for lack of memory or disk for example. Another pod is starting.", "Raise `spec.runtime.resources.requests` if it repeats.")
    NODE_LOST = ("NodeLost", Topic.POD, _PASSES,
        "The pod's node no longer reports.", "Wait until the node is back or the pod is replaced (5 minutes by default), or ask whoever runs the cluster.")
    PROGRESS_DEADLINE_EXCEEDED = ("ProgressDeadlineExceeded", Topic.POD, _STALLS,
        "The revision did not become ready in time.", "Look at its pods with the command in the message.")

    QUOTA_EXCEEDED = ("QuotaExceeded", Topic.CLUSTER, _PASSES,
        "The namespace's quota leaves no room for a pod.", "Lower `spec.runtime.resources` or `spec.scaling`, or ask for more quota.")
    RESOURCES_MISSING = ("ResourcesMissing", Topic.CLUSTER, _STALLS,
        "A quota of the namespace requires amounts that the pods do not set.", "Set the amounts that the message names in `spec.runtime.resources`.")
    LIMIT_RANGE_VIOLATED = ("LimitRangeViolated", Topic.CLUSTER, _STALLS,
        "A LimitRange of the namespace refuses the amounts of the pods.", "Set `spec.runtime.resources` within its bounds, or ask for other bounds.")
    POD_SECURITY_VIOLATED = ("PodSecurityViolated", Topic.CLUSTER, _STALLS,
        "Pod Security refuses the pods. Modelway's pods keep to `restricted`, so something in the cluster changes them.", "Exempt the namespace from what the message points at, a sidecar injector for example.")
    POLICY_VIOLATED = ("PolicyViolated", Topic.CLUSTER, _STALLS,
        "A policy or a webhook of the cluster refuses the pods or a child.", "Change what the message names, or ask whoever runs the cluster for an exception.")
    WEBHOOK_FAILED = ("WebhookFailed", Topic.CLUSTER, _PASSES,
        "A webhook that the API server must ask does not answer.", "Have the webhook repaired or removed. The change is retried automatically.")
    SERVICE_ACCOUNT_NOT_FOUND = ("ServiceAccountNotFound", Topic.CLUSTER, _PASSES,
        "The namespace lacks the service account that the pods run under.", "Create the service account. Pods then start automatically.")
    PRIORITY_CLASS_NOT_FOUND = ("PriorityClassNotFound", Topic.CLUSTER, _STALLS,
        "The cluster has no PriorityClass of that name.", "Correct `spec.scheduling.priorityClassName`, or leave it out.")
    RUNTIME_CLASS_NOT_FOUND = ("RuntimeClassNotFound", Topic.CLUSTER, _STALLS,
        "The cluster has no RuntimeClass of that name.", "Correct `spec.scheduling.runtimeClassName`, or leave it out.")
    OPERATOR_FORBIDDEN = ("OperatorForbidden", Topic.CLUSTER, _PASSES,
        "The operator lacks a right that the chart gives it.", "Install the role and the binding of the chart again.")
    KIND_NOT_SERVED = ("KindNotServed", Topic.CLUSTER, _PASSES,
        "The cluster does not serve a kind of object that the spec needs.", "Leave out the field that the message names, or have that kind installed. The model then continues automatically.")
    NAMESPACE_TERMINATING = ("NamespaceTerminating", Topic.CLUSTER, _STALLS,
        "The namespace is being deleted, and the model with it.", "Apply the model in another namespace.")
    POD_REFUSED = ("PodRefused", Topic.CLUSTER, _PASSES,
        "The cluster refuses the pods, because of a policy for example.", "Change what the message names, or ask whoever runs the cluster.")

    INVALID_SPEC = ("InvalidSpec", Topic.RESOURCE, _STALLS,
        "The spec is not valid.", "Correct the field that the message names.")
    NOT_PERMITTED = ("NotPermitted", Topic.RESOURCE, _STALLS,
        "The spec asks for something that the platform's policy forbids: an image, a host, a Secret, an account, a PriorityClass or a toleration, for example. What runs stays as it is.", "Change the field that the message names, or ask whoever runs Modelway to change `policy` in the chart's values.")
    STABLE_UNKNOWN = ("StableUnknown", Topic.RESOURCE, _STALLS,
        "The revision is to be compared with the one that serves, of which no record can be read. What runs stays as it is.", "Apply the spec of the revision that serves once more, which makes its record anew. Or leave out `spec.preflight.evaluation`, and `contract`.")
    ROLLED_BACK = ("RolledBack", Topic.RESOURCE, _STALLS,
        "The rollout of this revision ended without it: its answers were worse, its pods failed, its time was over, or somebody aborted it. The stable revision serves all requests.", "Read the numbers in the message and in `status.rollout`. Then apply a better model, revert the spec, or try this one again with `modelway retry NAME`.")
    ROLLOUT_PAUSED = ("RolloutPaused", Topic.RESOURCE, _PASSES,
        "Somebody paused the Deployment, so the present spec is not rolled out. What serves keeps serving.", "Resume it with `kubectl rollout resume deployment/NAME`.")
    NAME_CONFLICT = ("NameConflict", Topic.RESOURCE, _STALLS,
        "An object that Modelway did not create for this model has the name of a child. Modelway leaves it alone.", "Delete or rename that object, or give the model another name.")
    CHILD_CONTESTED = ("ChildContested", Topic.RESOURCE, _STALLS,
        "Something keeps changing or deleting a child, so Modelway repairs it only every few minutes.", "Stop the program that the message names, or make the change in the ModelDeployment.")
    CHILD_INVALID = ("ChildInvalid", Topic.RESOURCE, _STALLS,
        "The API server rejects a child that the spec asks for as invalid.", "Correct the field of the spec that the API server's words point at.")
    APPLY_FAILED = ("ApplyFailed", Topic.RESOURCE, _PASSES,
        "The API server refused a change of a child.", "Read the API server's words in the message. The cause is usually a policy or a quota.")

    VALID_METRIC_FOUND = ("ValidMetricFound", Topic.AUTOSCALING, _PASSES,
        "AutoscalingActive: the number of pods follows the load.")
    TOO_MANY_REPLICAS = ("TooManyReplicas", Topic.AUTOSCALING, _PASSES,
        "AutoscalingActive: the autoscaler works, and the load needs more pods than `spec.scaling.max`.", "Raise `spec.scaling.max` if answers come too slowly.")
    FETCHING_METRICS = ("FetchingMetrics", Topic.AUTOSCALING, _PASSES,
        "AutoscalingActive: the autoscaler waits for the first figures of new pods.", "Wait about a minute after a pod serves; the figures then arrive.")
    METRICS_UNAVAILABLE = ("MetricsUnavailable", Topic.AUTOSCALING, _PASSES,
        "AutoscalingActive: the cluster has no metrics API, or it does not answer; the number of pods stays as it is.", "Install metrics-server, read its log, or set `spec.scaling.replicas`.")
    POD_METRICS_MISSING = ("PodMetricsMissing", Topic.AUTOSCALING, _PASSES,
        "AutoscalingActive: the metrics API answers, but has no figures of the model's pods; their number stays as it is.", "Look at `kubectl top pods` and at the log of metrics-server.")
    REQUEST_MISSING = ("RequestMissing", Topic.AUTOSCALING, _PASSES,
        "AutoscalingActive: a container that the cluster adds to the pods has no request, so the autoscaler cannot compute a percentage.", "Set a request on that container where it is defined.")
    SCALING_DISABLED = ("ScalingDisabled", Topic.AUTOSCALING, _PASSES,
        "Ready and AutoscalingActive: the Deployment was scaled to 0 pods, so nothing serves, and the autoscaler is off.", "Scale the Deployment to 1 or more.")
    AMBIGUOUS_SELECTOR = ("AmbiguousSelector", Topic.AUTOSCALING, _PASSES,
        "AutoscalingActive: another autoscaler sets the number of the same pods.", "Delete the other one, or leave `spec.scaling.max` out.")
    AUTOSCALER_FAILED = ("AutoscalerFailed", Topic.AUTOSCALING, _PASSES,
        "AutoscalingActive: the autoscaler fails for a reason of its own.", "Read the message, which holds the autoscaler's own words.")

    ROUTE_ACCEPTED = ("RouteAccepted", Topic.GATEWAY, _PASSES,
        "Exposed: the Gateway takes requests for the model.")
    ROUTE_PENDING = ("RoutePending", Topic.GATEWAY, _PASSES,
        "Exposed: the Gateway has not said yet whether it takes requests for the model.", "Wait some seconds. Where it lasts, correct `spec.exposure.gateway.name` or `namespace`, or have the controller of the Gateway's class started.")
    NO_MATCHING_PARENT = ("NoMatchingParent", Topic.GATEWAY, _PASSES,
        "Exposed: the Gateway has no such listener for HTTP.", "Correct `spec.exposure.gateway.sectionName`, or leave it out.")
    NO_MATCHING_LISTENER_HOSTNAME = ("NoMatchingListenerHostname", Topic.GATEWAY, _PASSES,
        "Exposed: no listener of the Gateway is for the host names of the model.", "Correct `spec.exposure.gateway.hostnames`, or leave them out.")
    NOT_ALLOWED_BY_LISTENERS = ("NotAllowedByListeners", Topic.GATEWAY, _PASSES,
        "Exposed: the Gateway's listeners take no routes from this namespace.", "Have whoever runs the Gateway allow the namespace in `allowedRoutes`, or name another Gateway in `spec.exposure.gateway`.")
    BACKEND_UNRESOLVED = ("BackendUnresolved", Topic.GATEWAY, _PASSES,
        "Exposed: the Gateway cannot send requests to the model's Service.", "Read the Gateway's words in the message, or ask whoever runs it.")
    ROUTE_REFUSED = ("RouteRefused", Topic.GATEWAY, _PASSES,
        "Exposed: the Gateway does not take the route, for a reason of its own.", "Change `spec.exposure.gateway` by its words in the message, or ask whoever runs it.")
    # fmt: on
