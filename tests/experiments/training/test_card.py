"""Every figure on a bundle's card is one of the run's files."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coverfusion.data.errors import UserError
from coverfusion.experiments.drawing.markdown import as_text
from coverfusion.experiments.drawing.words import SCORE_LABELS, main_scores, percent
from coverfusion.experiments.pipeline.run_folder import Run, read_run
from coverfusion.experiments.training.card import network_weights
from coverfusion.experiments.training.train import train
from coverfusion.features.networks.checkpoint import weights_for
from coverfusion.features.registry import create
from coverfusion.fusion.bundle import load_bundle
from coverfusion.fusion.pictures import COLUMN
from coverfusion.fusion.registry import create as create_classifier
from coverfusion.fusion.uncertainty.decision import Targets
from coverfusion.fusion.uncertainty.guarantees import guarantee
from tests.helpers.pictures import save_manifest
from tests.helpers.small import config, save_small

ODD = "drum & *bass* | <b>"


@pytest.fixture(scope="module", params=[None, 3])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """With an odd genre, a cover under two, artists, and a file that is no picture."""
    folder = tmp_path_factory.mktemp("card")
    rows = pd.read_csv(save_small(folder)).replace({"genre": {"dub": ODD}}).to_dict("records")
    rows[0]["artist"] = "Anna"
    (folder / "broken.jpg").write_bytes(b"no picture")
    rows.append({"path": str(folder / "broken.jpg"), "genre": "opera", "group": ""})
    rows.append(rows[3] | {"genre": "techno"})
    manifest = save_manifest(folder / "covers.csv", rows)
    options = {"classifiers": {"knn": {}, "logistic": {"C": 0.5}}, "alone": ["knn"], "folds": request.param}
    blocks = {"blocks": ["color", "texture"]}
    return read_run(train(config(manifest, folder / "runs", **options, **blocks)))


def _card(run: Run) -> str:
    return (run.bundle / "README.md").read_text()


def _tables(text: str) -> list[pd.DataFrame]:
    """The tables of a page of Markdown, escapes undone."""
    tables = []
    for found in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        lines = [re.split(r"(?<!\\)\|", line)[1:-1] for line in found.splitlines()]
        cells = [[re.sub(r"\\(.)", r"\1", cell.strip()) for cell in line] for line in lines]
        assert len({len(line) for line in cells}) == 1
        tables.append(pd.DataFrame(cells[2:], columns=cells[0]).set_index(cells[0][0]))
    return tables


def _numbers(cell: str) -> list[float]:
    return [float(number) for number in re.findall(r"\d+\.?\d*", cell.replace(",", ""))]


def test_the_figures_are_those_of_the_metrics(run: Run) -> None:
    scores = next(table for table in _tables(_card(run)) if table.index.name == "score")
    entry = run.chosen.scores[run.split]
    for name in main_scores(run.metric, len(run.facts["genres"])):
        row, scale = scores.loc[SCORE_LABELS[name]], 1 if name == "log_loss" else 100
        shown = [*_numbers(row["value"]), *_numbers(row["interval"])]
        expected = [scale * value for value in (entry[name].value, entry[name].low, entry[name].high)]
        expected = [value for value in expected if not np.isnan(value)]  # one score has no interval
        np.testing.assert_allclose(shown, expected, atol=0.051 if scale == 100 else 0.00051)


def test_the_genres_and_models_are_those_of_the_files(run: Run) -> None:
    tables = _tables(_card(run))
    covers = next(table for table in tables if "proportion" in table)
    facts = json.loads((run.folder / "collection.json").read_text())
    for genre, count in facts["genres"].items():
        assert covers.loc[genre, "covers"] == str(count)
        share = _numbers(str(covers.loc[genre, "proportion"]))[0]
        assert share == pytest.approx(100 * count / facts["covers"], abs=0.051)
    per_genre = next(table for table in tables if "precision" in table)
    for genre, scores in run.chosen.genres[run.split].items():
        shown = _numbers(str(per_genre.loc[genre, "recall"]))
        recall = scores["recall"]
        np.testing.assert_allclose(
            shown, [100 * v for v in (recall.value, recall.low, recall.high)], atol=0.051
        )
    models = next(table for table in tables if table.index.name == "model")
    board = run.leaderboard.query("split == @run.split")
    assert [_numbers(cell)[0] for cell in models["accuracy"]] == pytest.approx(
        (100 * board["accuracy"]).tolist(), abs=0.051
    )


def test_what_was_left_out_and_the_splits_are_counted(run: Run) -> None:
    card = _card(run)
    assert "Covers with a known artist: 1." in card
    assert f"Groups among {run.facts['covers']} covers: {run.facts['groups']}. No split" in card
    counts = next(table for table in _tables(card) if table.index.name == "what was seen and left out")
    assert counts.loc["no usable picture, rejected", "count"] == "1"
    assert counts.loc["files of either kind that were left out", "count"] == "2"
    splits = pd.read_parquet(run.folder / "splits.parquet").set_index("cover_id").iloc[:, 0]
    for name, size in splits.value_counts().items():
        part = name if isinstance(name, str) else f"fold {name}"
        assert f"- {part}: {size} covers" in card


def test_blocks_and_what_was_set_are_named(run: Run) -> None:
    blocks = next(table for table in _tables(_card(run)) if "fingerprint" in table)
    for name in ("color", "texture"):
        assert blocks.loc[name, "fingerprint"] == create(name).fingerprint()
    expected = '{"C": 0.5}' if run.chosen.classifier == "logistic" else "none"
    shown = re.sub(r"\\(.)", r"\1", _card(run))
    assert f"Parameters of {run.chosen.classifier} that the config set: {expected}" in shown


def test_members_say_what_they_started_from() -> None:
    X = pd.DataFrame({"a.x": [0.0, 1.0] * 4})
    X[COLUMN] = [np.full((8, 8, 3), 20 * n, np.uint8) for n in range(8)]
    stack = create_classifier("stack", classifiers=["knn"]).fit(X, ["dub", "opera"] * 4)
    assert network_weights(stack) == []
    network = create_classifier("finetune")
    stack.members_["finetune"] = network
    ((user, weights),) = network_weights(stack)
    assert user == "start of finetune"
    assert weights == weights_for("efficientnet-lite0")


def test_calibration_and_abstention_are_the_bundles(run: Run) -> None:
    bundle = load_bundle(run.bundle)
    decision = bundle.decision
    assert decision is not None
    assert f"{len(decision.y)} held-out covers" in _card(run)
    assert as_text(guarantee(decision, Targets(error=0.2), bundle.classes)) in _card(run)
    assert "as common as among the training covers (prior natural)" in _card(run)
    assert "covers that did not set them" in _card(run)  # why `decide` has other figures


def test_the_card_is_sealed_with_the_bundle(run: Run, tmp_path: Path) -> None:
    copied = shutil.copytree(run.bundle, tmp_path / "bundle")
    (copied / "README.md").write_text("It is always right.")
    with pytest.raises(UserError, match=r"README\.md"):
        load_bundle(copied)


def test_the_ceiling_of_conflicts_is_on_the_card_and_in_the_report(run: Run) -> None:
    assert run.facts["ceiling"] == pytest.approx(1 - 1 / 91)  # 91 entries, two of one picture
    ceiling = percent(run.facts["ceiling"])
    assert f"could reach more than {ceiling}" in _card(run)
    assert f"could reach more than {ceiling}" in run.report.read_text()
