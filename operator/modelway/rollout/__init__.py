"""A candidate on its way into the place of the stable revision: its steps, its evidence, its judge and its end. Pure."""
