"""The leaderboard of a run, its figures, and its scores by genre."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import streamlit as st
import yaml
from streamlit.elements.lib.column_types import ColumnConfig

from coverfusion.data.errors import UserError
from coverfusion.data.plurals import how_many
from coverfusion.experiments.app.addresses import GENRE, GENRES, TAB, open_page
from coverfusion.experiments.app.embedded import show_page
from coverfusion.experiments.app.missing_results import no_run
from coverfusion.experiments.app.plain_text import plain
from coverfusion.experiments.app.runs import genre_pages
from coverfusion.experiments.drawing.words import (
    SPLIT_LABELS,
    capital,
    headed,
    main_scores,
    score_labels,
    spread,
)
from coverfusion.experiments.evaluation.chosen_metric import LOSSES, SET_METRICS
from coverfusion.experiments.evaluation.intervals import Interval
from coverfusion.experiments.pipeline.run_folder import Run, ScoredModel, chance_of, read_run
from coverfusion.experiments.training.gist import alone_words, guess_words, score_words

ALL = "all"
REPORT = "Report with figures"  # a tab
GENRE_SCORES = ("f1", "precision", "recall")


def show_run_page(folder: Path | None, used: bool = True) -> None:
    """Everything about one run.

    Args:
        folder: a finished run folder; None where there is none.
        used: whether the app scores covers with this run's model.
    """
    if folder is None:
        no_run()
        return
    try:
        run = read_run(folder)
    except (OSError, ValueError, KeyError, TypeError, StopIteration, yaml.YAMLError) as error:
        raise UserError(f"{folder} cannot be read as a run: {error!r}. Train again.") from error
    st.markdown(_gist(run, used))
    tabs = ("Scores", REPORT)
    board, page = st.tabs(tabs, default=REPORT if st.query_params.get(TAB) == REPORT else tabs[0])
    with board:
        _show_scores(run, used)
    with page:
        pages = {str(page.relative_to(folder)): genre for genre, page in genre_pages(folder).items()}
        link = show_page(folder / "report.html", f"Report of the run {folder.name}", pages)
    if link:
        open_page(GENRES, **{GENRE: pages[link]})


def short_board(run: Run, split: str, models: Sequence[ScoredModel]) -> pd.DataFrame:
    """One row a model: what fits a phone, as text. The metric that ranks stands first."""
    rows = []
    for model in models:
        scores = model.scores[split]
        row = {"model": f"{chosen_mark(model)}{model.classifier}, {model.on}"}
        for name in dict.fromkeys((run.metric.column, "accuracy", "log_loss")):
            score = scores[name]
            shown = f"{score.value:.3f}" if name in LOSSES else with_interval(score)
            row[column_name(name, run.several)] = shown
        rows.append(row)
    return pd.DataFrame(rows)


def leaderboard_frame(run: Run, split: str, models: Sequence[ScoredModel]) -> pd.DataFrame:
    """One row a model: its name, its blocks, and its scores on a split (in percent)."""
    rows: list[dict[str, str | float]] = []
    for model in models:
        row: dict[str, str | float] = {
            "model": f"{chosen_mark(model)}{model.classifier}",
            "blocks": model.on,
        }
        for name in main_scores(run.metric, len(run.facts["genres"]), run.several):
            score, label = model.scores[split][name], score_labels(run.several)[name]
            row[column_name(name, run.several)] = score.value if name in LOSSES else 100 * score.value
            if name == run.metric.column:  # the other tables and the report have the others
                row[f"{label}, interval"] = spread(score, 1, 3) if name in LOSSES else spread(score)
        rows.append(row | {"seconds to fit": model.seconds})
    return pd.DataFrame(rows)


def column_name(score: str, several: bool) -> str:
    """What stands above a column of a score, with its unit; `several`: of covers of several genres."""
    return headed(score_labels(several)[score], score not in LOSSES)


def genre_frame(run: Run, split: str) -> pd.DataFrame:
    """One row a genre: the bundle's model, its scores with intervals as text, and the covers they rest on."""
    return pd.DataFrame(
        {"genre": genre, f"{run.item}s": scores["covers"]}
        | {name: with_interval(scores[name]) for name in GENRE_SCORES}
        for genre, scores in run.chosen.genres[split].items()
    ).rename(columns={"f1": "F1"})


def _gist(run: Run, used: bool) -> str:
    model = f"{plain(run.chosen.classifier)} on {plain(run.chosen.on)}"
    usual, chance = chance_of(run, run.metric)
    covers, genres = how_many(run.facts["covers"], run.item), how_many(len(run.facts["genres"]), "genre")
    return (
        f"**{plain(run.name)}**: {covers}, {genres}. "
        f"{capital(called(used))} is {model}: {score_words(run)}. "
        f"{guess_words(run, plain(usual), chance)}."
    )


