"""Hold a model's answers to labelled rows against limits and against the stable revision. Pure, but for reading the dataset."""
