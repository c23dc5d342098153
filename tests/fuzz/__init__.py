"""Hostile bytes for everything that reads a request; `make fuzz SECONDS=60`."""
