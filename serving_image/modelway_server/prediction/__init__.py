"""From queries to answers: what waits, what goes to the model in one call, and what that costs."""
