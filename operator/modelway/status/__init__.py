"""The status of a ModelDeployment: why it is or is not ready, in the words of its conditions. Pure."""
