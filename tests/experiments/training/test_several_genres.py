"""A run on covers of several genres, from pictures to scores: colour tells one genre, stripes the other."""

import html
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score
from typer.testing import CliRunner

from coverfusion.data.errors import UserError
from coverfusion.experiments.cli import app
from coverfusion.experiments.comparison.compare import compare_runs
from coverfusion.experiments.doubt.page import write_doubt_page
from coverfusion.experiments.doubt.tables import doubt_by_genre, doubtful_table
from coverfusion.experiments.drawing.words import SET_LABELS
from coverfusion.experiments.pipeline.config import make_config
from coverfusion.experiments.pipeline.genre_thresholds import nearest_words, with_named
from coverfusion.experiments.pipeline.reopen import reopen
from coverfusion.experiments.pipeline.run_folder import Run, baseline_row, read_run
from coverfusion.experiments.scoring.score import score
from coverfusion.experiments.training.cell_covers import cell_covers
from coverfusion.experiments.training.mistakes import confident_mistakes
from coverfusion.experiments.training.train import train
from coverfusion.fusion.bundle import load_bundle
from coverfusion.fusion.uncertainty.decision import Targets
from tests.helpers import pictures
from tests.helpers.browser import visited


def draw(folder: Path, n: int, seed: int) -> Path:
    """Red covers are Rock, striped ones Jazz, and many are both; the manifest says so."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    rows = []
    for number in range(n):
        genres = [["Rock"], ["Jazz"], ["Rock", "Jazz"]][number % 3]
        colour = (
            (200, int(rng.integers(0, 60)), 20) if "Rock" in genres else (20, int(rng.integers(0, 60)), 200)
        )
        width = int(rng.integers(6, 12))
        drawn = pictures.stripes(colour, "white", width) if "Jazz" in genres else pictures.solid(colour)
        pictures.grained(drawn.resize((120, 120)), [seed, number]).save(folder / f"{number}.png")
        rows.append({"path": f"{number}.png", "genre": "|".join(genres)})
    pd.DataFrame(rows).to_csv(folder / "covers.csv", index=False)
    return folder / "covers.csv"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("several")
    config = make_config(
        "a test",
        collection=draw(root / "covers", 72, 0),
        labels="many",
        folds=3,
        classifiers=["logistic", "kernel_ridge"],
        blocks=["color", "texture"],
        alone=["logistic"],
        choose_by="micro_f1",
        store=root / "store",
        out=root / "runs",
    )
    return read_run(train(config))


def test_both_genres_are_found_and_no_cover_is_left_out(run: Run) -> None:
    assert run.facts["covers"] == 72
    assert run.facts["genres"] == {"Jazz": 48, "Rock": 48}
    assert run.metric.name == "macro_f1"
    assert run.score(run.chosen).value > 0.9
    assert run.chosen.scores["folds"]["accuracy"].value > 0.8
    predictions = run.predictions()
    both = predictions[predictions["genre"] == "Jazz|Rock"]
    assert (both["predicted"] == "Jazz|Rock").mean() > 0.8


def test_a_block_finds_the_genre_that_it_carries(run: Run) -> None:
    color, texture = run.model("logistic on color"), run.model("logistic on texture")
    assert color.genres["folds"]["Rock"]["f1"].value > 0.9
    assert texture.genres["folds"]["Jazz"]["f1"].value > 0.9
    average = [
        model.genres["folds"][genre]["average_precision"].value
        for model, genre in ((color, "Rock"), (texture, "Jazz"))
    ]
    assert min(average) > 0.9


def test_the_report_and_the_card_tell_it(run: Run) -> None:
    page, card = run.report.read_text(), (run.bundle / "README.md").read_text()
    assert "every genre for each cover" in page
    assert "average precision" in page
    assert "top-3" not in page
    assert "conformal risk control" in card
    assert "by micro F1" in card
    # nothing was left out for having several
    assert "Covers under several genres: used, each once with all its genres: 24 covers." in card
    assert "left out, which makes" not in page + card
    assert len(pd.read_csv(run.folder / "conflicts.csv")) == 0  # a cover's genres stand in one cell
    assert "Files of covers that stand under several genres" not in page  # they were not dropped
    assert "Covers under several genres: used, each once with all its genres: 24 covers." in page
    assert "probability given to a genre, %" in page
    metrics = json.loads((run.folder / "metrics.json").read_text())
    assert {entry["covers"] for entry in metrics["models"]} == {72}


def _words(page: str) -> str:
    """What a page says, without its markup, styles and config."""
    text = re.sub(r"<(style|script|pre|title)\b.*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(text).replace("\xa0", " ").split())


def test_nothing_is_said_to_be_calibrated(run: Run) -> None:
    page, card = _words(run.report.read_text()), (run.bundle / "README.md").read_text()
    assert "calibrat" not in (page + card.partition("## How it was made")[0]).lower()
    assert "the other half sets its thresholds and genre sets" in page
    assert "## Thresholds and genre sets" in card


def test_the_report_explains_the_scores_that_it_has(run: Run) -> None:
    reading = _words(run.report.read_text()).partition("How to read this")[2]
    for said in ("Hamming loss is", "Ranking loss is", "Average precision ranks", "Micro F1 counts"):
        assert said in reading


def test_the_matrix_says_what_its_percentages_are_of(run: Run) -> None:
    # as `confusion_map` makes them: of every cover of the row, also of those with the other genre
    page = _words(run.report.read_text())
    assert "of all covers of the row, also of those that have the other genre" in page


def test_the_report_sets_covers_with_several_genres_apart(run: Run) -> None:
    page, both = _words(run.report.read_text()), run.predictions()["genre"] == "Jazz|Rock"
    right = (run.predictions()["genre"] == run.predictions()["predicted"])[both].mean()
    section = page.partition("By how many genres a cover has")[2].partition("By ")[0]
    row = re.search(r"several 24 .*", section)
    assert row is not None
    assert f"{100 * right:.1f}" in row[0]


def test_each_cell_of_the_matrix_lists_its_covers(run: Run) -> None:
    covers = reopen(run.folder).covers
    texture = run.model("logistic on texture")  # which tells no colour
    predictions = run.predictions(texture)
    cells = cell_covers(run, predictions, covers)
    counts = {key: cell.count for key, cell in cells.items()}
    assert counts == {key: count for key, count in texture.confusion["folds"].stack().items() if count}
    wrong = predictions[(predictions["genre"] == "Jazz") & predictions["says_Rock"]]
    assert counts["Jazz", "Rock"] == len(wrong) > 0
    assert cells["Jazz", "Rock"].title == "Jazz, wrongly called Rock"
    assert cells["Jazz", "Rock"].shown[0].probability == wrong["p_Rock"].max()
    assert cells["Jazz", "Jazz"].title == "Jazz, rightly called so"
    page = run.report.read_text()
    for cell in cell_covers(run, run.predictions(), covers).values():
        assert page.count(f'id="{cell.anchor}"') == page.count(f'href="#{cell.anchor}"') == 1


def test_guessing_has_scikit_learns_average_precision(run: Run) -> None:
    truth = run.predictions()["genre"].str.get_dummies("|").to_numpy()
    expected = average_precision_score(truth, np.full(truth.shape, 0.5))
    assert baseline_row(run)["average_precision"].value == pytest.approx(expected)
    every = (
        _words(run.report.read_text()).partition("Every score of every model")[2].partition("Genres, by")[0]
    )
    guessed = every.partition("guessing no cover seen")[2].split()
    shown = [name for name in SET_LABELS if name != "balanced_accuracy"]
    assert len(guessed) == len(shown)  # no cell is empty
    assert float(guessed[shown.index("average_precision")]) == round(100 * expected, 1)


def test_who_reaches_no_threshold_is_counted(run: Run) -> None:
    reached = int(run.predictions()["reaches_none"].sum())
    said = f"A cover that reaches none is called the genre that comes nearest: {reached} of 72 covers."
    assert said in _words(run.report.read_text())
    assert said in (run.bundle / "README.md").read_text()
    assert (
        run.predictions().loc[run.predictions()["reaches_none"], ["says_Jazz", "says_Rock"]].sum(axis=1) == 1
    ).all()


def test_thresholds_that_nothing_reaches_are_told_by_hand() -> None:
    # each fold learns from the other: there a cover of folk has 0.8, so the threshold is (0.8 + 0.2) / 2
    folds = [
        pd.DataFrame(
            {"split": "folds", "genre": ["folk", "jazz"], "p_folk": folk, "p_jazz": jazz},
            index=pd.Index(ids, name="cover_id"),
        )
        for ids, folk, jazz in ((["a", "b"], [0.8, 0.2], [0.1, 0.9]), (["c", "d"], [0.4, 0.3], [0.2, 0.6]))
    ]
    frame = with_named(folds, pd.Series(["a", "b", "c", "d"], ["a", "b", "c", "d"]), seed=0)[1]
    # thresholds 0.5 of both: c reaches none, and folk comes nearest
    assert frame["reaches_none"].to_dict() == {"c": True, "d": False}
    assert frame[["says_folk", "says_jazz"]].to_numpy().tolist() == [[True, False], [False, True]]
    assert nearest_words(frame, "cover").endswith(": 1 of 2 covers.")
    assert nearest_words(frame.drop(columns="reaches_none"), "album") == (
        "An album that reaches none is called the genre that comes nearest."
    )


def test_the_card_says_that_a_cover_may_be_given_several(run: Run) -> None:
    assert "one or more of these" in (run.bundle / "README.md").read_text()


@pytest.mark.slow
def test_an_interval_can_be_seen_beside_its_dot(run: Run, tmp_path: Path) -> None:
    with visited(tmp_path, "file://") as visit:
        visit.page.goto(run.report.as_uri())
        heights = visit.page.eval_on_selector_all(
            "#genres .track", "all => all.map(one => [...one.children].map(mark => mark.offsetHeight))"
        )
    assert len(heights) == 2
    # however short, it is taller than the dot that lies on it
    assert all(interval >= 2 * dot > 0 for interval, dot in heights)


def test_new_covers_are_called_all_their_genres(run: Run, tmp_path: Path) -> None:
    manifest = draw(tmp_path / "new", 30, 1)
    truth = pd.read_csv(manifest)
    files = [str(tmp_path / "new" / name) for name in truth["path"]]
    score(run.bundle, iter(files), tmp_path / "s.csv")
    found = pd.read_csv(tmp_path / "s.csv")
    expected = ["|".join(sorted(genres.split("|"))) for genres in truth["genre"]]
    named = ["|".join(sorted(genres.split("|"))) for genres in found["genres"]]
    assert np.mean([one == other for one, other in zip(named, expected, strict=True)]) > 0.8
    held = [set(genres.split("|")) for genres in found["genre_set"]]
    kept = [
        len(set(own.split("|")) & names) / len(own.split("|"))
        for own, names in zip(expected, held, strict=True)
    ]
    assert np.mean(kept) > 0.85
    with pytest.raises(UserError, match="set-coverage"):
        score(run.bundle, iter(files), tmp_path / "t.csv", targets=Targets(error=0.2))


def test_the_screen_and_the_summary_say_what_covers_are_called(run: Run, tmp_path: Path) -> None:
    pictures.stripes((200, 20, 20), "white", 8).resize((120, 120)).save(tmp_path / "both.png")
    pictures.stripes((20, 20, 200), "white", 8).resize((120, 120)).save(tmp_path / "jazz.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    asked = ["score", str(run.bundle), str(tmp_path)]
    told = CliRunner().invoke(app, asked, env={"COLUMNS": "100"})
    assert told.exit_code == 0, told.output
    rows = {line.split()[0]: line for line in told.stdout.splitlines() if ".png" in line}
    assert re.search(r"(Jazz|Rock) [.0-9]+\s%, (Jazz|Rock) [.0-9]+\s%", rows["both.png"])
    assert "Rock" not in rows["jazz.png"]
    assert "%" not in rows["broken.png"]
    filed = CliRunner().invoke(app, [*asked, "--out", str(tmp_path / "s.csv")])
    assert filed.exit_code == 0, repr(filed.exception)
    assert "Abstained" not in filed.stdout
    words = " ".join(filed.stdout.split())
    assert "Jazz 2 100.0 %" in words
    assert "Rock 1 50.0 %" in words
    found = pd.read_csv(tmp_path / "s.csv").set_index("path")
    assert not found["abstain"].any()  # such a model never does, of no picture
    assert {"probability_1", "probability_2"} <= set(found)  # each genre that it may be called


def test_the_bundle_says_that_it_knows_several(run: Run) -> None:
    bundle = load_bundle(run.bundle)
    assert bundle.classes == ["Jazz", "Rock"]
    assert bundle.decision is None
    assert bundle.several is not None
    manifest = json.loads((run.bundle / "manifest.json").read_text())
    assert manifest["labels"] == "many"


@pytest.mark.parametrize(
    "wrong",
    [
        {"prior": "balanced"},
        {"keep": "first"},
        {"metric": "micro_f1", "labels": "one"},
        {"metric": "balanced_accuracy"},
        {"choose_by": "balanced_accuracy"},
    ],
)
def test_what_does_not_go_together_is_refused(wrong: dict[str, str], tmp_path: Path) -> None:
    given = {
        "labels": "many",
        "collection": draw(tmp_path / "covers", 9, 2),
        "store": tmp_path / "store",
    } | wrong
    with pytest.raises(UserError, match=f"^a test: {next(iter(wrong))}|^{next(iter(wrong))}"):
        train(
            make_config("a test", out=tmp_path / "runs", blocks=["color"], classifiers=["logistic"], **given)
        )


def test_runs_are_compared_by_a_metric_of_their_kind(run: Run) -> None:
    with pytest.raises(UserError, match=r"balanced_accuracy is of covers of one genre.*hamming_loss"):
        compare_runs([run.folder], metric="balanced_accuracy")
    found = compare_runs([run.folder], metric="hamming_loss")
    assert found["hamming_loss_first"].between(0, 0.2).all()


def test_the_page_of_doubts_gives_the_probability_of_the_doubted_genre(run: Run, tmp_path: Path) -> None:
    ids = [f"c{n}" for n in range(8)]
    predictions = pd.DataFrame(
        {
            "genre": ["Jazz", "Rock", "Rock", "Rock", "Jazz", "Jazz", "Jazz|Rock", "Jazz|Rock"],
            "group": ids,
            "p_Jazz": [0.9, 0.1, 0.2, 0.1, 0.9, 0.8, 0.9, 0.07],
            "p_Rock": [0.96, 0.9, 0.9, 0.8, 0.1, 0.2, 0.9, 0.9],
            "says_Jazz": True,
            "says_Rock": True,
        },
        index=pd.Index(ids, name="cover_id"),
    )
    table = doubtful_table(predictions, pd.Series([f"{i}.jpg" for i in ids], ids))
    for name in ("environment.json", "config.yaml"):
        shutil.copy(run.folder / name, tmp_path / name)
    shutil.copytree(run.folder, tmp_path / "run")
    write_doubt_page(tmp_path, read_run(tmp_path / "run"), [], table, doubt_by_genre(predictions), len(table))
    page = " ".join((tmp_path / "index.html").read_text().replace("\xa0", " ").split())
    assert "doubted most: Rock (96 %)" in page  # which the cover lacks
    assert "doubted most: Jazz (7 %)" in page  # which it has
    assert "suggested: <b>Jazz|Rock</b>" in page
    assert "model: <b>" not in page
    assert "calibration" not in page
    # the whole rule: the mean alone would name far more covers
    assert "at least the mean of the covers that have it, and above 50 %" in _words(page)


def test_a_mistake_is_a_genre_that_a_cover_is_called_and_lacks(run: Run) -> None:
    prepared = reopen(run.folder)
    predictions = run.predictions()
    folds = run.folds(prepared.covers)
    assert folds is not None
    cover = predictions.index[(predictions["genre"] == "Jazz").to_numpy().nonzero()[0][0]]
    columns = ["predicted", "p_Jazz", "p_Rock", "says_Jazz", "says_Rock"]
    predictions.loc[cover, columns] = ["Jazz|Rock", 0.999, 0.99, True, True]
    neighbours = load_bundle(run.bundle).neighbours
    assert neighbours is not None
    found = confident_mistakes(run, predictions, neighbours, prepared.table, prepared.covers)
    mistake = max(found, key=lambda one: one.called[one.predicted])
    assert mistake.predicted == "Rock"  # though Jazz, which it has, is the more probable
    assert mistake.own == {"Jazz": 0.999}
    assert list(mistake.called.items()) == [("Rock", 0.99), ("Jazz", 0.999)]
    for near in mistake.neighbours:
        assert near.verdict == ("right" if "Jazz" in near.genre else "wrong")
