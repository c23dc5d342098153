"""The messages of each protocol, read and written; nothing here knows the model."""
