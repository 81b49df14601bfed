"""The report of a small run whose predictions are laid down by hand."""

import base64
import io
import json
import shutil
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from coverfusion.data.splits import save_splits
from coverfusion.experiments.drawing.heat_map import confusion_map
from coverfusion.experiments.drawing.words import main_scores, spread
from coverfusion.experiments.evaluation.chosen_metric import METRICS
from coverfusion.experiments.evaluation.intervals import chance_error, reliability
from coverfusion.experiments.pipeline.cached_fits import Model
from coverfusion.experiments.pipeline.config import make_config, write_config
from coverfusion.experiments.pipeline.leaderboard import as_json, leaderboard, score_splits, write_leaderboard
from coverfusion.experiments.pipeline.provenance import environment, write_json
from coverfusion.experiments.pipeline.run_folder import chance_of, read_run
from coverfusion.experiments.training.gist import gain, run_gist
from coverfusion.experiments.training.mistakes import confident_mistakes
from coverfusion.experiments.training.report import leaderboard_chart, write_report
from coverfusion.experiments.training.train import write_predictions
from coverfusion.features.table import FeatureTable
from coverfusion.fusion.similarity.training_index import TrainingIndex
from tests.helpers.browser import visited
from tests.helpers.pictures import encode, solid

MARKUP = "<script>alert('x')</script>"
GENRES = sorted(["Jazz & Blues", MARKUP, "NA"])
BLOCKS = ("color", "texture")
FUSED, SECOND = Model("logistic", BLOCKS), Model("knn", BLOCKS)
COLOR, TEXTURE = Model("svc", ("color",)), Model("svc", ("texture",))
NOTE = "Drawn by a program: <b>says nothing</b> about music."
# of the 12 test covers, how many each model gets right
RIGHT = {FUSED: 9, SECOND: 8, COLOR: 6, TEXTURE: 3}


@dataclass
class Inputs:
    """A run folder and what `write_report` takes beside it."""

    folder: Path
    neighbours: TrainingIndex
    table: FeatureTable
    covers: pd.DataFrame

    def page(self) -> "Page":
        return Page.of(write_report(self.folder, self.neighbours, self.table, self.covers))


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """What a browser makes of the page: elements with their attributes and all text below them."""

    elements: list[Element] = field(default_factory=list)
    open: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    @classmethod
    def of(cls, path: Path) -> "Page":
        page = cls()
        page.feed(path.read_text(encoding="utf-8"))
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in ("img", "meta", "link", "br"):
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data

    def all(self, tag: str, cls: str = "") -> list[Element]:
        return [
            e
            for e in self.elements
            if e.tag == tag and (not cls or cls in e.attributes.get("class", "").split())
        ]


def _probabilities(true: str, predicted: str, top: float) -> dict[str, float]:
    """`top` for the predicted genre, most of the rest for the true one."""
    rest = dict.fromkeys(GENRES, (1 - top) / (len(GENRES) - 1))
    return {f"p_{genre}": value for genre, value in (rest | {predicted: top}).items()}


def _predictions(covers: pd.DataFrame, right: int) -> pd.DataFrame:
    """The first `right` test covers right, the others wrong and the later the surer; validation alike.

    A validation mistake is the most confident of all: the page must not show it.
    """
    rows = []
    for split in ("validation", "test"):
        for number, row in enumerate(covers[covers["split"] == split].itertuples()):
            other = GENRES[(GENRES.index(row.genre) + 1) % len(GENRES)]
            wrong = number >= right
            top = 0.99 if wrong and split == "validation" else 0.5 + 0.03 * number
            proba = _probabilities(row.genre, other if wrong else row.genre, top)
            rows.append({"cover_id": row.cover_id, "split": split, "genre": row.genre} | proba)
    return pd.DataFrame(rows).set_index("cover_id")