def called(used: bool) -> str:
    """What the chosen model of a run is called; `used`: the app scores covers with it."""
    return "the model that this app uses" if used else "the chosen model of this run"


def _show_scores(run: Run, used: bool) -> None:
    splits = [run.split, *([run.other] if run.other else [])]
    split = run.split
    if len(splits) > 1:
        split = st.segmented_control(
            "Covers", splits, default=run.split, format_func=SPLIT_LABELS.__getitem__, required=True
        )
    st.header("Models", anchor=False)
    models = _filtered(run)
    st.table(_plain_table(short_board(run, split, models), "model"))
    st.caption(
        f"The best {run.metric.label} on {SPLIT_LABELS[run.other or run.split]} first. In brackets: "
        f"{interval_kind(run)}; that of log loss is in the report. {chosen_words(run, models, used)}"
    )
    with st.expander("All scores: a click on a column sorts"):
        st.dataframe(
            leaderboard_frame(run, split, models),
            hide_index=True,
            column_config=_columns(run.several),
            height="content",
            alt="All scores of the models",
        )
        st.caption("Scores are in percent, log loss aside. Where columns are cut off, scroll sideways.")
    st.header("Scores by genre", anchor=False)
    with st.container(key="by-genre"):
        st.table(_plain_table(genre_frame(run, split), "genre"))
    st.caption(f"Scores of {called(used)}, in percent with {interval_kind(run)}.")


def _filtered(run: Run) -> list[ScoredModel]:
    """The models with the classifier and the block that the visitor asks for."""
    left, right = st.columns(2)
    classifiers = list(dict.fromkeys(model.classifier for model in run.models))
    blocks = list(dict.fromkeys(_block(name) for model in run.models for name in model.blocks))
    classifier = left.selectbox("Classifier", [ALL, *classifiers])
    block = right.selectbox("Block", [ALL, *blocks])
    return [
        model
        for model in run.models
        if classifier in (ALL, model.classifier) and block in (ALL, *map(_block, model.blocks))
    ] or run.models


def _block(name: str) -> str:
    return name.partition(":")[0]


def interval_kind(run: Run) -> str:
    """What intervals of a run's scores are, in the words of its report."""
    return "intervals of 95 %" if run.other else "intervals of at least 95 %"


def chosen_words(run: Run, shown: Sequence[ScoredModel], used: bool = True) -> str:
    """Why the starred model was chosen.

    Args:
        run: the run.
        shown: the rows of the leaderboard.
        used: whether the app scores covers with it.
    """
    chosen, first = run.chosen, shown[0]
    if chosen not in shown:
        return f"{capital(called(used))} is not among these."
    score, best = run.score(chosen), run.score(first)
    if sum(model.kind == "fused" for model in run.models) == 1:
        return f"\u2605 is {called(used)}."
    best_by = SET_METRICS[run.chosen_by].label if run.chosen_by else run.metric.label
    words = f"\u2605 is {called(used)}. It was chosen by the best {best_by}. {alone_words(run)}"
    if chosen is first or max(score.low, best.low) > min(score.high, best.high):
        return words
    return f"{words} The interval of the starred row overlaps that of the first."


def chosen_mark(model: ScoredModel) -> str:
    """A star before the model that became the bundle."""
    return "\u2605 " if model.chosen else ""


def with_interval(score: Interval) -> str:
    """Percent with its interval, which never breaks within its brackets."""
    ends = spread(score).replace("\u2013", "\u2060\u2013\u2060")
    return f"{100 * score.value:.1f} ({ends})"


def _plain_table(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """The column `name` in front; names of users' genres and models are no Markdown."""
    return frame.assign(**{name: frame[name].map(plain)}).set_index(name)


def _columns(several: bool) -> dict[str, ColumnConfig | str | None]:
    number = st.column_config.NumberColumn
    columns: dict[str, ColumnConfig | str | None] = {
        column_name(name, several): number(
            label, format="%.3f" if name in LOSSES else "%.1f", width=7 * len(label) + 30
        )
        for name, label in score_labels(several).items()
    }
    for label in score_labels(several).values():
        columns[f"{label}, interval"] = st.column_config.TextColumn("interval", width=82)
    columns["seconds to fit"] = number("s to fit", format="%.1f", width=66)
    columns["model"] = st.column_config.TextColumn(width=130, pinned=True)
    columns["blocks"] = st.column_config.TextColumn(width=130)
    return columns
