import os
import signal

from hypothesis import HealthCheck, settings

pytest_plugins = [
    "support.cluster.sandbox",
    "support.cluster.installed",
    "support.cluster.crd",
    "support.stores.model_store",
    "support.cluster.deployed",
    "support.cluster.gitops",
]

# The same examples at each run, and no clock: on a busy machine a slow example is no finding.
settings.register_profile(
    "modelway", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("modelway")

# As an image would that holds packages of its own: these are the tests'. Servers that tests start inherit it.
os.environ["MODELWAY_TRUSTED_TYPES"] = "support.*"

# Tests may import ONNX Runtime before the server's package, which keeps it from reporting to its maker.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# A shell starts what runs in its background deaf to Ctrl-C, and every program below it; tests send it to theirs.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
