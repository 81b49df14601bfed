"""Small complete scripts and a notebook that use `coverfusion` from outside."""
