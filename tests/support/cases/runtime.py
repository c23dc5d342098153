"""`spec.runtime`."""

from collections.abc import Mapping
from typing import Any

from support.cases.case import Case
from support.operator.specs import Object


def _limit(name: str, accepted: int, refused: int) -> Case:
    word = "less" if refused > accepted else "greater"
    return Case(
        f"{name} {word} than {accepted}",
        {"runtime": {"limits": {name: accepted}}},
        {"runtime": {"limits": {name: refused}}},
        f"spec.runtime.limits.{name}",
        f"should be {word} than or equal to {accepted}",
    )


def _runtime(question: str, accepted: Mapping[str, Any], refused: Mapping[str, Any], field: str, message: str) -> Case:
    return Case(question, {"runtime": accepted}, {"runtime": refused}, f"spec.runtime.{field}", message)


def _resources(side: str, **amounts: Any) -> Object:
    return {"resources": {side: amounts}}


def _memory(request: str, limit: str) -> Object:
    return {"resources": {"requests": {"memory": request}, "limits": {"memory": limit}}}


def _sides(requests: Object, limits: Object) -> Object:
    return {"resources": {"requests": requests, "limits": limits}}


def _env(*names: str) -> Object:
    return {"env": [{"name": name, "value": "1"} for name in names]}


LOADERS = {
    "LDAP_URL": "LD_PRELOAD",
    "ld_library_path": "LD_LIBRARY_PATH",
    "MALLOC_ARENA_MAX": "LD_AUDIT",
    "A_PYTHONPATH": "PYTHONPATH",
    "PYTORCH_JIT": "PYTHONSTARTUP",
    "pythonhome": "PYTHONHOME",
    "GLIBC": "GLIBC_TUNABLES",
    "CUDA_VISIBLE_DEVICES": "NVIDIA_VISIBLE_DEVICES",
    "PATHS": "PATH",
    "OPENSSL_CONFIG": "OPENSSL_CONF",
    "OMP_NUM_THREADS": "OMP_TOOL_LIBRARIES",
    "ACCURACY": "ACC_PROFLIB",
    "CALIBRATION_FILE": "INTEL_LIBITTNOTIFY64",
    "KMP_AFFINITY": "INTEL_JIT_PROFILER64",
    "PLUGGABLE": "NCCL_NET_PLUGIN",
    "CUDA_MODULE_LOADING": "NVTX_INJECTION64_PATH",
    "DRIVER": "IBV_DRIVERS",
    "BIBLIOGRAPHY": "HSA_TOOLS_LIB",
    "JOBLIB_TEMP_FOLDER": "ZE_LIB_PATH",
}
"""Names that are near to refused ones and accepted, each with the one refused."""

