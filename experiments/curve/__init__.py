"""`curve`: learning curves and balance."""
