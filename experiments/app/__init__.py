"""The web app of `coverfusion app`: streamlit runs `main.py`; one file a page."""
