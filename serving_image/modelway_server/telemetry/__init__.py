"""What the server tells its operators: metrics, traces, logs."""
