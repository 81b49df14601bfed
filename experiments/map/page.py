"""`index.html` of a map: covers to point at, which genres separate, clusters; one file, no network."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from markupsafe import Markup

from coverfusion.data.csv_files import read_csv
from coverfusion.data.genre_sets import apart
from coverfusion.experiments.drawing import charts as figures
from coverfusion.experiments.drawing import marks, pages
from coverfusion.experiments.drawing.contact_sheets import ACROSS, contact_sheets
from coverfusion.experiments.drawing.words import common_folder, percent, records
from coverfusion.experiments.evaluation.intervals import Interval
from coverfusion.experiments.map.clusters import ALL_GENRES, NO_CLUSTER
from coverfusion.experiments.map.figures import METHOD_NAMES
from coverfusion.experiments.map.projections import PLACING_NEIGHBOURS
from coverfusion.experiments.map.separation import MAX_PROBED_COVERS, PROBE_FOLDS

MAX_COVERS_DRAWN = 100_000  # covers on the page
MAX_THUMBNAILS = 4_000  # of these with a thumbnail
MAP_THUMBNAIL_SIDE = 80  # pixels of a thumbnail
MAX_THUMBNAIL_BYTES = (
    5_500_000  # for all thumbnails; a third more as text, so that the page stays under 10 MB
)
MAX_COVERS_LISTED = 200  # rows of the list of covers
MAX_PATH_LETTERS = 90  # letters of a path that are listed
MOST_NAMED = 5  # pairs of genres in a sentence
MAX_CLUSTER_COLUMNS = 12  # columns of a table of clusters
CLUSTERING_NAMES = {"k_means": "k-means", "hdbscan": "HDBSCAN"}
PREDICTIONS = {"right": 0, "wrong": 1, "not held out": NO_CLUSTER}  # each with the number of its mark


def write_map_page(folder: Path, seed: int) -> Path:
    """Writes `index.html` from the tables of a map's folder.

    Args:
        folder: with `projection.parquet`, `separation.csv`, `clusters.csv`, `config.yaml` and
            `environment.json`.
        seed: of the covers that are drawn and pictured.
    """
    table = pd.read_parquet(folder / "projection.parquet")
    pairs, scores = read_scores(folder)
    methods = [method for method in METHOD_NAMES if f"{method}_x" in table]
    root = common_folder(table["path"].tolist())
    shown = table.sample(min(MAX_COVERS_DRAWN, len(table)), random_state=seed)
    paths = [shorten(path, root) for path in shown["path"]]
    sheets = contact_sheets(shown["path"].tolist()[:MAX_THUMBNAILS], MAP_THUMBNAIL_SIDE, MAX_THUMBNAIL_BYTES)
    found = [name for name in CLUSTERING_NAMES if (table[name] != NO_CLUSTER).any()]
    sets = of_sets(folder)
    colourings = [
        _genre_marks(table, shown),
        *(_cluster_marks(table, shown, name) for name in found),
        *([_prediction_marks(table, shown)] if "predicted" in table else []),
        *(_marks_of_each(table, shown) if sets else []),
    ]
    script = (pages.TEMPLATES / "map.js").read_text(encoding="utf-8")
    data = {
        "planes": [_packed(_quantised(shown[[f"{m}_x", f"{m}_y"]].to_numpy())) for m in methods],
        "colourings": colourings,
        "ids": shown["cover_id"].tolist(),
        "root": root,
        "paths": [path.removeprefix(root).lstrip("/") for path in shown["path"]],
        "predicted": shown["predicted"].fillna("").tolist() if "predicted" in table else None,
        "sheets": ["data:image/jpeg;base64," + base64.b64encode(jpeg).decode() for jpeg in sheets.jpegs],
        "side": sheets.side,
        "across": ACROSS,
        "pictured": sheets.count,
        "missing": sheets.missing,
    }
    context = {
        "name": Path(root).name or folder.name,
        "gist": map_gist(pairs, scores),
        "blocks": _config(folder)["blocks"],
        "sets": sets,
        "known": len(_each_genre(table)) if sets else table["genre"].nunique(),
        "methods": [METHOD_NAMES[method] for method in methods],
        "colourings": [colouring["name"] for colouring in colourings],
        "first": methods[0],
        "total": len(table),
        "drawn": len(shown),
        "pictured": sheets.count,
        "sampled": int(table["sampled"].sum()),
        "near": PLACING_NEIGHBOURS,
        "matrix": separation_matrix(pairs),
        "pairs": pairs,
        "folds": PROBE_FOLDS,
        "most": MAX_PROBED_COVERS,
        "unprobed": sorted(set(table["genre"]) - {*pairs["genre_a"], *pairs["genre_b"]}),
        "clusterings": [_clustering(table, scores, name) for name in found],
        "clusterless": [CLUSTERING_NAMES[name] for name in CLUSTERING_NAMES if name not in found],
        "genres": _genres(table, scores, pairs),
        "listed": _listed(shown, paths, found),
        "files": [f"{method}.png" for method in methods] + ["separation.png"] * bool(len(pairs)),
        "environment": json.loads((folder / "environment.json").read_text(encoding="utf-8")),
        "config_text": (folder / "config.yaml").read_text(encoding="utf-8"),
        # "<" would end the script element
        "data": Markup(json.dumps(data).replace("<", "\\u003c")),
        "script": Markup(script),
        "script_hash": "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "light": figures.LIGHT | _mark_colours(marks.LIGHT_MARKS),
        "dark": figures.DARK | _mark_colours(marks.DARK_MARKS),
    }
    pages.write(folder / "index.html", pages.render("map.html", context, MAP_FILTERS))
    return folder / "index.html"


# --- words ---------------------------------------------------------------------------------------------


def map_gist(pairs: pd.DataFrame, scores: pd.DataFrame) -> list[str]:
    """Which pairs of genres separate, from which AUC to which, and what clusters follow: a sentence each."""
    sentences = []
    if len(pairs):
        best, worst = pairs.iloc[0], pairs.iloc[-1]
        apart = [f"{row['genre_a']} and {row['genre_b']}" for row in records(pairs[pairs["separates"]])]
        more = f" and {len(apart) - MOST_NAMED} more" if len(apart) > MOST_NAMED else ""
        if not apart:
            sentences.append(
                "No two genres are told apart significantly better than chance by a linear probe here."
            )
        elif len(apart) == len(pairs) > 1:
            sentences.append(
                f"A linear probe tells all {len(pairs)} pairs of genres apart significantly better than "
                "chance."
            )
        else:
            sentences.append(
                f"A linear probe tells {len(apart)} of {len(pairs)} pairs of genres apart significantly "
                f"better than chance: {'; '.join(apart[:MOST_NAMED])}{more}."
            )
        sentences.append(
            f"AUC is from {_auc(worst)} to {_auc(best)}, where 0.50 is chance."
            if len(pairs) > 1
            else f"AUC is {_auc(best)}, where 0.50 is chance."
        )
    parts = []
    for key, name in CLUSTERING_NAMES.items():
        rand, clusters = _score(scores, key, "rand"), _score(scores, key, "clusters")
        if clusters and not clusters.value:
            sentences.append(f"{name} finds no cluster.")
        elif rand:
            parts.append(f"{three_digits(rand.value)} for {name} ({ends(rand)})")
    if parts:
        sentences.append(
            f"Clusters found without the genres agree with them by an adjusted Rand index of "
            f"{' and '.join(parts)}, where 0 is chance and 1 the same partition."
        )
    return sentences


def three_digits(value: float) -> str:
    """Three digits, with a true minus sign, and none before a zero."""
    return f"{round(value, 3) + 0:.3f}".replace("-", "\u2212")


def ends(interval: Interval) -> str:
    """The two ends of an interval; "to", because a dash beside a minus sign is hard to read."""
    return f"{three_digits(interval.low)} to {three_digits(interval.high)}"


def shorten(path: str, root: str) -> str:
    """A path as seen from `root`, its last letters only where it is very long."""
    short = path.removeprefix(root).lstrip("/")
    return short if len(short) <= MAX_PATH_LETTERS else f"\u2026{short[-MAX_PATH_LETTERS:]}"


def _auc(row: pd.Series) -> str:
    ends = f"{row['low']:.2f}\u2013{row['high']:.2f}"
    return f"{row['auc']:.2f} ({ends}; {row['genre_a']} and {row['genre_b']})"


# --- tables --------------------------------------------------------------------------------------------


def separation_matrix(pairs: pd.DataFrame) -> dict[str, list[dict[str, Any] | None]]:
    """Genre -> a cell for each genre: AUC, interval, depth of its colour (0 at chance); None for itself."""
    names = sorted({*pairs["genre_a"], *pairs["genre_b"]})
    cells: dict[str, list[dict[str, Any] | None]] = {name: [None] * len(names) for name in names}
    rows: Any = pairs.to_dict(orient="records")
    for row in rows:
        depth = round(max(2 * row["auc"] - 1, 0.0), 3)
        for one, other in ((row["genre_a"], row["genre_b"]), (row["genre_b"], row["genre_a"])):
            cells[one][names.index(other)] = row | {"depth": depth}
    return cells


def _genres(table: pd.DataFrame, scores: pd.DataFrame, pairs: pd.DataFrame) -> list[dict[str, Any]]:
    rows = []
    for name, covers in table["genre"].value_counts().sort_index().items():
        own = pairs[(pairs["genre_a"] == name) | (pairs["genre_b"] == name)]
        lowest = "\u2013"
        if len(own):
            worst = own.iloc[-1]
            other = worst["genre_b"] if worst["genre_a"] == name else worst["genre_a"]
            lowest = f"{other} ({worst['auc']:.2f})"
        # an older version's table has a silhouette of a single cover
        compact = _score(scores, "genres", "silhouette", str(name)) if covers > 1 else None
        rows.append({"name": name, "covers": covers, "silhouette": compact, "lowest": lowest})
    return rows


def _clustering(table: pd.DataFrame, scores: pd.DataFrame, key: str) -> dict[str, Any]:
    labels = table[key].where(table[key] < MAX_CLUSTER_COLUMNS, MAX_CLUSTER_COLUMNS)
    proportions = pd.crosstab(table["genre"], labels, normalize="index")
    numbers: list[int] = [int(str(number)) for number in proportions.columns]
    return {
        "name": CLUSTERING_NAMES[key],
        "rand": _score(scores, key, "rand"),
        "information": _score(scores, key, "information"),
        "silhouette": _score(scores, key, "silhouette"),
        "clusters": int(table[key].max()) + 1,
        "unclustered": float((table[key] == NO_CLUSTER).mean()),
        "columns": [_cluster(number) if number < MAX_CLUSTER_COLUMNS else "others" for number in numbers],
        "covers": table["genre"].value_counts().to_dict(),
        "shares": {genre: row.tolist() for genre, row in proportions.iterrows()},
    }


def _listed(shown: pd.DataFrame, paths: list[str], found: Sequence[str]) -> list[dict[str, Any]]:
    first = shown.head(MAX_COVERS_LISTED).to_dict(orient="records")
    return [
        {"genre": row["genre"], "clusters": [_cluster(row[key]) for key in found], "path": path}
        for row, path in zip(first, paths, strict=False)
    ]


def _score(scores: pd.DataFrame, of: str, score: str, genre: str = ALL_GENRES) -> Interval | None:
    rows = scores[(scores["of"] == of) & (scores["score"] == score) & (scores["genre"] == genre)]
    if rows.empty or rows["value"].isna().any():
        return None
    row = rows.iloc[-1]  # a genre may be called "all"; the sum of all genres comes after it
    return Interval(float(row["value"]), float(row["low"]), float(row["high"]))


# --- what the script draws -----------------------------------------------------------------------------


def _genre_marks(table: pd.DataFrame, shown: pd.DataFrame) -> dict[str, Any]:
    counts = table["genre"].value_counts().sort_index()
    codes = counts.index.get_indexer(pd.Index(shown["genre"]))
    return _colouring("genre", list(counts.index), counts.tolist(), codes, range(len(counts)))


def _cluster_marks(table: pd.DataFrame, shown: pd.DataFrame, key: str) -> dict[str, Any]:
    counts = table[key].value_counts().sort_index()
    codes = counts.index.get_indexer(pd.Index(shown[key]))
    numbers = counts.index.tolist()
    labels = [_cluster(number) for number in numbers]
    return _colouring(CLUSTERING_NAMES[key], labels, counts.tolist(), codes, numbers)


def _prediction_marks(table: pd.DataFrame, shown: pd.DataFrame) -> dict[str, Any]:
    words = list(PREDICTIONS)

    def kinds(rows: pd.DataFrame) -> np.ndarray:
        right = (rows["predicted"] == rows["genre"]).to_numpy()
        return np.where(rows["predicted"].isna(), 2, np.where(right, 0, 1))

    counts = np.bincount(kinds(table), minlength=len(words)).tolist()
    return _colouring("prediction", words, counts, kinds(shown), list(PREDICTIONS.values()))


def _each_genre(table: pd.DataFrame) -> list[str]:
    """The genres that stand in the sets of genres."""
    return sorted({genre for names in table["genre"].unique() for genre in apart(names)})


def _marks_of_each(table: pd.DataFrame, shown: pd.DataFrame) -> list[dict[str, Any]]:
    """Of covers of several genres one way to mark them for each genre: those that have it, alone or not."""
    made = []
    for genre in _each_genre(table):
        having = [names for names in table["genre"].unique() if genre in apart(names)]
        without, counted = ~shown["genre"].isin(having), int(table["genre"].isin(having).sum())
        labels, counts = [f"with {genre}", "others"], [counted, len(table) - counted]
        made.append(_colouring(genre, labels, counts, without.to_numpy(), (0, NO_CLUSTER)) | {"one": True})
    return made


def _colouring(
    name: str, labels: list[str], counts: list[int], codes: np.ndarray, numbers: Sequence[int]
) -> dict[str, Any]:
    """One way to mark the covers; `numbers` choose each label's mark, a negative one a small grey dot."""
    return {
        "name": name,
        "labels": labels,
        "counts": counts,
        "codes": _packed(codes.astype("<u2")),
        "marks": [
            {"colour": f"--mark-{marks.mark(number).colour}", "path": marks.mark(number).path}
            if number >= 0
            else {"colour": "--muted", "path": "M.5 0A.5 .5 0 1 1-.5 0A.5 .5 0 1 1 .5 0Z"}
            for number in numbers
        ],
    }