RUNTIMES = (
    _runtime("method", {"method": "transform"}, {"method": "score"}, "method", "Unsupported value"),
    _runtime("at least one worker", {"workers": 1}, {"workers": 0}, "workers", "greater than or equal to 1"),
    _runtime("at most 16 workers", {"workers": 16}, {"workers": 17}, "workers", "less than or equal to 16"),
    _runtime("workers is a number", {"workers": 2}, {"workers": "2"}, "workers", "must be of type integer"),
    _limit("maxRequestBytes", 1024, 1023),
    _limit("maxRequestBytes", 1 << 30, (1 << 30) + 1),
    _limit("maxArtifactBytes", 1024, 1023),
    _limit("maxArtifactBytes", 1 << 40, (1 << 40) + 1),
    _limit("fetchTimeoutSeconds", 1, 0),
    _limit("fetchTimeoutSeconds", 86400, 86401),
    _limit("startupTimeoutSeconds", 5, 4),
    _limit("startupTimeoutSeconds", 3600, 3601),
    _limit("requestTimeoutSeconds", 1, 0),
    _limit("requestTimeoutSeconds", 3600, 3601),
    _limit("maxQueue", 1, 0),
    _limit("maxQueue", 65536, 65537),
    _limit("maxConnections", 1, 0),
    _limit("maxConnections", 65536, 65537),
    _runtime("engine", {"engine": "onnx"}, {"engine": "torch"}, "engine", "Unsupported value"),
    _runtime("tolerance above 0", {"tolerance": "0.01"}, {"tolerance": "0.00"}, "tolerance", "should match"),
    _runtime("tolerance in decimal", {"tolerance": "2.5e-3"}, {"tolerance": "1/400"}, "tolerance", "should match"),
    _runtime("tolerance in quotes", {"tolerance": "1e-5"}, {"tolerance": 1e-5}, "tolerance", "must be of type string"),
    _runtime(
        "rows of a batch", {"batching": {"maxRows": 1}}, {"batching": {"maxRows": 0}}, "batching.maxRows", "equal to 1"
    ),
    _runtime(
        "most rows of a batch",
        {"batching": {"maxRows": 65536}},
        {"batching": {"maxRows": 65537}},
        "batching.maxRows",
        "equal to 65536",
    ),
    _runtime(
        "image",
        {"image": "r.example:5000/risk/server:7@sha256:0a"},
        {"image": "risk/server 7"},
        "image",
        "should match",
    ),
    _runtime("image's length", {"image": "i" * 512}, {"image": "i" * 513}, "image", "Too long"),
    _runtime(
        "metric aliases",
        {"metricAliases": ["mlserver"]},
        {"metricAliases": ["seldon"]},
        "metricAliases[0]",
        "Unsupported",
    ),
    _runtime("access log", {"accessLog": True}, {"accessLog": "yes"}, "accessLog", "must be of type boolean"),
    _runtime(
        "CPU in cores",
        _resources("requests", cpu="0.5"),
        _resources("requests", cpu="half"),
        "resources.requests.cpu",
        "write cores such as",
    ),
    _runtime(
        "CPU is text or a whole number",
        _resources("limits", cpu=2),
        _resources("limits", cpu=0.5),
        "resources.limits.cpu",
        "must be of type integer",
    ),
    _runtime(
        "CPU is more than nothing",
        _resources("requests", cpu="1m"),
        _resources("requests", cpu="0m"),
        "resources.requests.cpu",
        "more than nothing",
    ),
    _runtime(
        "CPU is not negative",
        _resources("requests", cpu=1),
        _resources("requests", cpu=-1),
        "resources.requests.cpu",
        "write cores such as",
    ),
    _runtime(
        "memory with a suffix",
        _resources("limits", memory="1.5Gi"),
        _resources("limits", memory="1.5GB"),
        "resources.limits.memory",
        "write bytes with a suffix",
    ),
    _runtime(
        "memory is more than nothing",
        _resources("requests", memory=1),
        _resources("requests", memory=0),
        "resources.requests.memory",
        "more than nothing",
    ),
    _runtime(
        "memory is at most 64Ti",
        _resources("limits", memory="64Ti"),
        _resources("limits", memory="64.001Ti"),
        "resources.limits.memory",
        "at most 64Ti",
    ),
    _runtime(
        "memory request within its limit",
        _memory("1024Mi", "1Gi"),
        _memory("1025Mi", "1Gi"),
        "resources.requests.memory",
        "requests.memory is 1025Mi and limits.memory is 1Gi",
    ),
    _runtime(
        "CPU request within its limit",
        {"resources": {"requests": {"cpu": "2000m"}, "limits": {"cpu": 2}}},
        {"resources": {"requests": {"cpu": 3}, "limits": {"cpu": "2"}}},
        "resources.requests.cpu",
        "requests.cpu is 3 and limits.cpu is 2",
    ),
    _runtime(
        "disk space with a suffix",
        _resources("limits", **{"ephemeral-storage": "10Gi"}),
        _resources("limits", **{"ephemeral-storage": "10GB"}),
        "resources.limits.ephemeral-storage",
        "is no amount of storage",
    ),
    _runtime(
        "disk space request within its limit",
        _sides({"ephemeral-storage": "1024Mi"}, {"ephemeral-storage": "1Gi"}),
        _sides({"ephemeral-storage": "2Gi"}, {"ephemeral-storage": "1Gi"}),
        "resources.requests.ephemeral-storage",
        "requests.ephemeral-storage is 2Gi and limits.ephemeral-storage is 1Gi",
    ),
    _runtime(
        "devices are whole",
        _resources("limits", **{"nvidia.com/gpu": 1, "amd.com/gpu": "2"}),
        _resources("limits", **{"nvidia.com/gpu": "500m"}),
        "resources.limits",
        "devices are given whole",
    ),
    _runtime(
        "devices requested are the devices limited",
        _sides({"nvidia.com/gpu": 1}, {"nvidia.com/gpu": "1", "amd.com/gpu": 1}),
        _sides({"nvidia.com/gpu": 1}, {"nvidia.com/gpu": 2}),
        "resources.requests",
        "requests and limits name different numbers",
    ),
    *(
        _runtime(
            f"{name} is no resource of a model",
            _resources("requests", memory="1Gi"),
            _resources("requests", **{name: "1Gi"}),
            "resources.requests",
            "a resource is cpu, memory, ephemeral-storage, or a device",
        )
        for name in ("memoy", "gpu", "hugepages-2Mi", "nvidia.com/", "node.kubernetes.io/gpu", "a.example/" + "x" * 64)
    ),
    _runtime("env name", _env("HTTPS_PROXY"), _env("HTTPS-PROXY"), "env[0].name", "should match"),
    _runtime("env name's length", _env("E" * 128), _env("E" * 129), "env[0].name", "Too long"),
    _runtime("env is not Modelway's", _env("MODELWAY"), _env("MODELWAY_X"), "env[0].name", "MODELWAY_X is set by"),
    _runtime("env is not the pod's", _env("PODIUM"), _env("POD_IP"), "env[0].name", "POD_IP is set by Modelway"),
    *(
        _runtime(f"env {refused} loads code", _env(accepted), _env(refused), "env[0].name", f"{refused} decides which")
        for accepted, refused in LOADERS.items()
    ),
    _runtime("env names differ", _env("A", "a"), _env("A", "A"), "env", "Duplicate value"),
    _runtime(
        "at most 64 env", _env(*(f"E{n}" for n in range(64))), _env(*(f"E{n}" for n in range(65))), "env", "Too many"
    ),
    _runtime(
        "env needs a value",
        {"env": [{"name": "A", "value": ""}]},
        {"env": [{"name": "A"}]},
        "env[0].value",
        "Required value",
    ),
    _runtime(
        "env value's length",
        {"env": [{"name": "A", "value": "x" * 4096}]},
        {"env": [{"name": "A", "value": "x" * 4097}]},
        "env[0].value",
        "Too long",
    ),
)
