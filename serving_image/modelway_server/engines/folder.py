"""The files of the folder that `prepare` fills; imports nothing, since the process that outlives the model's reads it too."""

PREPARED = "prepared.json"
"""What `serve` starts from."""
SEARCHING = "searching.json"
"""The model itself, known to answer: it is there while a faster engine is looked for, and stays when that ends the process."""
