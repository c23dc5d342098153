"""One model behind its protocols: bytes of a request to a query, and a query to bytes of an answer."""
