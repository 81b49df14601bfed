"""`coverfusion map`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coverfusion.experiments.commands.next_step import print_next
from coverfusion.experiments.commands.options import BlockOption, SeedOption, TableArgument
from coverfusion.experiments.commands.printing import print_places
from coverfusion.experiments.pipeline.console import console, print_frame

NO_VALUE = "\u2013"
CLUSTER_WORDS = {"k_means": "k-means", "hdbscan": "HDBSCAN"}
SCORE_WORDS = {
    "rand": "adjusted Rand index",
    "information": "adjusted mutual information",
    "clusters": "how many clusters",
    "unclustered": "proportion of covers in none, %",
}

SCORES_EXPLAINED = (
    "silhouette: how compact, from \u22121 to 1; below 0 nearer to another genre or cluster. "
    "Rand index and mutual information: how far clusters and genres agree, 0 by chance and 1 for the same "
    "partition. interval: 95 %, over random halves of the groups."
)


def map_command(
    source: TableArgument,
    out: Annotated[Path | None, typer.Option(help="The folder to make; runs/map-NAME by default.")] = None,
    block: BlockOption = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method", "-m", help="The projection: umap, tsne or pca (repeatable). The default is all."
        ),
    ] = None,
    seed: SeedOption = 0,
) -> None:
    """Puts covers on a plane and into clusters, and says which genres separate, on a page to explore.

    Example: `coverfusion map runs/covers-0123456789` or `coverfusion map table/ --method pca --block cnn`
    """
    from coverfusion.experiments.map.study import write_map

    print_map(write_map(source, out, block or None, method or None, seed))
    if (source / "bundle").is_dir():
        print_next("list covers whose genre is doubtful", "labels", source)
    else:
        print_next("find covers that look alike", "index", source)


def print_map(folder: Path) -> None:
    """Prints which pairs separate, how far clusters follow genres, and where everything is."""
    import pandas as pd

    from coverfusion.experiments.map.page import of_sets, read_scores, three_digits

    pairs, scores = read_scores(folder)
    printed = pd.DataFrame(
        {
            "genres": pairs["genre_a"] + ", " + pairs["genre_b"],
            "AUC": [f"{row.auc:.2f} ({row.low:.2f}\u2013{row.high:.2f})" for row in pairs.itertuples()],
            "separates": pairs["separates"].map({True: "yes", False: "no"}),
        }
    )
    if len(printed):
        print_frame(printed, "Linear probes of two genres")
        if of_sets(folder):
            console.print("Probes are of covers with one genre alone.")
        console.print(
            "AUC with intervals of at least 95 %; 0.50 is chance. separates: p below 0.05, corrected for all "
            f"{len(pairs):,} pairs (Holm); intervals are not corrected."
        )
    empty = scores.loc[(scores["score"] == "clusters") & (scores["value"] == 0), "of"]
    scores = scores[~scores["of"].isin(empty)]
    shown = {"clusters": "{:.0f}".format, "unclustered": lambda value: f"{100 * value:.1f}"}
    scores = scores.assign(
        of=scores["of"].replace(CLUSTER_WORDS),
        score=scores["score"].replace(SCORE_WORDS),
        value=[
            NO_VALUE if value != value else shown.get(score, three_digits)(value)
            for score, value in zip(scores["score"], scores["value"].astype(float).tolist(), strict=True)
        ],
    )
    spans = [
        "" if low != low else f"{three_digits(low)} to {three_digits(high)}"
        for low, high in zip(scores["low"].tolist(), scores["high"].tolist(), strict=True)
    ]
    print_frame(scores[["of", "score", "genre", "value"]].assign(interval=spans), "Genres and clusters")
    console.print(SCORES_EXPLAINED)
    for name in empty:
        console.print(f"{CLUSTER_WORDS[name]} finds no cluster.")
    print_places(folder, {"Map folder": "", "Page": "index.html"})
