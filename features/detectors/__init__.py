"""Faces and persons."""
