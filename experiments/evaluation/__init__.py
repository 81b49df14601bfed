"""Scores, intervals and tests: numbers only, no drawing, no folders."""