def _covers(folder: Path) -> pd.DataFrame:
    """36 training, 12 validation and 12 test covers, of each genre a third, each with its own colour."""
    rows = []
    for split, count in (("train", 36), ("validation", 12), ("test", 12)):
        for number in range(count):
            genre = GENRES[number % 3]
            name = f"{split}-{number:02d}"
            path = folder / f"{name}.jpg"
            path.write_bytes(encode(solid((40 * (number % 6), 60 * (number % 3), 90), (40, 40))))
            rows.append({"cover_id": name, "path": str(path), "genre": genre, "split": split})
    frame = pd.DataFrame(rows)
    return frame.assign(group=np.arange(len(frame)))


# three equal genres: always one of them, and the log loss of a third for each
BASELINE = {"accuracy": 4 / 12, "macro_f1": 0.5 / 3, "log_loss": float(np.log(3))}


def _inputs(root: Path, models: dict[Model, int], note: str = NOTE, metric: str = "accuracy") -> Inputs:
    pictures, folder = root / "covers", root / "run"
    pictures.mkdir(parents=True)
    folder.mkdir()
    covers = _covers(pictures)
    predictions = {model: _predictions(covers, right) for model, right in models.items()}
    groups = covers.set_index("cover_id")["group"]
    scored = score_splits(predictions, groups, seed=0)
    ranked_by = next(iter(scored))[1]
    board = leaderboard(scored, dict.fromkeys(models, 1.5), ranked_by, METRICS[metric])
    write_leaderboard(folder, board, scored)
    write_predictions(folder / "predictions.parquet", predictions, groups, groups.index)
    write_json(
        folder / "metrics.json",
        as_json(scored, next(iter(models)), {"by": "log_loss"}, metric, {"test": BASELINE}, {}),
    )
    write_config(make_config("test", collection=pictures, metric=metric), folder / "config.yaml")
    write_json(folder / "environment.json", environment())
    facts = {
        "note": note,
        "fingerprint": "0123456789abcdef",
        "covers": len(covers),
        "genres": covers["genre"].value_counts().to_dict(),
        "dropped": {"files": 66, "rejected": 2, "copies": 4},
        "extractors": {block: f"{block}-123" for block in BLOCKS},
        "failures": 1,
    }
    write_json(folder / "collection.json", facts)
    (folder / "rejected.csv").write_text(
        "path,genre,reason\n"
        f"{pictures}/a.jpg,NA,not a picture\n"
        f'{pictures}/<img src=x onerror=alert(1)>.jpg,NA,"truncated, after 3 bytes"\n'
    )
    (folder / "conflicts.csv").write_text("cover_id,path,genre,group,kind\n")
    (folder / "failures.csv").write_text("cover_id,path,block,reason\nx,b.jpg,color,gave up\n")
    ids = pd.Index(covers["cover_id"], name="cover_id")
    # where a cover stands is its number: test cover n lies between training covers n and n + 1
    place = covers["cover_id"].str[-2:].astype(float) + covers["split"].map({"train": 0.0}).fillna(0.1)
    table = FeatureTable(
        {
            block: pd.DataFrame({"x": place.to_numpy(), "y": 0.01 * place.to_numpy()}, index=ids)
            for block in BLOCKS
        }
    )
    train = covers[covers["split"] == "train"]
    return Inputs(folder, _index(table, train), table, covers.drop(columns="split"))


def _index(table: FeatureTable, covers: pd.DataFrame) -> TrainingIndex:
    return TrainingIndex().fit(
        table.rows(covers["cover_id"].tolist()).frame(),
        cover_ids=covers["cover_id"].tolist(),
        genres=covers["genre"].tolist(),
        paths=covers["path"].tolist(),
        thumbnails=[Path(path).read_bytes() for path in covers["path"]],
    )


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return _inputs(tmp_path_factory.mktemp("report"), RIGHT)


@pytest.fixture(scope="module")
def page(inputs: Inputs) -> Page:
    return inputs.page()


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
    assert not _inputs(tmp_path, RIGHT, note="").page().all("p", "notice")


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


