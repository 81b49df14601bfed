"""The drawn sample collection."""
