"""Rows to try a model, to prove its engines, and to show to people."""
