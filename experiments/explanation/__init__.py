"""`explain`: why a cover gets its genre."""
