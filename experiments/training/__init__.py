"""`train` and `demo`: the main job and its report."""
