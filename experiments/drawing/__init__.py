"""Colours, panels, charts, HTML pages and their templates, thumbnails."""
