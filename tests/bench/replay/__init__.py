"""How soon a replay of known rows comes to a verdict."""
