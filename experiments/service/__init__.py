"""`serve`: answers over HTTP."""
