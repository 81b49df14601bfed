"""`bench`: speed beside the plain use of the same libraries."""
