"""Nearest covers: FAISS indexes and diversity."""
