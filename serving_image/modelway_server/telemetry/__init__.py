"""What is told of requests to whoever watches the server: metrics, traces, the access log."""
