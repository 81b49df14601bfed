"""The page of a sweep: the validation curve and what it says; one file, no network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from coverfusion.experiments.drawing import charts as figures
from coverfusion.experiments.drawing import pages
from coverfusion.experiments.drawing.epochs import epoch_words
from coverfusion.experiments.drawing.panels import picture_of
from coverfusion.experiments.drawing.words import points, records
from coverfusion.experiments.pipeline.cached_fits import VALIDATION
from coverfusion.experiments.tuning.sweep_figures import draw_sweep, sweep_words
from coverfusion.experiments.tuning.values import is_number, label
from coverfusion.fusion.registry import parameters_of

TEXT = {"value": str, "part": str, "covers": str}


def write_page(folder: Path) -> Path:
    """Draws `figures/*.png` and writes `index.html` from the tables in `folder`."""
    table, facts, study = read_values(folder), _json(folder / "collection.json"), _json(folder / "study.json")
    values = _json(folder / "values.json")
    parameter = study["parameter"]
    epochs = read_sweep_table(folder / "epochs.csv") if (folder / "epochs.csv").is_file() else None
    chance = max(facts["genres"].values()) / facts["covers"]
    words = {"sweep": sweep_words(table, parameter)}
    if epochs is not None:
        words["epochs"] = epoch_words(epochs, parameter)
    pictures = {
        name: picture_of(folder, name, words[name])
        for name in draw_sweep(folder, table, values, epochs, parameter, chance)
    }
    config_text = (folder / "config.yaml").read_text(encoding="utf-8")
    held_out = table[table["covers"] == VALIDATION]
    context = {
        "facts": facts,
        "environment": _json(folder / "environment.json"),
        "study": study,
        "folds": pd.read_csv(folder / "folds.csv")["part"].nunique(),
        "findings": findings(folder),
        "pictures": pictures,
        "rows": records(held_out),
        "training": {row["value"]: row for row in records(table[table["covers"] != VALIDATION])},
        "default": label(parameters_of(study["classifier"])[parameter]),
        "config_text": config_text,
        "colours": {name: f"var(--{name})" for name in figures.LIGHT},
        "light": figures.LIGHT,
        "dark": figures.DARK,
    }
    pages.write(folder / "index.html", pages.render("sweep.html", context, {"points": points}))
    return folder / "index.html"


def findings(folder: Path) -> list[str]:
    """What a sweep says, in sentences."""
    values, study = _json(folder / "values.json"), _json(folder / "study.json")
    table = read_values(folder)
    held_out = table[table["covers"] == VALIDATION].set_index("value")
    best = str(held_out.index[held_out["best"].eq(True)][0])
    row, learnt = held_out.loc[best], table[table["covers"] != VALIDATION].set_index("value").loc[best]
    said = [
        (
            f"{study['classifier']} is best with {study['parameter']} = {best}: {100 * row['accuracy']:.1f} % "
            f"of validation covers right ({100 * row['accuracy_low']:.1f} to {100 * row['accuracy_high']:.1f}), "
            f"and {100 * learnt['accuracy']:.1f} % of those that it learnt from."
        )
    ]
    others = held_out.drop(index=best)
    worse = others["difference_high"] < 0
    for which, names in (("Surely worse", others.index[worse]), ("Not surely worse", others.index[~worse])):
        if len(names):
            listed = ", ".join(f"{name} ({points(others.loc[name, 'difference'])} points)" for name in names)
            said.append(f"{which}: {listed}.")
    alone = len(values) > 2 and bool((others["difference"] < 0).all())
    if alone and all(map(is_number, values)) and best in (label(values[0]), label(values[-1])):
        end = "smallest" if best == label(values[0]) else "largest"
        said.append(
            f"The best is the {end} value tried: a {end.replace('est', 'er')} one may be better still."
        )
    return said


def read_values(folder: Path) -> pd.DataFrame:
    """`values.csv`, its values as text."""
    return read_sweep_table(folder / "values.csv")


def read_sweep_table(path: Path) -> pd.DataFrame:
    """A table of a sweep or of the best of a search; what names a value or a part is text."""
    # a value may be called "null" or "none"
    frame = pd.read_csv(path, dtype=TEXT, keep_default_na=False, na_values={})
    if "best" in frame:
        frame["best"] = frame["best"] == "True"
    numbers = [column for column in frame.columns if column not in TEXT and column != "best"]
    return frame.assign(**{column: pd.to_numeric(frame[column]) for column in numbers})


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
