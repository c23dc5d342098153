"""The model server."""

import os

# ONNX Runtime sends the names and hashes of models to its maker unless this is set before it is imported; what is served
# here stays here. A user who sets it to 0 has said otherwise.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
