"""A small run whose predictions are laid down by hand, and its report as a browser reads it."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd

from coverfusion.experiments.evaluation.chosen_metric import METRICS
from coverfusion.experiments.pipeline.cached_fits import Model
from coverfusion.experiments.pipeline.config import make_config, write_config
from coverfusion.experiments.pipeline.leaderboard import as_json, leaderboard, score_splits, write_leaderboard
from coverfusion.experiments.pipeline.provenance import environment, write_json
from coverfusion.experiments.training.report import write_report
from coverfusion.experiments.training.train import write_predictions
from coverfusion.features.table import FeatureTable
from coverfusion.fusion.similarity.training_index import TrainingIndex
from tests.helpers.pictures import encode, solid

MARKUP = "<script>alert('x')</script>"
GENRES = sorted(["Jazz & Blues", MARKUP, "NA"])
BLOCKS = ("color", "texture")
NOTE = "Drawn by a program: <b>says nothing</b> about music."
FUSED, SECOND = Model("logistic", BLOCKS), Model("knn", BLOCKS)
COLOR, TEXTURE = Model("svc", ("color",)), Model("svc", ("texture",))
# of the 12 test covers, how many each model gets right
RIGHT = {FUSED: 9, SECOND: 8, COLOR: 6, TEXTURE: 3}
# three equal genres: always one of them, and the log loss of a third for each
BASELINE = {"accuracy": 4 / 12, "macro_f1": 0.5 / 3, "log_loss": float(np.log(3))}


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


def planted_probabilities(true: str, predicted: str, top: float) -> dict[str, float]:
    """`top` for the predicted genre, most of the rest for the true one."""
    rest = dict.fromkeys(GENRES, (1 - top) / (len(GENRES) - 1))
    return {f"p_{genre}": value for genre, value in (rest | {predicted: top}).items()}


def planted_predictions(covers: pd.DataFrame, right: int) -> pd.DataFrame:
    """The first `right` test covers right, the others wrong and the later the surer; validation alike.

    A validation mistake is the most confident of all: the page must not show it.
    """
    rows = []
    for split in ("validation", "test"):
        for number, row in enumerate(covers[covers["split"] == split].itertuples()):
            other = GENRES[(GENRES.index(row.genre) + 1) % len(GENRES)]
            wrong = number >= right
            top = 0.99 if wrong and split == "validation" else 0.5 + 0.03 * number
            proba = planted_probabilities(row.genre, other if wrong else row.genre, top)
            rows.append({"cover_id": row.cover_id, "split": split, "genre": row.genre} | proba)
    return pd.DataFrame(rows).set_index("cover_id")


def planted_covers(folder: Path) -> pd.DataFrame:
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


def planted_run(root: Path, models: dict[Model, int], note: str = NOTE, metric: str = "accuracy") -> Inputs:
    pictures, folder = root / "covers", root / "run"
    pictures.mkdir(parents=True)
    folder.mkdir()
    covers = planted_covers(pictures)
    predictions = {model: planted_predictions(covers, right) for model, right in models.items()}
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
    return Inputs(folder, index_of(table, train), table, covers.drop(columns="split"))


def index_of(table: FeatureTable, covers: pd.DataFrame) -> TrainingIndex:
    return TrainingIndex().fit(
        table.rows(covers["cover_id"].tolist()).frame(),
        cover_ids=covers["cover_id"].tolist(),
        genres=covers["genre"].tolist(),
        paths=covers["path"].tolist(),
        thumbnails=[Path(path).read_bytes() for path in covers["path"]],
    )
