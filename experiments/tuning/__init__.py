"""`sweep` and `search`: the parameters of a classifier."""
