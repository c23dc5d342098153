"""The sandbox as pytest fixtures: one control plane a session, one namespace a test."""
