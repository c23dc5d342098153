"""Split a model into a plan: steps, scores and outputs that need no estimator."""
