"""`compare`: models on the same covers."""
