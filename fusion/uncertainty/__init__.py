"""Calibration, abstention, sets of genres, out-of-distribution covers."""
