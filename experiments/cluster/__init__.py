"""`--engine ray`: extraction and scoring on many machines."""
