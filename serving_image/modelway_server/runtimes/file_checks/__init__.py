"""Files held against themselves, before the library of their format opens them."""
