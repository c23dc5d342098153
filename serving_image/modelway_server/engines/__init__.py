"""How a loaded model is evaluated fast with the same answers: engines, the proof of it, and what `prepare` leaves for `serve`."""
