"""Check files for contradictions before the library of their format opens them."""
