"""`decide`: how far probabilities, abstention and sets of genres can be trusted."""
