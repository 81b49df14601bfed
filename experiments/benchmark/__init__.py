"""`benchmark`: frozen tasks, submissions of any system, and a leaderboard of them."""
