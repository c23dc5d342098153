"""What should exist for a ModelDeployment: its revision, the pod template of that, the children, and the plan that brings them about. Pure."""
