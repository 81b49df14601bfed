"""SHAP values of a planted signal: one block tells the genre, another is noise."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from catboost import Pool

from coverfusion.data.splits import save_splits
from coverfusion.experiments.evaluation.catboost_shap import catboost_contributions, sum_by_block
from coverfusion.experiments.genres.shap import MIN_TESTED_COVERS, components, genre_shap, shap_split
from coverfusion.features.table import FeatureTable
from coverfusion.fusion.catboost import FusionCatBoost

GENRES = ("folk", "metal", "pop")
PARAMETERS = {"iterations": 40, "depth": 3, "rsm": 1.0, "pca": 4}


def _inputs(n: int = 150) -> tuple[FeatureTable, pd.DataFrame]:
    """`color.signal` and the gap of `ocr.center` tell the genre; `cnn` and `color.noise` say nothing."""
    rng = np.random.default_rng(0)
    codes = np.arange(n) % 3
    ids = pd.Index([f"c{k:03d}" for k in range(n)], name="cover_id")
    signal, noise, words, center = rng.normal(size=(4, n))
    blocks = {
        "color": pd.DataFrame({"signal": codes + 0.3 * signal, "noise": noise}, ids),
        "ocr": pd.DataFrame({"words": words, "center": np.where(codes == 1, np.nan, center)}, ids),
        "cnn": pd.DataFrame(rng.normal(size=(n, 12)), ids, [f"embedding_{k:04d}" for k in range(12)]),
    }
    table = FeatureTable({name: block.astype(np.float32) for name, block in blocks.items()})
    genres = [GENRES[code] for code in codes]
    return table, pd.DataFrame({"cover_id": ids, "genre": genres, "group": np.arange(n) // 2})


def _run(folder: Path, covers: pd.DataFrame, folds: int | None = None) -> SimpleNamespace:
    """What `explain` reads of a run, with its splits saved."""
    part = (covers["group"] % 5).to_numpy()
    names = np.where(part == 0, "test", np.where(part == 1, "validation", "train"))
    splits = pd.DataFrame({"fold": part} if folds else {"split": names}, index=pd.Index(covers["cover_id"]))
    save_splits(splits, folder / "splits.parquet")
    config = {"classifiers": {"catboost": PARAMETERS}, "seed": 0, "folds": folds}
    return SimpleNamespace(folder=folder, config=config, split="folds" if folds else "test", item="cover")


def test_contributions_add_up_to_the_score() -> None:
    table, covers = _inputs()
    X = table.frame()
    model = FusionCatBoost(**PARAMETERS).fit(X, covers["genre"].tolist())
    values = catboost_contributions(model, X)
    raw = model.model_.predict(Pool(model.scaler_.transform(X.to_numpy())), prediction_type="RawFormulaVal")
    score = raw - raw.mean(axis=1, keepdims=True)
    constant = score - values.sum(axis=2)
    assert constant == pytest.approx(np.broadcast_to(constant[:1], constant.shape), abs=1e-6)
    by_block, by_column = sum_by_block(model, list(X.columns), values)
    assert set(by_block) == {"color", "ocr", "cnn"}
    assert sum(by_block.values()) == pytest.approx(values.sum(axis=2))
    # columns of blocks that were not projected add up to their block, gaps included
    assert set(by_column) == {"color.signal", "color.noise", "ocr.words", "ocr.center"}
    assert by_column["ocr.words"] + by_column["ocr.center"] == pytest.approx(by_block["ocr"])


def test_the_block_with_the_signal_gains(tmp_path: Path) -> None:
    table, covers = _inputs()
    found = genre_shap(_run(tmp_path, covers), table, covers, tmp_path / "kept")  # type: ignore[arg-type]
    gains = found.blocks.pivot(index="genre", columns="block", values="gain")
    assert (gains[["color", "ocr"]].max(axis=1) > 5 * gains["cnn"].abs()).all()
    doubts = found.blocks.pivot(index="genre", columns="block", values="doubt")
    assert gains.loc["metal", "ocr"] > doubts.loc["metal", "ocr"] > 0
    assert gains.loc["metal", "ocr"] > 0.1  # only its covers lack the text's centre
    sure = found.blocks.set_index(["genre", "block"])["p_corrected"]
    assert sure["metal", "ocr"] < 0.001
    assert (sure.xs("cnn", level="block") > 0.05).all()
    assert found.components == {"cnn": 4}  # its 12 columns; the others have two
    assert found.accuracy > 0.9
    says = found.columns.set_index(["genre", "column"])["says"]
    assert says["pop", "color.signal"] == "for"
    assert says["folk", "color.signal"] == "against"
    assert sum(found.covers.values()) == 30
    assert found.learnt == 90
    assert found.held == "test covers"


def test_from_few_covers_nothing_is_significant(tmp_path: Path) -> None:
    """The same signal, with four held-out covers of metal."""
    table, covers = _inputs()
    held = (covers["group"] % 5 == 0) & (covers["genre"] == "metal")
    kept = covers.drop(covers.index[held][4:]).reset_index(drop=True)
    table = FeatureTable({name: block.loc[kept["cover_id"]] for name, block in table.blocks.items()})
    found = genre_shap(_run(tmp_path, kept), table, kept, tmp_path / "kept")  # type: ignore[arg-type]
    assert found.covers == {"folk": 10, "metal": 4, "pop": 10}
    assert [found.tested(genre) for genre in GENRES] == [True, False, True]
    assert MIN_TESTED_COVERS == 10
    sure = found.blocks.set_index(["genre", "block"])
    assert sure.loc["metal", "gain"].max() > 0.1
    assert (sure.loc["metal", "p_corrected"] == 1).all()
    assert sure.loc["metal", "doubt"].isna().all()
    assert sure.loc["folk", "doubt"].notna().all()
    assert sure.loc["folk", "p_corrected"].min() < 0.05


def test_a_long_fit_tells_its_trees() -> None:
    table, covers = _inputs()
    told: list[tuple[int, int]] = []
    model = FusionCatBoost(**PARAMETERS)
    model.watch = lambda trees, most: told.append((trees, most))
    model.fit(table.frame(), covers["genre"].tolist())
    assert [trees for trees, _ in told] == list(range(1, len(told) + 1))
    assert 1 < len(told) <= PARAMETERS["iterations"] == told[0][1]
    unwatched = FusionCatBoost(**PARAMETERS).fit(table.frame(), covers["genre"].tolist())
    np.testing.assert_array_equal(model.predict_proba(table.frame()), unwatched.predict_proba(table.frame()))


@pytest.mark.parametrize("folds", [None, 5])
def test_covers_that_are_explained_were_not_learnt_from(tmp_path: Path, folds: int | None) -> None:
    _, covers = _inputs()
    learnt, held, description = shap_split(_run(tmp_path, covers, folds), covers)  # type: ignore[arg-type]
    group = covers.set_index("cover_id")["group"]
    assert not set(group[learnt]) & set(group[held])
    assert len(held) == 30
    assert len(learnt) == (120 if folds else 90)
    assert ("first of 5 folds" in description) == bool(folds)


def test_a_killed_report_goes_on_with_the_model_it_fitted(tmp_path: Path) -> None:
    table, covers = _inputs()
    run, kept = _run(tmp_path, covers), tmp_path / "kept"
    first = genre_shap(run, table, covers, kept)  # type: ignore[arg-type]
    state = next(kept.glob("*/model.cbm"))
    stamp = state.stat().st_mtime_ns
    again = genre_shap(run, table, covers, kept)  # type: ignore[arg-type]
    assert state.stat().st_mtime_ns == stamp
    assert len(list(kept.iterdir())) == 1
    pd.testing.assert_frame_equal(first.blocks, again.blocks)
    run.config["classifiers"]["catboost"] = PARAMETERS | {"depth": 2}
    genre_shap(run, table, covers, kept)  # type: ignore[arg-type]
    assert len(list(kept.iterdir())) == 2  # another model is another fit


def test_readable_blocks_are_never_projected() -> None:
    table, _ = _inputs()
    assert components(table, 1) == 3  # two columns of ocr and one pattern of gaps
    assert components(table, 50) == 50
    assert components(table, None) is None
