"""Extractors, which turn covers into blocks of numbers, and where their rows are kept."""
