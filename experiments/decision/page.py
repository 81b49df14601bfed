"""`index.html` of a decision study: its tables and charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from coverfusion.data.names import file_stems, plain_words
from coverfusion.experiments.decision import several_shown
from coverfusion.experiments.decision.charts import BY_GENRE_HEADING, CALIBRATED
from coverfusion.experiments.decision.findings import SET_KINDS_TEXT, SET_METHODS_TEXT
from coverfusion.experiments.decision.shown import ShownTable
from coverfusion.experiments.drawing import pages
from coverfusion.experiments.drawing.charts import Chart
from coverfusion.experiments.drawing.run_pages import link_run_pages
from coverfusion.experiments.pipeline.provenance import read_json
from coverfusion.experiments.pipeline.run_folder import Run

# heading of a section -> what its charts need beside their legends
CAPTIONS = several_shown.CAPTIONS | {
    "How many are wrong among the most confident predictions": "Covers are taken from the most confident "
    "prediction to the least. Band: interval of at least 95 %. Single marks are the thresholds of the table "
    "above: each was learnt on other covers, so it may lie off the curve and miss its target.",
    CALIBRATED: "Bars: how many covers stand behind each point. On the dashed line probabilities are right.",
    "What genre sets hold, and how large they are": f"{SET_METHODS_TEXT} {SET_KINDS_TEXT}",
    BY_GENRE_HEADING: "Lines are intervals of at least 95 %.",
}


def write_decision_page(
    folder: Path,
    run: Run,
    tables: Sequence[ShownTable],
    charts: Mapping[str, Mapping[str, Chart]],
    openings: Mapping[str, str],
    advice: str = "",
) -> Path:
    """Writes the page and `figures/*.svg`; findings and `environment.json` lie in the folder.

    Args:
        folder: of the study.
        run: that was studied.
        tables: as people read them.
        charts: heading -> charts by their titles.
        openings: heading -> what stands above its charts; any may be left out.
        advice: what to do, after what was found.
    """
    findings = (folder / "findings.txt").read_text(encoding="utf-8").splitlines()
    environment = read_json(folder / "environment.json")
    pages.save_charts(folder, _named(charts))
    context = {
        "run": run,
        "classifier": environment["classifier"],
        "tables": [(table, table.rows.to_dict("split")) for table in tables],
        "findings": findings,
        "charts": charts,
        "openings": openings,
        "advice": advice,
        "captions": CAPTIONS,
        "environment": environment,
    }
    page = folder / "index.html"
    pages.write(page, pages.render("decision.html", context))
    link_run_pages(run.folder, "Decisions", page)
    return page


def _named(charts: Mapping[str, Mapping[str, Chart]]) -> dict[str, Chart]:
    """File name without suffix -> chart, without what is in brackets; genres, of any name, are numbered."""
    named: dict[str, Chart] = {}
    for heading, part in charts.items():
        if heading == several_shown.GENRES_RIGHT:
            genres = [title.removeprefix(several_shown.PROBABILITY_OF) for title in part]
            named |= dict(zip(file_stems("genre", genres).values(), part.values(), strict=True))
        else:
            named |= {
                "-".join(plain_words(title.partition(" (")[0].replace("'", ""))): chart
                for title, chart in part.items()
            }
    return named
