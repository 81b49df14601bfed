"""`report`: a page for each genre."""
