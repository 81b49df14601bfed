"""Tells what an album cover says about its music, by fusing independent features of the picture."""
