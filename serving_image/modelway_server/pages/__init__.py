"""What the server shows of its model: the OpenAPI document and the page for people."""
