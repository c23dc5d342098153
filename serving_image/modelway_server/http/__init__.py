"""The inference protocols over HTTP/1.1, and the probes."""
