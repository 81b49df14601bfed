"""The page of a sweep: the validation curve and what it says; one file, no network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from coverfusion.experiments.drawing.epochs import epoch_words
from coverfusion.experiments.drawing.panels import picture_of
from coverfusion.experiments.drawing.study_pages import chance, read_table, write_study_page
from coverfusion.experiments.drawing.words import points, records
from coverfusion.experiments.pipeline.cached_fits import VALIDATION
from coverfusion.experiments.pipeline.provenance import read_json
from coverfusion.experiments.tuning.sweep_figures import draw_sweep, sweep_words
from coverfusion.experiments.tuning.values import is_number, label
from coverfusion.fusion.registry import parameters_of

TEXT_COLUMNS = ("value", "part", "covers")


def write_sweep_page(folder: Path) -> Path:
    """Draws `figures/*.png` and writes `index.html` from the tables in `folder`."""
    table, study, values = (
        read_values(folder),
        read_json(folder / "study.json"),
        read_json(folder / "values.json"),
    )
    parameter = study["parameter"]
    epochs = read_sweep_table(folder / "epochs.csv") if (folder / "epochs.csv").is_file() else None
    words = {"sweep": sweep_words(table, parameter)}
    if epochs is not None:
        words["epochs"] = epoch_words(epochs, parameter)
    pictures = {
        name: picture_of(folder, name, words[name])
        for name in draw_sweep(folder, table, values, epochs, parameter, chance(folder))
    }
    held_out = table[table["covers"] == VALIDATION]
    context = {
        "folds": pd.read_csv(folder / "folds.csv")["part"].nunique(),
        "findings": sweep_findings(folder),
        "pictures": pictures,
        "rows": records(held_out),
        "training": {row["value"]: row for row in records(table[table["covers"] != VALIDATION])},
        "default": label(parameters_of(study["classifier"])[parameter]),
    }
    return write_study_page(folder, "sweep.html", context, {"points": points})


def sweep_findings(folder: Path) -> list[str]:
    """What a sweep says, in sentences."""
    values, study = read_json(folder / "values.json"), read_json(folder / "study.json")
    table = read_values(folder)
    held_out = table[table["covers"] == VALIDATION].set_index("value")
    best = str(held_out.index[held_out["best"].eq(True)][0])
    row, learnt = held_out.loc[best], table[table["covers"] != VALIDATION].set_index("value").loc[best]
    interval = f"{100 * row['accuracy_low']:.1f} to {100 * row['accuracy_high']:.1f}"
    sentences = [
        (
            f"{study['classifier']} is best with {study['parameter']} = {best}: "
            f"{100 * row['accuracy']:.1f} % of validation covers right ({interval}), "
            f"and {100 * learnt['accuracy']:.1f} % of those that it learnt from."
        ),
        *corrected_words(records(held_out.loc[[best]])[0]),
    ]
    others = held_out.drop(index=best)
    worse = others["difference_high"] < 0
    # the intervals hold for all values at once, so "surely" is said wrongly in at most 5 % of studies
    for which, names in (("Surely worse", others.index[worse]), ("Not surely worse", others.index[~worse])):
        if len(names):
            listed = ", ".join(f"{name} ({points(others.loc[name, 'difference'])} points)" for name in names)
            sentences.append(f"{which}: {listed}.")
    alone = len(values) > 2 and bool((others["difference"] < 0).all())
    if alone and all(map(is_number, values)) and best in (label(values[0]), label(values[-1])):
        end = "smallest" if best == label(values[0]) else "largest"
        sentences.append(
            f"The best is the {end} value tried: a {end.replace('est', 'er')} one may be better still."
        )
    return sentences


def corrected_words(best: Mapping[str, Any]) -> list[str]:
    """What the best of several is without its luck, in a sentence; none where nothing was chosen.

    Args:
        best: the row of the best in `values.csv` or `best.csv`.
    """
    if best["tried"] < 2:
        return []
    interval = f"{100 * best['corrected_low']:.1f} to {100 * best['corrected_high']:.1f}"
    corrected = f"{100 * best['corrected']:.1f} % ({interval})"
    return [
        f"As the best of {int(best['tried'])} on the same covers it may be flattered: corrected, {corrected}."
    ]


def read_values(folder: Path) -> pd.DataFrame:
    """`values.csv`, its values as text."""
    return read_sweep_table(folder / "values.csv")


def read_sweep_table(path: Path) -> pd.DataFrame:
    """A table of a sweep or of the best of a search; what names a value or a part is text."""
    frame = read_table(path, (*TEXT_COLUMNS, "best"))
    return frame.assign(best=frame["best"] == "True") if "best" in frame else frame
