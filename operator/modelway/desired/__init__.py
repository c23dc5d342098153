"""What should exist for a ModelDeployment: the revision, its pod template, the children and the plan. Pure."""
