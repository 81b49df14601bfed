"""The page of an ablation: what matters, with pictures and every number; one file, no network."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pandas as pd

from experiments import figures, pages
from experiments.ablation_figures import comparison_words, draw_all

ALPHA = 0.05


def write_page(folder: Path) -> Path:
    """Draws `figures/*.png` and writes `index.html` from the tables in `folder`."""
    words = draw_all(folder)
    comparisons = pd.read_csv(folder / "comparisons.csv", keep_default_na=False)
    pictures = [
        {"name": name, "words": text, "data": _data_uri(folder / "figures" / f"{name}.png")}
        for name, text in words.items()
    ]
    context = {
        "facts": json.loads((folder / "collection.json").read_text(encoding="utf-8")),
        "environment": json.loads((folder / "environment.json").read_text(encoding="utf-8")),
        "study": json.loads((folder / "study.json").read_text(encoding="utf-8")),
        "findings": findings(comparisons),
        "pictures": pictures,
        "tables": {
            file.stem: _shown(pd.read_csv(file, keep_default_na=False))
            for name in ("comparisons", "leaderboard", "shapley", "genres", "greedy")
            if (file := folder / f"{name}.csv").is_file()
        },
        "light": figures.LIGHT,
        "dark": figures.DARK,
        "colours": {name: f"var(--{name})" for name in figures.LIGHT},
    }
    pages.write(folder / "index.html", pages.render("ablation.html", context))
    return folder / "index.html"


def findings(comparisons: pd.DataFrame) -> list[str]:
    """One sentence a classifier and design: which differences are significant after Holm's correction."""
    sentences = []
    for (design, classifier), part in comparisons.groupby(["design", "classifier"], sort=False):
        sure = part[part["p_holm"] < ALPHA].sort_values("difference", ascending=False)
        named = ", ".join(
            f"{comparison_words(row)} {100 * row['difference']:+.1f} points (p {row['p_holm']:.2g})"
            for _, row in sure.iterrows()
        )
        unsure = len(part) - len(sure)
        seen = 100 * part["detectable"].median()
        more = f"; {unsure} of {len(part)} not significant" if unsure else ""
        sentences.append(
            f"{classifier}, {design}: {named or 'nothing significant'}{more}. Could show: {seen:.1f} points."
        )
    return sentences


def _shown(table: pd.DataFrame) -> dict[str, list]:
    """Header and rows with rounded numbers."""
    rounded = table.map(lambda value: f"{value:.4g}" if isinstance(value, float) else str(value))
    return {"header": list(table.columns), "rows": rounded.to_numpy().tolist()}


def _data_uri(png: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(png.read_bytes()).decode()
