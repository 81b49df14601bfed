"""A page for each genre, and an index: what its covers look like and what sets them apart."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from coverfusion.data.csv_files import write_csv
from coverfusion.data.errors import UserError
from coverfusion.data.names import file_stems
from coverfusion.data.outputs import make_output_folder
from coverfusion.data.sides import sides_in_words
from coverfusion.experiments.drawing import pages
from coverfusion.experiments.drawing.run_pages import link_run_pages
from coverfusion.experiments.drawing.words import (
    brief,
    held_out_words,
    p_value,
    percent,
    points,
    signed,
    spread,
)
from coverfusion.experiments.genres.effects import MAX_CORRELATION, SIGNIFICANCE_LEVEL
from coverfusion.experiments.genres.findings import GenreFindings, find_all_genres
from coverfusion.experiments.genres.page import EFFECTS_IN_GIST, gains_by_genre, genre_page
from coverfusion.experiments.genres.shap import MIN_TESTED_COVERS
from coverfusion.experiments.genres.typical_covers import neighbours_for
from coverfusion.experiments.genres.words import MIN_WORD_COVERS, typical_words
from coverfusion.experiments.pipeline.outputs import check_folder
from coverfusion.experiments.pipeline.progress import counted
from coverfusion.experiments.pipeline.provenance import environment, write_json
from coverfusion.experiments.pipeline.reopen import finished_run, reopen
from coverfusion.experiments.pipeline.run_folder import read_run
from coverfusion.features.sides import meanings_of
from coverfusion.fusion.bundle import load_bundle

FITS_FOLDER = ".fits"  # in the folder of the pages, until they are finished


def write_genre_report(run: str | os.PathLike[str], out: str | os.PathLike[str]) -> Path:
    """Writes `index.html`, one page a genre, and the tables behind them.

    Args:
        run: a run folder that `coverfusion train` has written.
        out: folder of the pages; made if it is not there.

    Returns:
        The path of the index.

    Raises:
        UserError: not a finished run folder, its collection, extractors or bundle are not what they were, or
            `out` is no folder.
    """
    run, out = Path(run), Path(out)
    check_folder(out)
    finished = read_run(finished_run(run))
    prepared = reopen(run)
    neighbours = load_bundle(run / "bundle").neighbours
    if neighbours is None:
        raise UserError(f"{run / 'bundle'} has no index of training covers. Train again.")
    meanings = meanings_of(prepared.extractors, backs=True)
    findings = find_all_genres(
        finished, prepared.covers, prepared.table, meanings, neighbours, out / FITS_FOLDER
    )
    return write_pages(findings, out)


def write_pages(findings: GenreFindings, out: Path) -> Path:
    """Renders every page, the index last; returns its path."""
    make_output_folder(out)
    names = page_names(findings.genres)
    facts = environment() | {"run": str(findings.run.folder)}
    shared = _shared(findings) | {
        "names": names,
        "made": facts["date"],
    }
    pages = []
    with counted("genre pages", len(names)) as bar:
        for genre, name in names.items():
            pages.append(genre_page(findings, genre))
            _write(out / name, "genre.html", pages[-1] | shared)
            bar.advance(bar.task_ids[0])
    write_genre_tables(findings, out, facts)
    index = _write(
        out / "index.html",
        "genre_index.html",
        shared | {"pages": pages, "gains": gains_by_genre(findings.shap)},
    )
    link_run_pages(findings.run.folder, "Genres", index)
    shutil.rmtree(out / FITS_FOLDER, ignore_errors=True)
    return index


def page_names(genres: Sequence[str]) -> dict[str, str]:
    """Genre -> file name: a number and what is left of the genre in plain letters."""
    return {genre: f"{stem}.html" for genre, stem in file_stems("genre", genres).items()}


def write_genre_tables(findings: GenreFindings, out: Path, facts: Mapping[str, Any]) -> None:
    """What the pages show, as tables, and what they were made from and with."""
    write_csv(findings.effects, out / "effects.csv")
    write_csv(findings.shap.blocks, out / "shap_blocks.csv")
    write_csv(findings.shap.columns, out / "shap_columns.csv")
    if findings.words is not None:
        rows = [
            [genre, word.word, word.z, word.p, word.log_odds, word.weight, word.covers, word.others]
            for genre in findings.genres
            for word in typical_words(
                findings.words, findings.covers, genre, len(findings.words), findings.text_model
            )
        ]
        columns = ["genre", "word", "z", "p_corrected", "log_odds", "weight", "covers", "others"]
        write_csv(pd.DataFrame(rows, columns=columns), out / "words.csv")
    shutil.copyfile(findings.run.folder / "config.yaml", out / "config.yaml")
    write_json(out / "environment.json", facts)


# --- rendering -----------------------------------------------------------------------------------------


def _shared(findings: GenreFindings) -> dict[str, Any]:
    """What every page says alike."""
    run = findings.run
    return {
        "run": run,
        "held": held_out_words(run.split, run.item),
        "total": len(findings.covers),
        "of_albums": sides_in_words(findings.covers),
        "there": set(run.facts["extractors"]),
        "blocks_tested": findings.effects["column"].str.split(".").str[0].nunique(),
        "any_artist": run.facts.get("artists_known", 0) > 0,
        "artists_known": run.facts.get("artists_known", 0) == run.facts["covers"],
        "shap": findings.shap,
        "limits": {
            "alike": MAX_CORRELATION,
            "level": SIGNIFICANCE_LEVEL,
            "nearest": neighbours_for(findings.covers["group"].nunique()),
            "fewest": MIN_WORD_COVERS,
            "named": EFFECTS_IN_GIST,
            "tested": MIN_TESTED_COVERS,
        },
    }


def _write(path: Path, template: str, context: Mapping[str, Any]) -> Path:
    """Renders one page, whole or not at all."""
    pages.write(path, pages.render(template, context, GENRE_FILTERS))
    return path


GENRE_FILTERS: pages.Filters = {
    "percent": percent,
    "points": points,
    "spread": spread,
    "signed": signed,
    "p_value": p_value,
    "brief": brief,
}
