"""Rollouts that are tried before anything is deployed: traffic that is drawn, and the planner and the judge of the operator."""
