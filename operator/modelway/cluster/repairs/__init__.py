"""Repairs of children that somebody else keeps changing: noticed, named, and held back."""
