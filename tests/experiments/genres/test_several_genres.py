"""Genre pages of covers that may have several genres: each genre's covers against those without it."""

import base64
import io
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.special import logit

from coverfusion.data.genre_sets import labels_of, with_sets
from coverfusion.experiments.evaluation.catboost_shap import catboost_contributions
from coverfusion.experiments.genres.effects import effects
from coverfusion.experiments.genres.membership import of_genre, stands_with
from coverfusion.experiments.genres.palette import palettes
from coverfusion.experiments.genres.pictures import mean_pictures
from coverfusion.experiments.genres.report import page_names, write_genre_report
from coverfusion.experiments.genres.typical_covers import (
    EmbeddingSpace,
    confused_with,
    most_confident,
    typicality,
)
from coverfusion.experiments.genres.words import learnt_weights, text_model, typical_words
from coverfusion.experiments.pipeline.predicted_genres import SAYS
from coverfusion.experiments.pipeline.run_folder import Run, read_run
from coverfusion.experiments.training.train import train
from coverfusion.fusion.catboost import FusionCatBoost
from tests.experiments.training.test_report import Page
from tests.helpers.many import save_many
from tests.helpers.pictures import encode, solid
from tests.helpers.small import config

GENRES = ("ember", "quiet", "wave")


def _covers(*genres: str) -> pd.DataFrame:
    """Covers c0, c1, ... of these genres, such as "ab" for a and b."""
    frame = pd.DataFrame({"cover_id": [f"c{k}" for k in range(len(genres))], "group": range(len(genres))})
    return with_sets(frame, pd.Series([list(own) for own in genres]))


def _predictions(covers: pd.DataFrame, said: list[str], proba: dict[str, list[float]]) -> pd.DataFrame:
    """As a run of several genres has them; `said` names genres as `_covers` does."""
    frame = pd.DataFrame({f"p_{name}": values for name, values in proba.items()})
    for name in proba:
        frame[f"{SAYS}{name}"] = [name in own for own in said]
    frame = frame.assign(genre=covers["genre"], predicted=["|".join(own) for own in said])
    return frame.set_axis(pd.Index(covers["cover_id"]))


def test_a_cover_counts_in_each_of_its_genres() -> None:
    covers = _covers("a", "ab", "b", "bc")
    assert of_genre(covers, "b").tolist() == [False, True, True, True]
    assert stands_with(covers, "b") == Counter({"a": 1, "c": 1})
    one = pd.DataFrame({"genre": ["a|b", "a"]})  # a genre's name where each cover has one
    assert of_genre(one, "a").tolist() == [False, True]
    assert of_genre(one, "a|b").tolist() == [True, False]


def test_effects_are_of_covers_with_a_genre_against_those_without() -> None:
    covers = _covers("a", "ab", "b", "b")
    values = pd.DataFrame({"color.x": [1.0, 4.0, 2.0, 3.0]}, index=covers["cover_id"])
    found = effects(values, covers).set_index("genre")
    assert found.index.tolist() == ["a", "b"]
    # a: 1 and 4 against 2 and 3, even; b: 4, 2 and 3 against 1, always higher
    assert found["delta"].to_dict() == {"a": 0.0, "b": 1.0}
    assert found["covers"].to_dict() == {"a": 2, "b": 3}
    assert found["others"].to_dict() == {"a": 2, "b": 1}


def test_mean_pictures_count_a_cover_once_among_the_others(tmp_path: Path) -> None:
    covers = _covers("a", "ab", "b", "c")
    paths = []
    for number, level in enumerate((40, 80, 120, 200)):
        paths.append(str(tmp_path / f"{number}.png"))
        Path(paths[-1]).write_bytes(encode(solid((level, level, level), (48, 48)), "PNG"))
    means = mean_pictures(covers.assign(path=paths))
    levels = {genre: [_level(mean.own), _level(mean.others)] for genre, mean in means.items()}
    assert levels == {
        "a": pytest.approx([60, 160], abs=2),
        "b": pytest.approx([100, 120], abs=2),
        "c": pytest.approx([200, 80], abs=2),
    }


def _level(uri: str) -> float:
    return float(np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))).mean())


def test_colours_are_shared_out_to_every_genre_of_a_cover() -> None:
    covers = _covers("a", "ab", "b")
    lab = {"red": (45.0, 60.0, 40.0), "blue": (40.0, 10.0, -50.0)}
    rows = [
        {
            f"palette_1_{what}": value
            for what, value in zip(("l", "a", "b", "share"), (*lab[name], 1.0), strict=True)
        }
        for name in ("red", "red", "blue")
    ]
    found = palettes(pd.DataFrame(rows, index=covers["cover_id"]), covers, seed=0)
    reds = {
        genre: max(swatches, key=lambda one: int(one.colour[1:3], 16)) for genre, swatches in found.items()
    }
    assert {genre: (red.share, red.others) for genre, red in reds.items()} == {
        "a": pytest.approx((1.0, 0.0)),
        "b": pytest.approx((0.5, 1.0)),
    }


def test_a_cover_may_be_typical_of_one_of_its_genres() -> None:
    covers = _covers("ab", "a", "a", "b", "c").assign(path="x").set_index("cover_id")
    space = EmbeddingSpace(np.array([0.0, 1.0, 2.0, 90.0, 91.0], np.float32)[:, None], covers)
    found = typicality(space, nearest=2).loc["c0"].set_index("genre")
    assert found["proportion"].to_dict() == {"a": 1.0, "b": 0.0}
    # of 4 other groups 2 have an a: both of two draws in one of 6
    assert found["p"].to_dict() == {"a": pytest.approx(1 / 6), "b": 1.0}


