"""Queries to answers: which queries wait, which share a call of the model, and what a call costs."""
