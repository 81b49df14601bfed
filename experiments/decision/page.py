"""`index.html` of a decision study: its tables beside its pictures."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from coverfusion.experiments.decision.shown import ShownTable
from coverfusion.experiments.drawing import pages
from coverfusion.experiments.pipeline.provenance import read_json
from coverfusion.experiments.pipeline.run_folder import Run

# picture -> its heading, and what its marks mean
PICTURES = {
    "risk_coverage": "How many are wrong among the most confident predictions",
    "reliability": "Whether probabilities come true as often as they say",
    "sets": "What sets of genres hold, and how large they are",
    "genres": "Sets and abstaining by genre",
}


def write_decision_page(folder: Path, run: Run, tables: Sequence[ShownTable]) -> Path:
    """Writes the page; findings, pictures and `environment.json` lie in the folder."""
    findings = (folder / "findings.txt").read_text(encoding="utf-8").splitlines()
    environment = read_json(folder / "environment.json")
    pictures = {
        title: "data:image/png;base64," + base64.b64encode((folder / f"{name}.png").read_bytes()).decode()
        for name, title in PICTURES.items()
    }
    context = {
        "run": run,
        "classifier": environment["classifier"],
        "tables": [(table, table.rows.to_dict("split")) for table in tables],
        "findings": findings,
        "pictures": pictures,
        "environment": environment,
    }
    page = folder / "index.html"
    pages.write(page, pages.render("decision.html", context))
    return page
