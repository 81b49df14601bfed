"""Collections: reading covers with their genres, checking them, finding copies, splitting them."""