def _cluster(label: int) -> str:
    return "none" if label == NO_CLUSTER else f"cluster {label + 1}"


def _quantised(xy: np.ndarray) -> np.ndarray:
    """(n, 2) positions as 0 to 65535, the same scale both ways."""
    low = xy.min(axis=0)
    span = max(float((xy.max(axis=0) - low).max()), 1e-9)
    return np.rint((xy - low) / span * 65535).astype("<u2")


def _packed(numbers: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(numbers).tobytes()).decode()


def _mark_colours(colours: Sequence[str]) -> dict[str, str]:
    return {f"mark-{number}": colour for number, colour in enumerate(colours)}


def read_scores(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`separation.csv` and `clusters.csv` of a map; a genre called "NA" is a genre."""
    pairs, scores = (
        read_csv(folder / name, dtype=dict.fromkeys(text, str), keep_default_na=False)
        for name, text in (
            ("separation.csv", ("genre_a", "genre_b")),
            ("clusters.csv", ("of", "score", "genre")),
        )
    )
    for column in ("value", "low", "high"):
        scores[column] = pd.to_numeric(scores[column], errors="coerce")
    return pairs, scores


def of_sets(folder: Path) -> bool:
    """Whether the covers of a map may have several genres, joined in its tables."""
    return _config(folder).get("labels") == "many"


def _config(folder: Path) -> dict[str, Any]:
    return yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))


MAP_FILTERS: pages.Filters = {"percent": percent, "three_digits": three_digits, "ends": ends}
