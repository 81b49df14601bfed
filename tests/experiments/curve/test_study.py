"""A learning-curve study end to end on a small drawn collection of unequal genres."""

from pathlib import Path

import numpy as np
import pandas as pd
import PIL.Image
import pytest

from coverfusion.data.errors import UserError
from coverfusion.experiments.curve.charts import curve_charts
from coverfusion.experiments.curve.page import curve_findings, short_of
from coverfusion.experiments.curve.room import Room
from coverfusion.experiments.curve.scores import score_points
from coverfusion.experiments.curve.study import fit_points, learning_curve, make_points
from coverfusion.experiments.evaluation.chosen_metric import METRICS
from coverfusion.experiments.pipeline.blocks import make_extractors
from coverfusion.experiments.pipeline.cached_fits import CachedFits, Model
from coverfusion.experiments.pipeline.config import Config, make_config
from coverfusion.experiments.pipeline.study import open_study_folder
from coverfusion.experiments.training.train import train
from coverfusion.features.registry import Extractor
from tests.helpers.charts import chart_words
from tests.helpers.pictures import encode, noise, save_manifest, solid

GENRES = {"dub": (30, 120, 40), "opera": (150, 30, 40), "techno": (40, 40, 160)}
COUNTS = {"dub": 60, "opera": 36, "techno": 36}
AVERAGE = {"classifiers": ["logistic", "knn"]}
CLASSIFIERS = {"logistic": {"C": 0.1}, "knn": {}, "average": AVERAGE}


