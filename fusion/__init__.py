"""Classifiers over blocks, one file each; calibration, sets, nearest covers, the bundle."""