def test_command_config_and_versions_are_there(page: Page) -> None:
    blocks = "".join(e.text for e in page.all("pre"))
    assert "preset: packaged" in blocks
    facts = " ".join(e.text for e in page.all("dl", "facts"))
    assert np.__version__ in facts


# --- its sentences -------------------------------------------------------------------------------------


def test_gist_says_who_won_against_chance_and_the_best_block(inputs: Inputs) -> None:
    run = read_run(inputs.folder)
    usual, chance = chance_of(run, METRICS["accuracy"])
    assert chance == pytest.approx(4 / 12)
    difference = gain(run, inputs.covers)
    assert difference is not None
    assert difference.value == pytest.approx(3 / 12)
    sentences = run_gist(run, usual, chance, difference)
    assert len(sentences) == 3
    assert "logistic on all 2 blocks" in sentences[0]
    score = run.score(run.chosen)
    assert f"75.0\u00a0% ({spread(score)}) of 12 test covers" in sentences[0]
    assert "33.3\u00a0%" in sentences[1]
    assert "by validation is color with 50.0\u00a0% (" in sentences[2]
    assert "25.0 points" in sentences[2]
    assert sentences[2].endswith("No block alone is significantly better than chance on these covers.")


def test_every_sentence_is_in_the_metric_that_models_are_ranked_by(tmp_path: Path) -> None:
    inputs = _inputs(tmp_path, RIGHT, metric="macro_f1")
    run = read_run(inputs.folder)
    # of each genre three of four are right and one other cover is named so, and two of four by the block
    score, difference = run.score(run.chosen), gain(run, inputs.covers)
    assert difference
    assert (score.value, difference.value) == pytest.approx((0.75, 0.25))
    page = inputs.page()
    gist = page.all("p", "gist")[0].text
    assert f"its macro F1 is 75.0\u00a0% ({spread(score)}) on 12 test covers" in gist
    assert "would give a macro F1 of 16.7\u00a0%." in gist
    ends = f"{100 * difference.low:+.1f} to {100 * difference.high:+.1f}".replace("-", "\u2212")
    assert ends in gist
    assert "The best single block by validation is color with 50.0\u00a0%" in gist
    assert "accuracy" not in gist
    assert page.all("svg", "chart")[0].attributes["aria-label"].startswith("Macro F1 of each model")


def test_equally_frequent_genres_are_said_to_be_so(page: Page) -> None:
    assert "one of the most frequent genres" in page.all("p", "gist")[0].text  # 20 covers of each


def test_fusing_is_what_a_model_on_several_blocks_gains_also_where_it_was_not_chosen(tmp_path: Path) -> None:
    seen = Model("finetune", ("pixels",))  # the chosen one sees the pictures themselves, and no block
    inputs = _inputs(tmp_path, {seen: 11, FUSED: 9, SECOND: 7, COLOR: 6})
    run = read_run(inputs.folder)
    assert (run.chosen.classifier, run.fusing.classifier) == ("finetune", "logistic")
    difference = gain(run, inputs.covers)
    assert difference
    assert difference.value == pytest.approx(3 / 12)  # logistic less color
    page = inputs.page()
    assert "fusing all in logistic" in page.all("p", "gist")[0].text
    assert [tile.text for tile in page.all("div", "tile")][2].startswith("+25.0points by fusing, in logistic")
    groups = [row.heading for row in leaderboard_chart(run, 1 / 3).rows]
    assert groups == ["all blocks fused"] * 2 + ["the pictures themselves", "one block alone"]


def test_without_a_model_on_several_blocks_the_chosen_one_is_compared(tmp_path: Path) -> None:
    inputs = _inputs(tmp_path, {Model("finetune", ("pixels",)): 1, COLOR: 12})
    run = read_run(inputs.folder)
    assert "; finetune loses 91.7 points" in run_gist(run, "x", 0.3, gain(run, inputs.covers))[2]


