"""`labels`: covers whose genre is doubtful."""
