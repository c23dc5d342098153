"""Engines evaluate a loaded model faster, with the same answers. A proof chooses one, and `prepare` leaves it for `serve`."""
