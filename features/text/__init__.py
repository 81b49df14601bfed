"""Reading and embedding words."""
