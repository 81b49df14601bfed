"""The ray engine on a local cluster of two workers gives the local engine's rows, whatever happens to one."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from PIL import Image
from typer.testing import CliRunner

from coverfusion.data.collection import read_collection
from coverfusion.data.errors import UserError
from coverfusion.data.sources import list_pictures
from coverfusion.experiments.cli import app
from coverfusion.experiments.cluster.engine import Cluster, _shared_out, cluster
from coverfusion.experiments.cluster.extract import extract_on_ray
from coverfusion.experiments.cluster.score import score_on_ray
from coverfusion.experiments.commands.options import check_engine
from coverfusion.experiments.pipeline.blocks import make_extractors
from coverfusion.experiments.pipeline.preparation import describe_extractor
from coverfusion.experiments.scoring.score import score
from coverfusion.features.extract import extract
from coverfusion.features.registry import Extractor
from coverfusion.features.sides import table_of
from coverfusion.features.store import Store
from coverfusion.features.table import FeatureTable
from coverfusion.fusion.bundle import save_bundle
from coverfusion.fusion.registry import create
from tests.helpers.pictures import grained, noise, save_folders, save_zip, solid, stripes

ROOT = Path(__file__).parents[3]
BLOCKS = {"color": {}, "texture": {}}
PART = 16  # small parts, so that there are several a worker


def _cover(number: int) -> Image.Image:
    rng = np.random.default_rng(number)
    first, second = (tuple(int(v) for v in rng.integers(0, 255, 3)) for _ in range(2))
    return grained(stripes(first, second, int(rng.integers(3, 20)), size=(64, 64)), number)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("c") / "covers"
    save_folders(root, {g: [_cover(k + n) for n in range(40)] for k, g in ((0, "dub"), (100, "opera"))})
    save_zip(root / "rock.zip", {f"rock/{n}.jpg": _cover(200 + n) for n in range(16)})
    (root / "dub" / "broken.jpg").write_bytes(b"no picture")
    (root / "opera" / "empty.jpg").write_bytes(b"")
    return root


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    extractors = make_extractors(BLOCKS, "packaged")
    pictures = [solid("red", (64, 64)), noise(1, (64, 64)), *(_cover(300 + n) for n in range(22))]
    table, _ = table_of(pictures, extractors)
    model = create("logistic").fit(table.frame(), np.array(["dub", "opera", "rock"] * 8))
    path = tmp_path_factory.mktemp("b") / "bundle"
    columns = {name: list(frame.columns) for name, frame in table.blocks.items()}
    save_bundle(path, model, columns=columns, extractors={e.name: describe_extractor(e) for e in extractors})
    return path


@pytest.fixture(scope="module")
def expected(folder: Path, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    out = tmp_path_factory.mktemp("s") / "scores.parquet"
    assert score(bundle, _pictures(folder), out) == (98, 2)
    return pd.read_parquet(out)


@pytest.fixture(scope="module")
def two_workers() -> Iterator[Cluster]:
    with cluster(workers=2) as on:
        yield on


def _pictures(folder: Path) -> Iterator[str]:
    return list_pictures([str(folder)])


def _same_rows(out: Path, expected: pd.DataFrame) -> None:
    """Every row in its place: texts and flags equal, numbers within 1e-5."""
    pd.testing.assert_frame_equal(pd.read_parquet(out), expected, rtol=0, atol=1e-5, check_dtype=False)


def _kill_one_worker() -> int:
    """SIGKILL for one process that holds a copy of the model; its process id."""
    actors = [p for p in psutil.Process().children(recursive=True) if "MapWorker" in " ".join(p.cmdline())]
    latest = max(actors, key=lambda process: process.create_time())  # of this run, not of an earlier one
    os.kill(latest.pid, signal.SIGKILL)
    return latest.pid


@pytest.mark.slow
@pytest.mark.usefixtures("two_workers")
def test_scores_are_the_local_engines_row_for_row_though_a_worker_is_killed(
    folder: Path, bundle: Path, expected: pd.DataFrame, tmp_path: Path
) -> None:
    done: list[int] = []
    killed: list[int] = []

    def progress(covers: int) -> None:
        done.append(covers)
        if not killed:
            killed.append(_kill_one_worker())

    out = tmp_path / "scores"
    counts = score_on_ray(bundle, _pictures(folder), str(out), progress=progress, workers=2, part=PART)
    assert not psutil.pid_exists(killed[0])
    assert counts == (98, 2)
    assert sorted(done) == [2, *[PART] * 6]
    assert len(list(out.glob("part-*.parquet"))) == 7
    _same_rows(out, expected)


@pytest.mark.slow
@pytest.mark.usefixtures("two_workers")
def test_a_stopped_run_goes_on_where_it_was_also_from_addresses(
    folder: Path, bundle: Path, expected: pd.DataFrame, tmp_path: Path
) -> None:
    out = tmp_path / "scores"
    address = f"file://{out}"

    def stop(covers: int) -> None:
        raise KeyboardInterrupt

    def pictures() -> Iterator[str]:
        return iter([f"file://{path}" for path in expected["path"]])

    with pytest.raises(KeyboardInterrupt):
        score_on_ray(bundle, pictures(), address, progress=stop, workers=2, part=PART)
    time.sleep(1)  # a part that was being written
    before = {path: path.stat().st_mtime_ns for path in out.glob("part-*")}
    assert 1 <= len(before) < 7
    with pytest.raises(UserError, match="--resume"):
        score_on_ray(bundle, pictures(), address, workers=2, part=PART)
    with pytest.raises(UserError, match="not those of the stopped run"):
        score_on_ray(bundle, iter(expected["path"]), address, resume=True, workers=2, part=PART)
    with pytest.raises(UserError, match="another top_k"):
        score_on_ray(bundle, pictures(), address, top_k=1, resume=True, workers=2, part=PART)
    counts = score_on_ray(bundle, pictures(), address, resume=True, workers=2, part=PART)
    assert counts == (98, 2)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    _same_rows(out, expected.assign(path="file://" + expected["path"]))


@pytest.mark.slow
@pytest.mark.usefixtures("two_workers")
def test_the_store_holds_what_the_local_engine_puts_there(folder: Path, tmp_path: Path) -> None:
    covers = read_collection(folder).frame
    changed = covers.iloc[[0]].assign(cover_id="0" * 64)  # as if the file had been another one
    covers = pd.concat([covers, changed], ignore_index=True)
    local, distant = Store(tmp_path / "local"), Store(tmp_path / "distant")
    extractors = make_extractors(BLOCKS, "packaged")
    failures = extract(covers, extractors, local)
    extract(covers[:20], extractors[:1], distant)  # some rows are there already
    assert extract_on_ray(covers, extractors, distant, workers=2, size=PART) == failures
    assert len(failures) == 1
    for extractor in extractors:
        _same_store(extractor, covers["cover_id"].tolist(), local, Store(distant.root))
    assert extract(covers[:-1], extractors, Store(distant.root)) == []


@pytest.mark.slow
@pytest.mark.usefixtures("two_workers")
def test_a_collection_at_an_address_gives_the_table_of_its_folder(folder: Path, tmp_path: Path) -> None:
    def table(name: str, collection: str, *options: str) -> tuple[FeatureTable, pd.DataFrame]:
        blocks = [word for block in BLOCKS for word in ("-b", block)]
        places = ["--store", str(tmp_path / f"{name}-store"), "--out", str(tmp_path / name)]
        done = CliRunner().invoke(app, ["extract", collection, *blocks, *places, *options])
        assert done.exit_code == 0, done.output
        assert (tmp_path / name / "failures.csv").read_text().count("\n") == 1  # its header
        return FeatureTable.load(tmp_path / name), pd.read_parquet(tmp_path / name / "covers.parquet")

    expected, covers = table("local", str(folder))
    for name, options in (("address", ()), ("ray", ("--engine", "ray", "--workers", "1"))):
        found, at = table(name, f"file://{folder}", *options)
        pd.testing.assert_frame_equal(at, covers.assign(path="file://" + covers["path"]))
        pd.testing.assert_frame_equal(found.frame(), expected.frame(), rtol=1e-5, atol=1e-5)
    assert len(covers) == 96


def _same_store(extractor: Extractor, ids: list[str], local: Store, distant: Store) -> None:
    ours, theirs = (
        store.read(extractor.fingerprint(), ids, len(extractor.columns)) for store in (distant, local)
    )
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-5, atol=1e-5)
    assert ours[1] == theirs[1]
    shards = pd.concat(map(pd.read_parquet, (distant.root / extractor.fingerprint()).glob("*.parquet")))
    assert not shards["cover_id"].duplicated().any()


@pytest.mark.slow
@pytest.mark.usefixtures("two_workers")
def test_more_workers_than_cores_are_refused() -> None:
    with pytest.raises(UserError, match=r"--workers 9999: the cluster has \d+ cores"), cluster(9999):
        pass


def test_an_actor_gets_its_share() -> None:
    assert _shared_out({"CPU": 16.0}, None) == Cluster(workers=16, cpus=1, gpus=0)
    assert _shared_out({"CPU": 16.0}, 5) == Cluster(workers=5, cpus=3, gpus=0)
    assert _shared_out({"CPU": 16.0, "GPU": 2.0}, None) == Cluster(workers=2, cpus=8, gpus=1)
    assert _shared_out({"CPU": 16.0, "GPU": 1.0}, 3) == Cluster(workers=3, cpus=5, gpus=0.333)


def test_the_name_of_a_file_and_a_used_folder_are_refused(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a folder of parquet files"):
        score_on_ray(bundle, iter([]), str(tmp_path / "scores.csv"))
    with pytest.raises(UserError, match="holds something else"):
        score_on_ray(bundle, iter([]), str(bundle))


def test_a_cluster_that_does_not_answer_is_named() -> None:
    code = (
        "from coverfusion.experiments.cluster.engine import cluster\n"
        "with cluster(address='127.0.0.1:1'): pass"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert "UserError: There is no Ray cluster at '127.0.0.1:1'" in done.stderr


def test_no_pictures_are_no_rows(bundle: Path, tmp_path: Path) -> None:
    assert score_on_ray(bundle, iter([]), str(tmp_path / "scores")) == (0, 0)


def test_options_of_the_other_engine_are_refused() -> None:
    assert check_engine("ray", 2, "auto")
    assert not check_engine("local", None, None)
    with pytest.raises(UserError, match="Did you mean 'ray'"):
        check_engine("rays", None, None)
    with pytest.raises(UserError, match="belong to --engine ray"):
        check_engine("local", 2, None)


def test_without_ray_the_extra_is_named(folder: Path, bundle: Path, tmp_path: Path) -> None:
    code = "import sys; sys.modules['ray'] = None; from coverfusion.experiments.cli import main; main()"
    words = ["score", bundle, folder, "--engine", "ray", "--out", tmp_path / "scores"]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 2
    assert "pip install 'coverfusion[ray]'" in done.stderr
    assert "Traceback" not in done.stderr
