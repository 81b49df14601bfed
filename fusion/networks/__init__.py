"""Torch networks and how they are trained."""