def test_guessing_stands_below_the_models_with_its_log_loss(page: Page) -> None:
    (foot,) = page.all("tfoot")
    assert foot.text.split()[0] == "guessing"
    assert all(value in foot.text for value in ("33.3", "16.7", "1.099"))


def test_the_top_three_of_three_genres_say_nothing(page: Page) -> None:
    assert "top-3" not in page.all("thead")[0].text
    assert "top3_accuracy" in main_scores(METRICS["accuracy"], 4)


@pytest.mark.parametrize(("keep", "said"), [("drop", "left out"), ("first", "first of"), ("all", "no split")])
def test_what_became_of_covers_under_several_genres(tmp_path: Path, keep: str, said: str) -> None:
    inputs = _inputs(tmp_path, {FUSED: 9})
    config = make_config("test", collection=tmp_path / "covers", keep=keep)
    write_config(config, inputs.folder / "config.yaml")
    rows = "cover_id,path,genre,group,kind\nx,a.jpg,NA,1,same\ny,b.jpg,NA,2,near\n"
    (inputs.folder / "conflicts.csv").write_text(rows)
    (sentence,) = [e.text for e in inputs.page().all("p") if "“near”" in e.text]
    assert said in sentence


def test_a_loss_is_said_as_a_loss(tmp_path: Path) -> None:
    inputs = _inputs(tmp_path, RIGHT, metric="log_loss")
    run = read_run(inputs.folder)
    losses = [-np.log(_test_probabilities(inputs, model)).mean() for model in (FUSED, COLOR)]
    difference = gain(run, inputs.covers)
    assert difference
    assert difference.value == pytest.approx(losses[1] - losses[0])
    gist = inputs.page().all("p", "gist")[0].text
    assert f"its log loss is {losses[0]:.3f} (" in gist
    assert "Knowing only how common genres are would give a log loss of 1.099" in gist
    assert f"The best single block by validation is color with {losses[1]:.3f}" in gist
    assert "%" not in gist


def _test_probabilities(inputs: Inputs, model: Model) -> np.ndarray:
    """(12,) what a model gave the true genres of the test covers."""
    frame = pd.read_parquet(inputs.folder / "predictions.parquet").query("split == 'test'")
    own = frame[(frame["classifier"] == model.classifier) & (frame["blocks"] == "+".join(model.blocks))]
    return np.array([row[f"p_{row['genre']}"] for row in own.to_dict("records")])


def test_gain_is_paired_cover_by_cover(tmp_path: Path) -> None:
    # both models are right on the very same covers: the difference is zero in every resample, and its
    # interval as far as Wilson's of 0 out of 12
    inputs = _inputs(tmp_path, {FUSED: 7, COLOR: 7})
    found = gain(read_run(inputs.folder), inputs.covers)
    reach = 3.8415 / (12 + 3.8415)
    assert found
    assert (found.value, found.low, found.high) == pytest.approx((0, -reach, reach), abs=1e-4)


def test_gain_draws_whole_groups(inputs: Inputs) -> None:
    run = read_run(inputs.folder)
    apart = gain(run, inputs.covers)
    # covers 6, 7 and 8 make the difference; in one group they come and go together
    three = inputs.covers["cover_id"].isin(["test-06", "test-07", "test-08"])
    together = gain(run, inputs.covers.assign(group=inputs.covers["group"].mask(three, -1)))
    assert apart
    assert together
    assert apart.value == together.value
    assert together.high - together.low > apart.high - apart.low


def test_a_worse_fused_model_is_called_worse(tmp_path: Path) -> None:
    inputs = _inputs(tmp_path, {FUSED: 1, COLOR: 12})
    run = read_run(inputs.folder)
    assert "fusing all in logistic loses 91.7 points" in run_gist(run, "x", 0.3, gain(run, inputs.covers))[2]


