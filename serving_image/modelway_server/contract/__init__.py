"""What a model takes and gives, and the rows of a request held against it."""
