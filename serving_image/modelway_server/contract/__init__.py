"""The inputs and outputs of a model, and the check of a request's rows against them."""