def test_one_model_without_a_mistake_and_without_a_block_alone(tmp_path: Path) -> None:
    page = _inputs(tmp_path, {FUSED: 12}).page()
    assert not page.all("li", "mistake")
    assert "100.0\u00a0% (" in page.all("p", "gist")[0].text


# --- mistakes ------------------------------------------------------------------------------------------


def test_confident_mistakes_come_from_test_with_their_nearest_training_covers(inputs: Inputs) -> None:
    run = read_run(inputs.folder)
    found = confident_mistakes(
        run, run.predictions(run.chosen), inputs.neighbours, inputs.table, inputs.covers
    )
    assert [mistake.path for mistake in found] == [f"covers/test-{n:02d}.jpg" for n in (11, 10, 9)]
    assert [mistake.probability for mistake in found] == pytest.approx([0.83, 0.80, 0.77])
    assert found[0].genre == GENRES[2]
    assert found[0].predicted == GENRES[0]
    assert found[0].own_probability == pytest.approx(0.17 / 2)
    # 11.1 lies nearest to training covers 11, 12, 10, 13 and 9
    assert [near.genre for near in found[0].neighbours] == [GENRES[n % 3] for n in (11, 12, 10, 13, 9)]


def test_pictures_are_those_of_the_covers(inputs: Inputs) -> None:
    run = read_run(inputs.folder)
    found = confident_mistakes(
        run, run.predictions(run.chosen), inputs.neighbours, inputs.table, inputs.covers
    )
    assert found[0].picture is not None
    content = base64.b64decode(found[0].picture.removeprefix("data:image/jpeg;base64,"))
    colour = np.array(Image.open(io.BytesIO(content))).mean(axis=(0, 1))
    assert colour == pytest.approx([40 * 5, 60 * 2, 90], abs=6)  # of test cover 11


def test_a_cell_of_the_confusion_matrix_leads_to_its_covers(page: Page) -> None:
    anchors = {e.attributes["id"]: e for e in page.all("ul", "shown")}
    links = [e for e in page.all("a") if e.attributes.get("href", "").startswith("#cell-")]
    assert {link.attributes["href"].removeprefix("#") for link in links} == set(anchors)
    assert len(links) == 6  # three genres, right or taken for the next one
    counts = sorted(int(e.text.split(": ")[1].split()[0]) for e in page.all("summary") if " cover" in e.text)
    assert counts == [1, 1, 1, 3, 3, 3]


def test_covers_that_are_gone_get_a_placeholder(inputs: Inputs, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(inputs.folder, folder)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    covers = inputs.covers.copy()
    covers.loc[covers["cover_id"] == "test-11", "path"] = "/nowhere/cover.jpg"
    covers.loc[covers["cover_id"] == "test-10", "path"] = str(broken)
    page = Inputs(folder, inputs.neighbours, inputs.table, covers).page()
    assert len(page.all("span", "gone")) == 4  # among the mistakes, and in their cells
    assert len(page.all("li", "mistake")) == 3


def test_under_folds_no_neighbour_is_of_the_covers_own_fold(inputs: Inputs, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(inputs.folder, folder)
    write_config(make_config("test", collection=tmp_path / "covers", folds=2), folder / "config.yaml")
    fold = pd.Series(0, index=pd.Index(inputs.covers["cover_id"], name="cover_id"))
    fold[["train-11", "train-10", "test-11"]] = 1
    save_splits(fold.to_frame("fold"), folder / "splits.parquet")
    run = read_run(folder)
    everything = _index(inputs.table, inputs.covers)  # the cover itself is its own nearest neighbour
    predictions = run.predictions(run.chosen)
    found = confident_mistakes(run, predictions, everything, inputs.table, inputs.covers)[0]
    # 11.1 of validation, training 12, 10.1 of validation and of test, training 13
    assert [near.genre for near in found.neighbours] == [GENRES[n % 3] for n in (11, 12, 10, 10, 13)]


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
