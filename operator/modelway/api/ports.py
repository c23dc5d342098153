"""The ports of a model server. Imports nothing."""

HTTP_PORT = 8080
"""Predictions over HTTP, in the pod; the port of the Service is a setting."""

GRPC_PORT = 8081
"""Predictions over gRPC, in the pod and on the Service."""

METRICS_PORT = 8082
"""Probes and metrics, in the pod and on the Service."""

HANDOVER_PORT = 8083
"""Of the candidate's Service: HTTP from a stable server, which may connect to this port alone."""
