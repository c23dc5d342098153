"""Read and write the messages of each protocol; nothing here knows the model."""
