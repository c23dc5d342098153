"""Split a model into a plan: steps, scores and outputs that are computed without the estimator."""
