"""The report of a small run whose predictions are laid down by hand."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coverfusion.experiments.drawing.heat_map import confusion_map
from coverfusion.experiments.evaluation.intervals import chance_error, reliability
from coverfusion.experiments.pipeline.run_folder import read_run
from coverfusion.experiments.training.report import shown_counts
from tests.helpers.browser import visited
from tests.helpers.planted_run import FUSED, MARKUP, NOTE, RIGHT, Inputs, Model, Page, planted_run

# --- the page ------------------------------------------------------------------------------------------


def test_page_asks_for_nothing_from_outside(page: Page, inputs: Inputs) -> None:
    for element in page.elements:
        for name in ("src", "href", "xlink:href", "srcset", "action", "data"):
            link = element.attributes.get(name, "#")
            assert link.startswith(("#", "data:")), (element.tag, link)
    style = "".join(e.text for e in page.all("style"))
    assert "url(" not in style
    assert "@import" not in style
    assert (inputs.folder / "report.html").stat().st_size < 10e6


def test_markup_in_genres_and_paths_stays_text(page: Page, inputs: Inputs) -> None:
    assert len(page.all("script")) == 1  # the page's own
    assert not [e for e in page.elements if any(name.startswith("on") for name in e.attributes)]
    genres = [e.text.strip() for e in page.all("th")]
    assert MARKUP in genres  # read back as text, whole
    assert any("<img src=x onerror=alert(1)>.jpg" in e.text for e in page.all("td"))
    assert NOTE in page.all("p", "notice")[0].text
    for chart in (inputs.folder / "figures").glob("*.svg"):
        assert not [e for e in ET.parse(chart).iter() if e.tag.endswith("script")], chart


def test_every_picture_and_chart_says_what_it_shows(page: Page) -> None:
    pictures = page.all("img")
    assert pictures
    assert all(e.attributes["alt"] for e in pictures)
    charts = page.all("svg", "chart")
    assert len(charts) == 2
    assert all(e.attributes["role"] == "img" and "%" in e.attributes["aria-label"] for e in charts)


def test_figures_are_written_as_files_of_their_own(page: Page, inputs: Inputs) -> None:
    for name in ("leaderboard", "reliability", "confusion"):
        root = ET.parse(inputs.folder / "figures" / f"{name}.svg").getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert "var(" not in ET.tostring(root, encoding="unicode")  # other programs know no CSS variables


def test_note_stands_above_everything_else_or_not_at_all(page: Page, tmp_path: Path) -> None:
    tags = [e.tag for e in page.elements if e.attributes.get("class") in ("notice", "gist")]
    assert tags == ["p", "p"]
    assert not planted_run(tmp_path, RIGHT, note="").page().all("p", "notice")


def test_leaderboard_names_every_model_and_marks_the_chosen(page: Page) -> None:
    chosen = page.all("tr", "chosen")[0].text.split()
    assert chosen[0] == "logistic"
    assert "75.0" in chosen
    first = [row.text.split()[0] for row in page.all("tr") if "blocks" in row.text or " alone" in row.text]
    assert first[:4] == ["logistic", "knn", "svc", "svc"]


def test_confusion_matrix_shows_counts_and_proportions(page: Page) -> None:
    # four test covers a genre; 9, 10 and 11 are wrong, one of each genre, taken for the next genre
    rows = [e.text.split() for e in page.all("td", "hit")]
    assert rows == [["75", "%", "3"]] * 3
    cells = [e.text.split() for e in page.all("td") if "--depth" in e.attributes.get("style", "")]
    assert sorted(int(cell[-1]) for cell in cells) == [0, 0, 0, 1, 1, 1, 3, 3, 3]


def test_what_was_dropped_is_listed_with_reasons(page: Page) -> None:
    cells = [e.text for e in page.all("td")]
    assert "covers/a.jpg" in cells
    assert "not a picture" in cells
    assert "gave up" in cells
    assert "NA" in cells  # a genre, not a missing value
    assert "truncated, after 3 bytes" in cells


def test_blocks_without_weights_are_named(tmp_path: Path) -> None:
    inputs = planted_run(tmp_path, RIGHT)
    file = inputs.folder / "collection.json"
    facts = json.loads(file.read_text())
    assert not any("the weights were not here" in e.text for e in inputs.page().all("p"))
    file.write_text(json.dumps(facts | {"without": ["clip"]}))
    (said,) = [e.text for e in inputs.page().all("p") if "the weights were not here" in e.text]
    assert said.startswith("Without clip")


def test_near_duplicates_that_are_kept_are_counted(tmp_path: Path) -> None:
    inputs = planted_run(tmp_path, RIGHT)
    file = inputs.folder / "collection.json"
    facts = json.loads(file.read_text())
    facts["dropped"] |= {"near_groups": 208, "near_covers": 481, "near_kept": 330}
    file.write_text(json.dumps(facts))
    assert list(shown_counts(read_run(inputs.folder)).values())[-3:] == [208, 481, 330]
    assert "330" in [e.text for e in inputs.page().all("dd")]


def test_command_config_and_versions_are_there(page: Page) -> None:
    blocks = "".join(e.text for e in page.all("pre"))
    assert "preset: packaged" in blocks
    facts = " ".join(e.text for e in page.all("dl", "facts"))
    assert np.__version__ in facts


# --- where marks stand ---------------------------------------------------------------------------------


def test_reliability_bins_hold_mean_confidence_and_accuracy() -> None:
    confidence = np.array([0.95, 0.97, 0.99, 0.95, 0.30])
    correct = np.array([True, True, False, True, False])
    low, high = reliability(confidence, correct, np.arange(5))
    assert (low.covers, low.confidence, low.accuracy.value) == (1, pytest.approx(0.30), 0.0)
    assert (high.covers, high.confidence, high.accuracy.value) == (4, pytest.approx(0.965), 0.75)
    assert low.low <= 0.30 <= low.high


def test_reliability_interval_is_wilsons() -> None:
    (found,) = reliability(np.full(10, 0.9), np.arange(10) < 10, np.arange(10))
    assert found.accuracy.low == pytest.approx(10 / (10 + 3.8415), abs=1e-4)
    # five groups of two covers that are right or wrong together are worth five covers
    (paired,) = reliability(np.full(10, 0.9), np.arange(10) < 8, np.arange(10) // 2)
    (single,) = reliability(np.full(5, 0.9), np.arange(5) < 4, np.arange(5))
    assert paired.accuracy == single.accuracy


def test_what_perfect_probabilities_show_by_chance_shrinks_with_covers() -> None:
    few, many = (chance_error(np.random.default_rng(0).uniform(0.3, 1, n)) for n in (100, 10_000))
    assert 0.05 < few < 0.15
    # with 1 / sqrt(n)
    assert few / many == pytest.approx(10, rel=0.25)
    assert chance_error(np.ones(50)) == 0


def test_confusion_cells_are_proportions_of_the_true_genre() -> None:
    counts = pd.DataFrame([[3, 1, 0], [0, 0, 0], [1, 1, 2]], index=list("abc"), columns=list("abc"))
    cells = [[cell for cell in row if cell] for row in confusion_map(counts).cells]
    assert [cell.text for cell in cells[0]] == ["75\u00a0%", "25\u00a0%", "0\u00a0%"]
    assert [cell.text for cell in cells[1]] == ["0\u00a0%"] * 3  # a genre without covers
    assert [cell.below for cell in cells[2]] == ["1", "1", "2"]
    assert [cell.depth for cell in cells[0]] == [1.0, 0.333, 0.0]
    assert [cell.strong for cell in cells[2]] == [False, False, True]


def test_metrics_of_the_page_are_those_of_the_run(inputs: Inputs) -> None:
    entries = json.loads((inputs.folder / "metrics.json").read_text())["models"]
    run = read_run(inputs.folder)
    for entry in entries:
        (model,) = [
            m for m in run.models if (m.classifier, list(m.blocks)) == (entry["classifier"], entry["blocks"])
        ]
        assert model.scores[entry["split"]]["f1_macro"].value == entry["scores"]["f1_macro"]["value"]
    assert [m.kind for m in run.models] == ["fused", "fused", "alone", "alone"]


@pytest.mark.slow
def test_the_leaderboard_sorts_and_filters_and_a_cell_opens_its_covers(
    inputs: Inputs, tmp_path: Path
) -> None:
    inputs.page()
    with visited(tmp_path, "file://") as visit:
        page = visit.page
        page.goto((inputs.folder / "report.html").as_uri())
        rows = "#models tbody tr:not([hidden])"

        def accuracies() -> list[str]:
            # the columns: model, validation accuracy, test accuracy
            return page.eval_on_selector_all(f"{rows} td:nth-child(3)", "all => all.map(td => td.innerText)")

        page.click("#models thead th:nth-child(3) button")
        assert page.get_attribute("#models thead th:nth-child(3)", "aria-sort") == "descending"
        shown = [float(text.split()[0]) for text in accuracies()]
        assert shown == sorted(shown, reverse=True)
        page.keyboard.press("Enter")
        assert page.get_attribute("#models thead th:nth-child(3)", "aria-sort") == "ascending"
        page.select_option("select[name=classifier]", "svc")
        page.select_option("select[name=block]", "color")
        assert page.locator(rows).count() == 1
        assert page.inner_text("output") == "1 of 4 models"
        page.click(".matrix td.hit a")
        assert page.locator("details[open]").count() == 2  # of the section, of the cell
        assert not visit.wrong


def test_a_model_of_a_block_s_words_is_found_by_the_block(tmp_path: Path) -> None:
    words = Model("text", ("ocr:letters", "ocr:words"))
    page = planted_run(tmp_path, {FUSED: 9, words: 8}).page()
    blocks = {
        row.attributes["data-classifier"]: row.attributes["data-blocks"].split()
        for row in page.all("tr")
        if "data-classifier" in row.attributes
    }
    assert set(blocks["text"]) == {"ocr"}
    assert blocks["logistic"] == list(FUSED.blocks)


@pytest.mark.slow
def test_on_a_phone_no_name_of_a_column_stands_without_its_figure(inputs: Inputs, tmp_path: Path) -> None:
    inputs.page()
    with visited(tmp_path, "file://", 390) as visit:
        visit.page.goto((inputs.folder / "report.html").as_uri())
        shown = visit.page.evaluate(
            """() => [...document.querySelectorAll("#models tfoot td[data-label]")]
              .filter(cell => cell.getClientRects().length)
              .map(cell => [cell.dataset.label, cell.innerText.trim()])"""
        )
    assert shown
    assert all(figure for _, figure in shown), shown
