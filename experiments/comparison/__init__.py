"""`compare`: models cover by cover."""
