"""`transfer`: train on one collection or source, test on another."""
