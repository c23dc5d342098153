"""How a model's file comes to this machine and is found there again."""