def _cover(genre: str, number: int) -> PIL.Image.Image:
    """Noise in about the genre's colour; no two look alike."""
    seed = 100 * list(GENRES).index(genre) + number
    shift = np.random.default_rng(seed).integers(-80, 80, 3)
    colour = tuple(int(v) for v in np.clip(np.array(GENRES[genre]) + shift, 0, 255))
    return PIL.Image.blend(noise(seed, (64, 64)), solid(colour, (64, 64)), 0.7)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Covers in pairs that must stay together."""
    folder = tmp_path_factory.mktemp("c")
    rows = []
    for genre, count in COUNTS.items():
        for number in range(count):
            path = folder / f"{genre}-{number}.jpg"
            path.write_bytes(encode(_cover(genre, number)))
            rows.append({"path": str(path), "genre": genre, "group": f"{genre}-{number // 2}"})
    return save_manifest(folder / "covers.csv", rows)


def _config(manifest: Path, out: Path, **more: object) -> Config:
    values = {"classifiers": CLASSIFIERS, "alone": [], "blocks": ["color"], "folds": 2} | more
    return make_config("test", collection=manifest, out=out / "runs", store=out / "store", **values)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("out")


@pytest.fixture(scope="module")
def study(manifest: Path, out: Path) -> Path:
    return learning_curve(_config(manifest, out), balances=("none", "weights", "oversample"), workers=1)


def test_the_folder_is_complete(study: Path) -> None:
    for name in (
        "config.yaml",
        "environment.json",
        "collection.json",
        "curve.json",
        "splits.parquet",
        "curve.csv",
        "pooled.csv",
        "powerlaw.csv",
        "balance.csv",
        "index.html",
        *(f"figures/{chart}-{name}.svg" for chart in ("curve", "balance") for name in CLASSIFIERS),
    ):
        assert (study / name).exists(), name
    assert not (study / "fits").exists()


def test_one_row_a_classifier_balance_size_and_fold(study: Path) -> None:
    curve = pd.read_csv(study / "curve.csv")
    sizes = sorted(curve["size"].unique())
    assert len(sizes) == 5
    assert sizes[0] == 30
    assert len(curve) == 3 * 3 * 5 * 2
    smaller = curve[curve["size"] < sizes[-1]]
    # pairs stay whole, so a set may be one cover short
    assert (smaller["size"] - smaller["covers"]).isin([0, 1]).all()
    copies = curve[curve["balance"] == "oversample"]
    assert (copies["rows"] > copies["covers"]).all()
    others = curve[curve["balance"] != "oversample"]
    assert (others["rows"] == others["covers"]).all()
    for name in ("accuracy", "f1_macro", "f1_dub", "f1_opera", "f1_techno"):
        assert curve[name].between(0, 1).all()


def test_a_law_names_the_sizes_of_its_curve(study: Path) -> None:
    curve, laws = pd.read_csv(study / "curve.csv"), pd.read_csv(study / "powerlaw.csv")
    assert set(laws["smallest"]) == {curve["size"].min()}
    assert set(laws["largest"]) == {curve["size"].max()}
    whole = curve[(curve["size"] == curve["size"].max())].drop_duplicates(["repeat", "fold"])
    assert curve["size"].max() == round(whole["covers"].mean())


def test_the_largest_size_is_the_run_itself(study: Path, manifest: Path, out: Path) -> None:
    board = pd.read_csv(train(_config(manifest, out)) / "leaderboard.csv").set_index("classifier")
    pooled = pd.read_csv(study / "pooled.csv")
    for name, balance in (("logistic", "none"), ("knn", "none")):
        rows = pooled[
            (pooled["size"] == pooled["size"].max())
            & (pooled["balance"] == balance)
            & (pooled["classifier"] == name)
            & pooled["genre"].isna()
        ].set_index("score")
        for score in ("accuracy", "f1_macro", "log_loss"):
            assert rows.loc[score, "value"] == pytest.approx(board.loc[name, score])
            assert rows.loc[score, "low"] == pytest.approx(board.loc[name, f"{score}_low"])


def test_a_mean_is_that_of_its_members_under_the_same_balance(
    manifest: Path, out: Path, tmp_path: Path
) -> None:
    config = _config(manifest, out).model_copy(update={"out": tmp_path})
    with open_study_folder("curve", config, _extractors()) as opened:
        prepared = opened.prepare()
    points = make_points(tmp_path, config, prepared.covers, [30, 60], repeats=1)[:2]
    kept = fit_points(opened, prepared, points, ["none"], ["logistic", "knn"], workers=1)
    means = {"average": ["logistic", "knn"]}
    curve, _ = score_points(kept, points, means, ["average"], prepared.covers, folds=2, seed=0)
    fits, parts = kept["none"]
    frames = [fits.predictions(Model(name, ("color",)), parts[0]) for name in ("logistic", "knn")]
    mean = np.maximum(frames[0].filter(regex="^p_"), 1e-6) * np.maximum(frames[1].filter(regex="^p_"), 1e-6)
    right = mean.columns.str[2:].to_numpy()[mean.to_numpy().argmax(axis=1)] == frames[0]["genre"]
    assert curve["accuracy"].iloc[0] == pytest.approx(right.mean())


def test_copies_never_come_from_the_held_out_fold(manifest: Path, out: Path, tmp_path: Path) -> None:
    config = _config(manifest, out).model_copy(update={"out": tmp_path})
    with open_study_folder("curve", config, _extractors()) as opened:
        prepared = opened.prepare()
    points = make_points(tmp_path, config, prepared.covers, [30, 60], repeats=1)
    kept = fit_points(opened, prepared, points, ["none", "oversample"], ["knn"], workers=1)
    covers = prepared.covers.set_index("cover_id")
    for plain, copied in zip(kept["none"][1], kept["oversample"][1], strict=True):
        assert set(copied.train) == set(plain.train)
        assert set(covers.loc[copied.train, "group"]).isdisjoint(
            covers.loc[copied.predicted["test"], "group"]
        )
        assert covers.loc[copied.train, "genre"].value_counts().nunique() == 1
        assert copied.predicted == plain.predicted


def test_a_study_stopped_while_fitting_goes_on(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = _config(manifest, tmp_path, classifiers={"knn": {}})
    fitted: list[str] = []
    real = CachedFits.fit

    def fit(self: CachedFits, model: object, part: object) -> object:
        if len(fitted) == 3:
            raise KeyboardInterrupt
        fitted.append(part.name)  # type: ignore[attr-defined]
        return real(self, model, part)  # type: ignore[arg-type]

    monkeypatch.setattr(CachedFits, "fit", fit)
    with pytest.raises(KeyboardInterrupt):
        learning_curve(config, [30, 60], workers=1)
    first = list(fitted)
    fitted.clear()
    folder = learning_curve(config, [30, 60], workers=1)
    assert len(first) == 3
    assert len(fitted) == 1
    assert not set(first) & set(fitted)
    assert learning_curve(config, [30, 60], workers=1) == folder
    assert len(fitted) == 1


def test_the_page_says_what_the_tables_say_and_loads_nothing(study: Path) -> None:
    page = (study / "index.html").read_text()
    laws = pd.read_csv(study / "powerlaw.csv")
    assert len(laws) == 9
    for name in CLASSIFIERS:
        assert f"{name} (no balancing): " in page
    charts = chart_words(page)
    assert len(charts) == 6  # a curve and the balances of each classifier
    assert f"{laws['classifier'].iloc[0]}: accuracy against training covers; accuracy, %" in charts[0]
    assert "no balancing: at " in charts[0]
    assert "http" not in page.replace("http-equiv", "")


def _law(**changes: object) -> pd.DataFrame:
    law: dict[str, object] = {"classifier": "knn", "balance": "none", "sizes": 5, "smallest": 50}
    law |= {"largest": 165, "verdict": "short", "missed": 0.05}
    spans = {
        "accuracy": (0.5, 0.42, 0.58),
        "per_doubling": (0.02, -0.01, 0.05),
        "last_step": (0.03, 0.01, 0.05),
    }
    for name, ends in spans.items():
        law |= dict(zip((name, f"{name}_low", f"{name}_high"), ends, strict=True))
    return pd.DataFrame([law | changes])


def test_a_curve_without_a_forecast_says_why_and_what_was_found() -> None:
    (said,) = curve_findings(_law(), Room(genres=4, covers=206, folds=5))
    assert "50.0 % right (42.0\u201358.0) with 165 training covers" in said
    assert "brought +2.0 points (\u22121.0 to +5.0) on average, which is not significant, the last" in said
    assert said.endswith(
        "No forecast, sizes too close: the largest is 3.3 times the smallest. Name 4 or more by --sizes, the "
        "smallest 40 to 41."
    )
    (said,) = curve_findings(_law(sizes=3, last_step_low=-0.01), Room(genres=4, covers=206, folds=5))
    law = _law().iloc[0].to_dict()
    assert "No forecast, sizes too few: there are 3. Name 4 or more" in said
    assert short_of(law | {"sizes": 3}) == "sizes too few"
    assert short_of(law | {"sizes": 5}) == "sizes too close"
    assert not short_of(law | {"verdict": "flat"})
    assert "last step" not in said


def test_sizes_without_a_doubling_have_no_figure_for_one() -> None:
    none = dict.fromkeys(("per_doubling", "per_doubling_low", "per_doubling_high"), float("nan"))
    law = _law(sizes=2, smallest=30, largest=31, **none)
    (said,) = curve_findings(law, Room(genres=3, covers=36, folds=7))
    assert "doubling" not in said
    assert "+" not in said
    assert said.endswith("120 training covers or more, and a significant rise: add covers.")


def test_without_a_forecast_the_axis_ends_at_the_last_size_and_balances_stand_side_by_side() -> None:
    laws = pd.concat([_law(a=0.1, b=1, c=0.5), _law(balance="weights")])
    sizes = [50, 100, 165]
    pooled = pd.DataFrame(
        [("knn", each, size, "accuracy", 0.4, 0.3, 0.5) for each in ("none", "weights") for size in sizes],
        columns=["classifier", "balance", "size", "score", "value", "low", "high"],
    )
    chart = curve_charts(pooled, laws, 0.2, METRICS["accuracy"])["knn"]
    assert [tick for tick, _ in chart.x_ticks] == sizes
    first, second = chart.series
    for one, other in zip(first.spots, second.spots, strict=True):
        assert one.x < other.x < 1.1 * one.x
        assert other.x < chart.x.high


def test_a_bad_parameter_is_refused_before_anything_is_fitted(manifest: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no parameter 'k'"):
        learning_curve(_config(manifest, tmp_path, classifiers={"logistic": {"k": 1}}))
    assert not (tmp_path / "runs").exists()


def _extractors() -> list[Extractor]:
    return make_extractors({"color": {}}, "packaged")
