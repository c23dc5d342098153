"""A model taken apart into a plan: steps, scores and outputs that are computed without the estimator."""
