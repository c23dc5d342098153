"""Rows that a model is tried, proved and shown with."""
