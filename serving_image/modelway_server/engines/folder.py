"""The files of the folder that `prepare` fills; imports nothing, since the process that outlives the model's reads it too."""

PREPARED = "prepared.json"
"""What `serve` starts from."""
WALLS = "walls.txt"
"""Which walls stood around the process that tried the model, for people."""
SEARCHING = "searching.json"
"""The model itself, known to answer: it is there while a faster engine is looked for, and stays when that ends the process."""
