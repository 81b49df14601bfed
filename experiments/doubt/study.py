"""`coverfusion labels`: the covers of a run whose genre is doubtful, as a table and a page with pictures."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import yaml

from coverfusion.data.csv_files import write_csv
from coverfusion.data.errors import UserError
from coverfusion.data.outputs import make_output_folder
from coverfusion.experiments.doubt.page import write_doubt_page
from coverfusion.experiments.doubt.tables import doubt_by_genre, doubtful_table, suggested_words
from coverfusion.experiments.drawing.words import percent, records, spread
from coverfusion.experiments.evaluation.intervals import Interval, grouped_proportion
from coverfusion.experiments.evaluation.statistics import widening
from coverfusion.experiments.pipeline.guess import largest_genre
from coverfusion.experiments.pipeline.leaderboard import score_frame
from coverfusion.experiments.pipeline.outputs import check_folder
from coverfusion.experiments.pipeline.predicted_genres import several
from coverfusion.experiments.pipeline.provenance import environment, write_json
from coverfusion.experiments.pipeline.reopen import reopen_collection
from coverfusion.experiments.pipeline.run_folder import Run, ScoredModel, read_run

SHOWN_COVERS = 60  # on the page; the table has all
WEAK_ACCURACY = 0.5  # of a model that is wrong more often, most doubts are mistakes unless labels are as bad


def find_doubtful(
    folder: str | os.PathLike[str],
    classifier: str | None = None,
    out: str | os.PathLike[str] | None = None,
    shown: int = SHOWN_COVERS,
) -> Path:
    """Writes tables (`doubtful.csv`, `genres.csv`), `findings.txt`, `index.html` and how they were made.

    Args:
        folder: a finished run folder, of which the collection is still there.
        classifier: whose probabilities, as `Run.model` takes it; None: the run's choice.
        out: the folder to make; None: `labels` in the run folder.
        shown: covers on the page, the most doubtful ones.

    Returns:
        The folder.

    Raises:
        UserError: not a finished run folder, no such classifier, a collection that has changed, or `out`
            cannot be written.
    """
    run = read_run(folder)
    model = run.chosen if classifier is None else run.model(classifier)
    place = Path(out or run.folder / "labels")
    check_folder(place)
    predictions = held_out_covers(run, model)
    table = doubtful_covers(run, predictions)
    genres = doubt_by_genre(predictions)
    make_output_folder(place)
    write_csv(table, place / "doubtful.csv")
    write_csv(genres, place / "genres.csv")
    sentences = doubt_findings(run, model, predictions, table, genres)
    (place / "findings.txt").write_text("\n".join(sentences) + "\n", encoding="utf-8")
    settings = {
        "run": str(run.folder.absolute()),
        "classifier": model.classifier,
        "blocks": list(model.blocks),
    }
    (place / "config.yaml").write_text(
        yaml.safe_dump(settings | {"shown": shown}, sort_keys=False), encoding="utf-8"
    )
    write_json(place / "environment.json", environment() | {"collection": run.facts["fingerprint"]})
    write_doubt_page(place, run, sentences, table.head(shown), genres, len(table))
    return place


def doubtful_covers(run: Run, predictions: pd.DataFrame) -> pd.DataFrame:
    """`doubtful_table` of what `held_out_covers` gives; raises UserError where the collection has changed."""
    covers = reopen_collection(run.folder).frame
    return doubtful_table(predictions, _paths(predictions.index, covers))


def held_out_covers(run: Run, model: ScoredModel) -> pd.DataFrame:
    """By cover_id `genre`, `group` and `p_<genre>` of every cover that a model of the run had not seen.

    Of a run with folds these are nearly all covers, of one with an 8:1:1 split those of validation and test.

    Raises:
        UserError: the run was made by a version that kept no groups.
    """
    wanted = [("classifier", "==", model.classifier), ("blocks", "==", "+".join(model.blocks))]
    frame = pd.read_parquet(run.folder / "predictions.parquet", filters=wanted)
    if "group" not in frame:
        raise UserError(f"{run.folder} was made by an older version that kept no groups. Train again.")
    return frame.sort_values(["cover_id", "genre"]).set_index("cover_id")


def doubt_findings(
    run: Run, model: ScoredModel, predictions: pd.DataFrame, table: pd.DataFrame, genres: pd.DataFrame
) -> list[str]:
    """What was found and on what it rests, a sentence each."""
    count, covers = len(table), len(predictions)
    looked = (
        "each judged by a model of a fold that had not seen it"
        if run.config["folds"]
        else "those of validation and test; a run with --folds judges all covers"
    )
    folds, wider = run.config["folds"], widening(run.config["folds"])
    scores = score_frame(predictions, predictions["group"].to_numpy(), run.config["seed"], folds)
    # of a run with folds it is the leaderboard's, with the same interval
    right = Interval(*scores.overall.loc["accuracy", ["value", "low", "high"]].astype(float))
    guessed = float((predictions["genre"] == largest_genre(run.facts["genres"])).mean())
    sets = several(predictions)
    it_is = "its genres are all" if sets else "it is"
    weak = right.value < WEAK_ACCURACY or (not sets and right.low <= guessed)
    reached = f"{percent(right.value)} ({spread(right)}) of the covers"
    against = "" if sets else f", and always saying the most frequent genre for {percent(guessed)}"
    name = f"{model.classifier} on {model.on}"
    said = [
        f"{name} is too weak to judge labels: {it_is} right for {reached}{against}. "
        f"Most of its doubts may be its own mistakes."
        if weak
        else f"{it_is[0].upper()}{it_is[1:]} right for {reached}; its own mistakes are among the doubts.",
        (
            f"{'It' if weak else name} doubts the genre of {count:,} of {covers:,} covers "
            f"({percent(count / covers)}; {looked})."
        ),
    ]
    if count:
        said += most_doubtful(predictions, table, genres, wider)
        said.append(
            "Look at each cover before you change its genre."
            if weak
            else "These are doubts, not mistakes: look at each cover, mend your folders or manifest where "
            "the label is wrong, and train again."
        )
    return said if weak else [said[1], said[0], *said[2:]]


def most_doubtful(
    predictions: pd.DataFrame, table: pd.DataFrame, genres: pd.DataFrame, wider: float = 1.0
) -> list[str]:
    """The genre whose covers are doubted most often, in a sentence; none where intervals overlap.

    Args:
        predictions: by cover_id `genre` and `group`.
        table: the doubtful covers.
        genres: as `doubt_by_genre` gives them.
        wider: from `evaluation.statistics.widening`, where the predictions are of pooled folds.
    """
    if "doubted" in table:  # of covers of several genres another genre may be doubted than this one
        return []
    named, doubted = predictions["genre"], predictions.index.isin(table["cover_id"])
    parts = {
        str(genre): grouped_proportion(doubted[own], predictions.loc[own, "group"].to_numpy(), wider)
        for genre in genres.loc[genres["covers"] > 0, "genre"]
        for own in [(named == genre).to_numpy()]
    }
    worst = max(parts, key=lambda genre: parts[genre].value)
    if any(parts[worst].low <= part.high for genre, part in parts.items() if genre != worst):
        return []
    row = next(row for row in records(genres) if row["genre"] == worst)
    return [
        (
            f"Most doubtful is {worst}: {int(row['doubtful']):,} of {int(row['covers']):,} covers "
            f"({percent(parts[worst].value)}, interval {spread(parts[worst])}). "
            f"Suggested in its place: {suggested_words(row)}."
        )
    ]


def _paths(ids: pd.Index, covers: pd.DataFrame) -> pd.Series:
    """Path of each cover_id, which ends in `:genre` where covers are kept under several genres."""
    by_genre = covers.set_index(covers["cover_id"] + ":" + covers["genre"])["path"]
    once = covers.drop_duplicates("cover_id").set_index("cover_id")["path"]
    return pd.concat([once, by_genre[~by_genre.index.duplicated()]]).reindex(ids)
