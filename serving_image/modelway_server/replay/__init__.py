"""Known rows, asked of both revisions of a rollout: evidence without clients."""
