"""A study's folder is named by what is asked; the parts of its splits hold each cover once."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from coverfusion.data.errors import UserError
from coverfusion.experiments.pipeline.blocks import make_extractors
from coverfusion.experiments.pipeline.config import Config, make_config
from coverfusion.experiments.pipeline.parts import ALL_FOLDS, run_parts, split_ids
from coverfusion.experiments.pipeline.preparation import open_collection
from coverfusion.experiments.pipeline.study import StudyFolder, open_study_folder
from tests.helpers.pictures import save_folders


def _cover(seed: int) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 255, (8, 8, 3)).astype(np.uint8)
    return Image.fromarray(coarse).resize((64, 64))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    folder = tmp_path_factory.mktemp("study")
    genres = {"dub": range(12), "opera": range(12, 24)}
    save_folders(folder / "covers", {genre: [_cover(n) for n in seeds] for genre, seeds in genres.items()})
    return make_config(
        "test", collection=folder / "covers", out=folder / "runs", store=folder / "store", blocks=["color"]
    )


def _open(config: Config, kind: str = "", **more: object) -> StudyFolder:
    extractors = make_extractors(config.blocks, config.preset)
    with open_study_folder(kind, config, extractors, **more) as study:  # type: ignore[arg-type]  # plain
        return study


def test_the_same_study_has_the_same_name_wherever_it_lies(config: Config, tmp_path: Path) -> None:
    moved = config.model_copy(update={"out": tmp_path, "store": tmp_path / "other"})
    assert _open(config).path.name == _open(moved).path.name
    assert _open(config).path.parent == config.out


def test_whatever_changes_the_results_changes_the_name(config: Config) -> None:
    opened = [
        _open(config),
        _open(config.model_copy(update={"seed": 1})),
        _open(config.model_copy(update={"blocks": {"texture": {}}})),
        _open(config, asked=["sizes"]),
        _open(config, "curve"),
    ]
    assert len({study.path.name for study in opened}) == len(opened)
    assert opened[-1].path.name == f"curve-{opened[0].path.name}"


def test_a_study_is_finished_once_its_page_is_there_and_fresh_forgets_it(config: Config) -> None:
    study = _open(config, "sweep", asked=["finished"])
    prepared = study.prepare()
    fits = study.fits(prepared, {}, kind="plain")
    assert fits.folder == study.path / "fits" / "plain"
    assert not study.is_finished()
    study.remove_fits()
    (study.path / "index.html").touch()
    assert _open(config, "sweep", asked=["finished"]).is_finished()
    assert not _open(config, "sweep", asked=["finished"], fresh=True).path.exists()


@pytest.mark.parametrize("folds", [None, 3])
def test_parts_predict_no_cover_that_they_learn_from(
    config: Config, tmp_path: Path, folds: int | None
) -> None:
    covers = open_collection(config).frame
    parts = run_parts(covers, config.model_copy(update={"folds": folds}), tmp_path)
    for part in parts:
        held_out = [cover for ids in part.predicted.values() for cover in ids]
        assert sorted(part.train + held_out) == sorted(covers["cover_id"])
    if folds:
        tested = [cover for part in parts for cover in part.predicted[ALL_FOLDS]]
        assert sorted(tested) == sorted(covers["cover_id"])
    else:
        assert [list(part.predicted) for part in parts] == [["validation", "test"]]


def test_a_split_that_leaves_nothing_is_refused(config: Config, tmp_path: Path) -> None:
    covers = open_collection(config).frame.head(2)
    with pytest.raises(UserError, match="validation and test"):
        split_ids(covers, config, tmp_path, ("validation", "test"))


def _refused(config: Config, file: str) -> None:
    """A study that writes a file into its folder, and is then refused."""
    with open_study_folder("curve", config, make_extractors(config.blocks, config.preset)) as study:
        (study.path / file).parent.mkdir(parents=True)
        (study.path / file).write_bytes(b"x")
        raise UserError("these covers will not do")


def test_a_refused_study_leaves_nothing_and_one_with_fits_stays(config: Config, tmp_path: Path) -> None:
    moved = config.model_copy(update={"out": tmp_path / "new" / "runs"})
    with pytest.raises(UserError, match="will not do"):
        _refused(moved, "splits.parquet")
    assert not moved.out.exists()
    with pytest.raises(UserError, match="will not do"):
        _refused(moved, "fits/one.parquet")
    assert len(list(moved.out.glob("*/fits/one.parquet"))) == 1
