"""The commands of `modelway`, but for `run`: what a person does with ModelDeployments, with and without a cluster."""
