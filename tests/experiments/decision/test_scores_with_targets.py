"""What a bundle keeps for decisions, and scores that abstain, name sets and warn."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from coverfusion.data.errors import UserError
from coverfusion.data.sources import list_pictures
from coverfusion.experiments.pipeline.run_folder import read_run
from coverfusion.experiments.scoring.score import bundle_extractors, score
from coverfusion.experiments.scoring.verdict import verdict_on
from coverfusion.features.sides import table_of
from coverfusion.fusion.bundle import load_bundle
from coverfusion.fusion.uncertainty.decision import BY_GENRE, KINDS, MARGINAL, Targets, rule_of
from tests.helpers.decided_runs import deciding
from tests.helpers.pictures import encode, noise


@pytest.mark.parametrize(("name", "source", "covers"), [("split", "validation", 9), ("folds", "folds", 90)])
def test_the_bundle_keeps_covers_that_the_model_has_not_seen_and_that_did_not_choose_it(
    name: str, source: str, covers: int, runs: dict[str, Path]
) -> None:
    run = read_run(runs[name])
    decision = load_bundle(runs[name] / "bundle").decision
    assert decision is not None
    assert decision.source == source
    assert len(decision.proba) == pytest.approx(covers, abs=5)
    frame = deciding(runs[name])
    own = frame[(frame["classifier"] == run.chosen.classifier) & (frame["split"] == source)]
    np.testing.assert_allclose(
        np.sort(decision.proba.max(axis=1)), np.sort(own.filter(regex="^p_").max(axis=1))
    )
    assert (decision.proba.argmax(axis=1) == decision.y).mean() == (own["genre"] == own["predicted"]).mean()


def test_scores_abstain_name_sets_and_warn(runs: dict[str, Path], collection: Path, tmp_path: Path) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "noise.png").write_bytes(encode(noise(size=(60, 60)), "PNG"))
    (tmp_path / "odd" / "broken.jpg").write_bytes(b"no picture")
    targets = Targets(coverage=0.5, set_coverage=0.8)
    pictures = list_pictures([str(tmp_path / "odd"), str(collection)])
    score(runs["folds"] / "bundle", pictures, tmp_path / "s.parquet", targets=targets)
    frame = pd.read_parquet(tmp_path / "s.parquet")
    assert frame["abstain"].dtype == bool
    broken = frame[frame["path"].str.endswith("broken.jpg")].iloc[0]
    assert broken["abstain"]
    assert pd.isna(broken["genre_set"])
    assert broken["out_of_distribution"] is None
    assert frame[frame["path"].str.endswith("noise.png")]["out_of_distribution"].item()
    covers = frame[frame["path"].str.startswith(str(collection))]
    assert 0.3 < covers["abstain"].mean() < 0.7
    assert covers["out_of_distribution"].astype(bool).mean() < 0.05
    np.testing.assert_allclose(covers["nearest_distance"], 0, atol=1e-2)  # each is in the index itself
    assert (covers["genre_set"].str.split("|").str[0] == covers["genre_1"]).all()


def test_scores_and_verdicts_make_the_sets_that_are_asked_for(
    runs: dict[str, Path], collection: Path, tmp_path: Path
) -> None:
    bundle, paths = runs["folds"] / "bundle", sorted(map(str, (collection / "dub").iterdir()))
    found = {}
    for kind in (None, *KINDS):
        targets = Targets(set_coverage=0.8, sets=kind)
        score(bundle, iter(paths), tmp_path / f"{kind}.parquet", targets=targets)
        found[kind] = pd.read_parquet(tmp_path / f"{kind}.parquet")["genre_set"]
    assert found[None].equals(found[BY_GENRE])  # as new bundles have it
    assert not found[MARGINAL].equals(found[BY_GENRE])
    loaded = load_bundle(bundle)
    row = table_of([Image.open(paths[0])], bundle_extractors(loaded))[0].frame()
    for kind, words in ((BY_GENRE, "80 % of each genre's covers"), (MARGINAL, "80 % of covers")):
        verdict = verdict_on(loaded, row, Targets(set_coverage=0.8, sets=kind))
        assert "|".join(verdict.genre_set or []) == found[kind][0]
        assert words in verdict.in_words()[-1]


def test_genres_that_every_set_holds_are_said_when_scoring(
    runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    score(runs["split"] / "bundle", iter([]), tmp_path / "a.csv")  # 9 held-out covers
    said = " ".join(capsys.readouterr().out.split())
    assert "9 held-out covers of a genre are needed before a set can leave it out" in said
    assert "dub (" in said
    score(runs["split"] / "bundle", iter([]), tmp_path / "b.csv", targets=Targets(sets=MARGINAL))
    assert "Too few" not in capsys.readouterr().out


def test_nothing_is_guaranteed_of_what_is_out_of_distribution(runs: dict[str, Path], tmp_path: Path) -> None:
    odd, bundle = noise(size=(60, 60)), load_bundle(runs["folds"] / "bundle")
    (tmp_path / "noise.png").write_bytes(encode(odd, "PNG"))
    row = table_of([odd], bundle_extractors(bundle))[0].frame()
    sure = float(bundle.predict_proba(row).max())
    for targets, silent in ((Targets(), False), (Targets(coverage=1.0), True)):
        assert max(rule_of(bundle.decision, targets).thresholds) < sure  # the rule alone would answer
        out = tmp_path / f"{silent}.parquet"
        score(runs["folds"] / "bundle", iter([str(tmp_path / "noise.png")]), out, targets=targets)
        scored, verdict = pd.read_parquet(out).iloc[0], verdict_on(bundle, row, targets)
        assert scored["out_of_distribution"]
        assert scored["abstain"] == verdict.abstain == silent


def test_probabilities_are_calibrated_where_that_helps(runs: dict[str, Path], collection: Path) -> None:
    bundle = load_bundle(runs["folds"] / "bundle")
    assert bundle.decision is not None
    proba = bundle.decision.proba
    np.testing.assert_array_equal(bundle.calibrated(proba), bundle.decision.calibration(proba))


def test_resuming_with_another_target_is_refused(
    runs: dict[str, Path], collection: Path, tmp_path: Path
) -> None:
    out, bundle = tmp_path / "a.csv", runs["split"] / "bundle"

    def stopped() -> object:
        raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):
        score(bundle, stopped(), out, targets=Targets(error=0.2))  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"made with another error \(0\.2, now 0\.3\)"):
        score(bundle, list_pictures([str(collection)]), out, resume=True, targets=Targets(error=0.3))


def test_an_old_bundle_scores_as_before_but_takes_no_targets(
    runs: dict[str, Path], collection: Path, tmp_path: Path
) -> None:
    from coverfusion.fusion.bundle import save_bundle

    new = load_bundle(runs["split"] / "bundle")
    save_bundle(
        tmp_path / "old",
        new.classifier,
        columns=new.columns,
        extractors=new.extractors,
        neighbours=new.neighbours,
    )
    rows, _ = score(tmp_path / "old", list_pictures([str(collection / "dub")]), tmp_path / "a.csv")
    frame = pd.read_csv(tmp_path / "a.csv")
    assert rows == 60
    assert not frame["abstain"].any()
    assert frame["genre_set"].isna().all()
    with pytest.raises(UserError, match="need held-out covers"):
        score(tmp_path / "old", iter([]), tmp_path / "b.csv", targets=Targets(error=0.2))


def test_what_cannot_be_guaranteed_is_said_when_scoring(
    runs: dict[str, Path], collection: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    targets = Targets(error=0.001)
    assert set(rule_of(load_bundle(runs["split"] / "bundle").decision, targets).thresholds) == {np.inf}
    score(runs["split"] / "bundle", iter([]), tmp_path / "a.csv", targets=targets)
    assert re.search(r"0\.1 % wrong cannot be guaranteed", capsys.readouterr().out)
