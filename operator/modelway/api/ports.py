"""The ports of a model server. Imports nothing."""

HTTP_PORT = 8080
"""Predictions over HTTP, in the pod; the port of the Service is a setting."""

GRPC_PORT = 8081
"""Predictions over gRPC, in the pod and on the Service."""

METRICS_PORT = 8082
"""Probes and metrics, in the pod and on the Service."""
