"""The files of the folder that `prepare` fills. This module imports nothing, because the parent process imports it too."""

PREPARED = "prepared.json"
"""The document that `serve` starts from."""
WALLS = "walls.txt"
"""Which walls stood around the process that tried the model, as text for people."""
SEARCHING = "searching.json"
"""The model itself, known to answer. It exists during the search for a faster engine, and stays if that ends the process."""
