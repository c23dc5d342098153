"""The OpenAPI document, and the page for people."""
