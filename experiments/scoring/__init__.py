"""`score`: batch scoring."""
