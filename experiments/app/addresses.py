"""Where each page of the app is, as browsers show it."""

SCORE, COMPARE, LEADERBOARD, GENRES, ABLATION, MAP = ADDRESSES = (
    "score",
    "compare",
    "leaderboard",
    "genres",
    "ablation",
    "map",
)
