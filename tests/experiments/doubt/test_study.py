"""Labels that were flipped on purpose are found again; and the command that looks for them."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from coverfusion.data.errors import UserError
from coverfusion.experiments.cli import app
from coverfusion.experiments.doubt.page import write_doubt_page
from coverfusion.experiments.doubt.study import doubt_findings, find_doubtful, held_out_covers, most_doubtful
from coverfusion.experiments.doubt.tables import doubt_by_genre, doubtful_table, suggested_words
from coverfusion.experiments.pipeline.run_folder import Run, read_run
from coverfusion.experiments.training.train import train
from tests.helpers.pictures import encode, grained, save_manifest, solid
from tests.helpers.small import TINTS, config

EACH, FLIPPED = 40, 6  # 5 % of the labels


@pytest.fixture(scope="module")
def flipped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, set[str]]:
    """A run with folds on covers whose colour tells the genre, and the paths of mislabelled ones."""
    folder = tmp_path_factory.mktemp("flipped")
    rng = np.random.default_rng(0)
    rows = []
    for genre, tint in TINTS.items():
        for number in range(EACH):
            colour = tuple(int(v) for v in np.clip(np.array(tint) + rng.integers(-35, 36, 3), 0, 255))
            path = folder / f"{genre}-{number}.jpg"
            path.write_bytes(encode(grained(solid(colour, (48, 48)), [number, len(genre)])))
            rows.append({"path": str(path), "genre": genre})
    wrong = rng.choice(len(rows), FLIPPED, replace=False)
    for row in wrong:
        rows[row]["genre"] = rng.choice([genre for genre in TINTS if genre != rows[row]["genre"]])
    manifest = save_manifest(folder / "covers.csv", rows)
    run = train(config(manifest, folder / "runs", classifiers={"logistic": {}}, folds=3))
    return read_run(run), {rows[row]["path"] for row in wrong}


def test_flipped_labels_are_found(flipped: tuple[Run, set[str]], tmp_path: Path) -> None:
    run, wrong = flipped
    found = pd.read_csv(find_doubtful(run.folder, out=tmp_path / "labels") / "doubtful.csv")
    hits = found["path"].isin(wrong)
    assert hits.sum() >= FLIPPED - 2
    assert hits.mean() >= 0.6  # of 5 % that are wrong
    assert found["margin"].is_monotonic_increasing
    assert (found["p_suggested"] > found["p_genre"]).all()


def test_the_page_shows_the_most_doubtful_covers(flipped: tuple[Run, set[str]]) -> None:
    run, _ = flipped
    result = CliRunner().invoke(app, ["labels", str(run.folder), "--shown", "2"])
    assert result.exit_code == 0, result.output
    assert str(run.folder / "labels" / "doubtful.csv") in result.output.replace("\n", "")
    page = (run.folder / "labels" / "index.html").read_text()
    assert page.count('src="data:image/jpeg') == 2
    found = pd.read_csv(run.folder / "labels" / "doubtful.csv")
    assert f"of {len(found)}; <code>doubtful.csv" in page
    said = re.search(r"of (\d+) covers \((.*)\u00a0%;", page)
    assert said
    assert float(said[2]) == pytest.approx(100 * len(found) / int(said[1]), abs=0.051)
    assert "too weak" not in page
    for name in ("config.yaml", "environment.json", "genres.csv", "findings.txt"):
        assert (run.folder / "labels" / name).is_file()


def test_one_split_judges_the_covers_that_it_held_out(flipped: tuple[Run, set[str]], tmp_path: Path) -> None:
    manifest = Path(flipped[0].config["collection"])
    run = read_run(train(config(manifest, tmp_path, classifiers={"knn": {}})))
    folder = find_doubtful(run.folder)
    genres = pd.read_csv(folder / "genres.csv")
    held_out = pd.read_parquet(run.folder / "splits.parquet").query("split != 'train'")
    assert genres["covers"].sum() == len(held_out)
    assert "--folds" in (folder / "findings.txt").read_text()
    with pytest.raises(UserError, match="no model 'svc'"):
        find_doubtful(run.folder, "svc")


def test_tables_by_hand() -> None:
    predictions = pd.DataFrame(
        {"genre": ["a", "a", "a", "b", "b", "b"], "group": range(6), "p_a": [0.9, 0.6, 0.3, 0.2, 0.3, 0.9]},
        index=[f"cover {n}" for n in range(6)],
    )
    predictions["p_b"] = 1 - predictions["p_a"]
    table = doubtful_table(predictions, pd.Series([f"{n}.jpg" for n in range(6)]))
    assert table[["path", "genre", "suggested"]].to_numpy().tolist() == [
        ["5.jpg", "b", "a"],
        ["2.jpg", "a", "b"],
    ]
    genres = doubt_by_genre(predictions).set_index("genre")
    assert genres.loc["a", ["covers", "doubtful", "as_b"]].tolist() == [3, 1, 1]


def _three_genres() -> pd.DataFrame:
    """Five covers each of a, b and c. Of a: four look like c in doubt, and two like b without."""
    rows = [
        ("a", 0.80, 0.10, 0.10),
        ("a", 0.40, 0.50, 0.10),  # b is predicted, below what its own covers have: no doubt
        ("a", 0.40, 0.45, 0.15),
        ("a", 0.10, 0.25, 0.65),
        ("a", 0.30, 0.40, 0.30),  # b is the most probable, only c reaches what is usual for it
        *[("b", 0.05, 0.90, 0.05)] * 5,
        *[("c", 0.35, 0.35, 0.30)] * 5,
    ]
    frame = pd.DataFrame(rows, columns=["genre", "p_a", "p_b", "p_c"])
    return frame.assign(group=range(len(frame))).set_index(pd.Index(map(str, range(len(frame)))))


def test_the_table_by_genre_counts_what_is_suggested_for_the_doubtful_covers_alone() -> None:
    predictions = _three_genres()
    genres = doubt_by_genre(predictions).set_index("genre")
    table = doubtful_table(predictions, pd.Series("x.jpg", predictions.index))
    of_a = table.loc[table["genre"] == "a", "suggested"].value_counts().to_dict()
    assert of_a == {"c": 2}
    assert genres.loc["a", ["doubtful", "as_a", "as_b", "as_c"]].tolist() == [2, 0, 0, 2]


def test_the_page_names_the_most_probable_genre_where_it_is_not_the_one_suggested(
    flipped: tuple[Run, set[str]], tmp_path: Path
) -> None:
    run, _ = flipped
    predictions = _three_genres()
    table = doubtful_table(predictions, pd.Series("x.jpg", predictions.index))
    other = table[table["predicted"] != table["suggested"]]
    assert other[["suggested", "p_suggested", "predicted", "p_predicted"]].to_numpy().tolist() == [
        ["c", 0.3, "b", 0.4]
    ]
    for name in ("environment.json", "config.yaml"):
        shutil.copy(run.folder / name, tmp_path / name)
    shutil.copytree(run.folder, tmp_path / "run")
    write_doubt_page(tmp_path, read_run(tmp_path / "run"), [], table, doubt_by_genre(predictions), len(table))
    page = (tmp_path / "index.html").read_text().replace("\xa0", " ")
    assert page.count("most probable: b (40 %)") == page.count("most probable: ") == 1
    assert "suggested: <b>c</b> (30 %)" in page


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"a": 0, "b": 11, "c": 13}, "c 13, b 11"),
        ({"a": 0, "b": 5, "c": 5, "d": 2, "e": 0, "f": 1}, "b 5, c 5, d 2, f 1"),
        ({"a": 9, "b": 5, "c": 0, "d": 2, "e": 1, "f": 1}, "a 9, b 5, d 2, others 2"),
        ({"a": 0}, ""),
    ],
)
def test_suggestions_are_counted_and_add_to_the_doubtful_covers(counts: dict[str, int], said: str) -> None:
    row = {"genre": "x", "covers": 30, "doubtful": sum(counts.values())}
    words = suggested_words(row | {f"as_{genre}": count for genre, count in counts.items()})
    assert words.replace("\u00a0", " ") == said


@pytest.mark.parametrize(
    ("doubted", "said"), [({"a": 35, "b": 5, "c": 6}, True), ({"a": 22, "b": 18, "c": 6}, False)]
)
def test_a_genre_is_most_doubtful_only_where_no_other_may_be(doubted: dict[str, int], said: bool) -> None:
    names = [f"{genre}{n}" for genre in doubted for n in range(40)]
    predictions = pd.DataFrame({"genre": [name[0] for name in names], "group": names}, index=names)
    table = pd.DataFrame(
        {"cover_id": [f"{genre}{n}" for genre, most in doubted.items() for n in range(most)]}
    )
    genres = pd.DataFrame(
        {"genre": list(doubted), "covers": 40, "doubtful": list(doubted.values()), "as_b": 30, "as_c": 5}
    )
    sentences = most_doubtful(predictions, table, genres)
    assert bool(sentences) == said
    assert all(f"Most doubtful is a: {doubted['a']} of 40 covers" in one for one in sentences)
    assert all("b 30, c 5" in one for one in sentences)


def test_a_model_that_is_mostly_wrong_is_called_too_weak(
    flipped: tuple[Run, set[str]], tmp_path: Path
) -> None:
    run, _ = flipped
    predictions = held_out_covers(run, run.chosen)
    genres = sorted(TINTS)
    turned = {f"p_{genre}": f"p_{genres[n - 1]}" for n, genre in enumerate(genres)}
    sentences = doubt_findings(
        run, run.chosen, predictions.rename(columns=turned), pd.DataFrame({"cover_id": []}), pd.DataFrame()
    )
    assert "too weak to judge labels" in sentences[0]


def test_an_accuracy_whose_interval_holds_chance_is_too_weak(flipped: tuple[Run, set[str]]) -> None:
    run, _ = flipped
    few = held_out_covers(run, run.chosen).groupby("genre").head(2)  # 6 of 6 right may be chance
    tables = pd.DataFrame({"cover_id": []}), pd.DataFrame()
    assert "too weak" not in doubt_findings(run, run.chosen, held_out_covers(run, run.chosen), *tables)[0]
    wrong = few.assign(genre=few["genre"].to_numpy()[[0, 1, 2, 4, 3, 5]])
    assert "too weak" in doubt_findings(run, run.chosen, wrong, *tables)[0]
