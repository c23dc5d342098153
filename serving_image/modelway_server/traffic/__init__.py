"""The requests of a rollout: which of them the candidate answers, what it made of them, and whether it may go on."""