def test_the_genre_mixed_up_most_is_so_by_its_proportion() -> None:
    covers = _covers("a", "a", "a", "ac", "b", "c")
    said = ["b", "bc", "c", "ac", "b", "c"]
    predictions = _predictions(covers, said, {name: [0.5] * 6 for name in "abc"})
    space = EmbeddingSpace(np.arange(6, dtype=np.float32)[:, None], covers.set_index("cover_id"))
    confusion = pd.DataFrame([[1, 2, 2], [0, 1, 0], [0, 0, 2]], index=list("abc"), columns=list("abc"))
    found = confused_with(confusion, predictions, space, "a", 5)
    assert found is not None
    # called b: 2 of the 4 that lack it; called c: 2 of the 3 that lack it
    assert (found.genre, found.taken, found.among) == ("c", 2, 3)


def test_mistakes_are_of_covers_that_lack_the_other_genre() -> None:
    covers = _covers("a", "a", "ab", "b", "a", "b")
    said = ["ab", "b", "ab", "b", "a", "a"]
    proba = {"a": [0.6, 0.2, 0.7, 0.1, 0.9, 0.8], "b": [0.9, 0.6, 0.8, 0.7, 0.1, 0.2]}
    predictions = _predictions(covers, said, proba)
    space = EmbeddingSpace(np.arange(6, dtype=np.float32)[:, None], covers.set_index("cover_id"))
    confusion = pd.DataFrame([[3, 2], [1, 2]], index=list("ab"), columns=list("ab"))
    found = confused_with(confusion, predictions, space, "a", 5)
    assert found is not None
    # c0, c1 and c4 are a's and no b's; c2 is both, so that calling it b is right
    assert (found.genre, found.taken, found.among, found.given) == ("b", 2, 3, 1)
    assert found.share == pytest.approx(2 / 3)
    assert found.surely is None
    assert [(pair.cover_id, pair.probability) for pair in found.pairs] == [("c0", 0.9), ("c1", 0.6)]
    right, missed, wrongly = most_confident(predictions, space, "a", 5)
    assert right == ["c4", "c2", "c0"]
    assert missed == ["c1"]
    assert wrongly == ["c5"]


def test_words_are_learnt_and_counted_for_each_genre_of_a_cover() -> None:
    genres = ["a", "ab", "b", "c"] * 12
    spoken = {"a": "amber", "b": "birch", "c": "cedar"}
    covers = _covers(*genres)
    said = [" ".join(spoken[name] for name in own) for own in genres]
    model = text_model(pd.Series(said, index=covers["cover_id"]), covers)
    assert model is not None
    weights = learnt_weights(model, ["amber", "birch", "tune"])
    assert weights.loc["amber", "a"] > 0.5
    assert weights.loc["birch", "b"] > 0.5
    assert weights.loc["amber", "c"] < 0
    words = pd.DataFrame(
        [(f"c{k}", word) for k, text in enumerate(said) for word in text.split()],
        columns=["cover_id", "word"],
    )
    [word] = typical_words(words, covers, "a", 5, model)
    assert (word.word, word.covers, word.others) == ("amber", 24, 0)
    assert word.weight == pytest.approx(weights.loc["amber", "a"])


def test_contributions_add_up_to_the_log_odds_of_each_genre() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"color.x": rng.normal(size=80), "color.y": rng.normal(size=80)}).astype(np.float32)
    own = [[name for name, high in (("a", x > 0), ("b", y > 0)) if high] or ["c"] for x, y in X.to_numpy()]
    covers = with_sets(pd.DataFrame({"cover_id": range(80)}), pd.Series(own))
    model = FusionCatBoost(iterations=20, depth=2).fit(X, labels_of(covers))
    values = catboost_contributions(model, X)
    constant = logit(model.predict_proba(X)) - values.sum(axis=2)
    assert constant == pytest.approx(np.broadcast_to(constant[:1], constant.shape), abs=1e-4)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("many")
    asked = {"labels": "many", "blocks": ["color", "texture"], "folds": 3, "alone": []}
    classifiers = {"logistic": {}, "catboost": {"iterations": 30}}
    return read_run(train(config(save_many(folder, 72), folder / "runs", classifiers=classifiers, **asked)))


@pytest.fixture(scope="module")
def pages(run: Run) -> Path:
    return write_genre_report(run.folder, run.folder / "genres").parent


def test_each_block_gains_for_the_genre_that_it_carries(pages: Path) -> None:
    gains = pd.read_csv(pages / "shap_blocks.csv").pivot(index="genre", columns="block", values="gain")
    assert gains.loc["ember", "color"] > 5 * abs(gains.loc["ember", "texture"])
    assert gains.loc["wave", "texture"] > 5 * abs(gains.loc["wave", "color"])
    found = pd.read_csv(pages / "effects.csv")
    red = found[found["column"] == "color.lab_a_mean"].set_index("genre")
    assert red.loc["ember", "delta"] > 0.7
    assert (red.loc["ember", "covers"], red.loc["ember", "others"]) == (36, 36)


def test_a_page_speaks_of_covers_with_and_without_the_genre(run: Run, pages: Path) -> None:
    page = Page.of(pages / page_names(GENRES)["ember"])
    text = page.all("body")[0].text
    assert "36 of the collection's 72 covers (50.0\u00a0%) are ember. Of these, 18 are wave too." in text
    f1 = run.chosen.genres["folds"]["ember"]["f1"]
    assert f"{100 * f1.value:.1f} {100 * f1.low:.1f}\u2013{100 * f1.high:.1f}" in text
    assert "log odds" in text
    assert "taken for" not in text
    assert "another genre" not in text.replace("more often than another genre", "")
    assert any(e.attributes["alt"].startswith("ember, wave cover") for e in page.all("img"))
