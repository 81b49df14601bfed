"""`ablate`: models refitted on sets of blocks."""
