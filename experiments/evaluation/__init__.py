"""Scores, intervals and tests: numbers only, no drawing, no folders."""

ROPE = 0.01  # differences in accuracy within one point do not matter, unless said otherwise
ALPHA = 0.05  # of p, after the correction for the number of tests
