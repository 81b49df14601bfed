"""The service of models of several genres a cover, and of metadata and backs beside a picture."""

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from fastapi.testclient import TestClient

from coverfusion.experiments.explanation.explain import explain
from coverfusion.experiments.pipeline.config import make_config
from coverfusion.experiments.scoring.predictor import Predictor
from coverfusion.experiments.training.train import train
from tests.helpers.many import save_many, train_many
from tests.helpers.pictures import encode
from tests.helpers.serving import assert_problem, files, serving
from tests.helpers.sided import back_of, front_of, save_sided

FRONT, BACK = encode(front_of(7)), encode(back_of("opera", 907))
ONE_BACK = [*files(FRONT), *files(BACK, field="backs")]


@pytest.fixture(scope="module")
def albums(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that has learnt from both sides, from a year that tells opera, and from a label."""
    folder = tmp_path_factory.mktemp("albums")
    manifest = save_sided(folder / "covers")
    rows = pd.read_csv(manifest)
    rows["year"] = [1900 if genre == "opera" else 1990 for genre in rows["genre"]]
    rows["label"] = [f"label {number % 3}" for number in rows.index // 2]
    rows.to_csv(manifest, index=False)
    config = make_config(
        "test",
        collection=manifest,
        out=folder / "runs",
        store=folder / "store",
        blocks=["color"],
        classifiers=["logistic"],
        alone=[],
        sides="fused",
        metadata={"numbers": ["year"], "categories": ["label"]},
    )
    return train(config) / "bundle"


@pytest.fixture(scope="module")
def asked(albums: Path) -> Iterator[TestClient]:
    with serving(albums) as client:
        yield client


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of several genres a cover."""
    return train_many(save_many(tmp_path_factory.mktemp("many") / "covers")) / "bundle"


def _chances(picture: dict) -> dict[str, float]:
    return {one["genre"]: one["probability"] for one in picture["genres"]}


def test_what_stands_beside_a_picture_counts_as_for_score(asked: TestClient, albums: Path) -> None:
    known = [{"year": 1900, "label": "label 1"}, None]
    sent = [*files(FRONT, FRONT), *files(BACK, b"", field="backs")]
    got = asked.post("/v1/predict", files=sent, data={"metadata": json.dumps(known)}).json()["pictures"]
    predictor = Predictor.load(albums)
    told = {"year": [1900, None], "label": ["label 1", None]}
    proba = predictor.predict_proba([FRONT, FRONT], metadata=told, backs=[BACK, None])
    for own, expected in zip(got, proba, strict=True):
        chances = _chances(own)
        assert [chances[genre] for genre in predictor.classes_] == pytest.approx(expected.tolist())
    assert got[0]["genres"][0]["genre"] == "opera"
    assert got[1]["genres"][0]["probability"] < got[0]["genres"][0]["probability"] - 0.1


def test_an_explanation_counts_them_too(asked: TestClient, albums: Path, tmp_path: Path) -> None:
    told = {"metadata": json.dumps({"year": "1900"})}
    made = asked.post("/v1/explain?attention=false", files=ONE_BACK, data=told).json()
    (row,) = Predictor.load(albums).predict([FRONT], metadata={"year": ["1900"]}, backs=[BACK]).itertuples()
    assert made["genres"][0]["genre"] == row.genre_1 == "opera"
    assert made["genres"][0]["probability"] == pytest.approx(row.probability_1)
    assert made["contributions"]["blocks"]["metadata_year"] > 0
    assert "metadata_year.number" in made["contributions"]["columns"]
    (tmp_path / "front.jpg").write_bytes(FRONT)
    (tmp_path / "back.jpg").write_bytes(BACK)
    explain(
        albums,
        tmp_path / "front.jpg",
        tmp_path / "why.png",
        attention=False,
        back=str(tmp_path / "back.jpg"),
        metadata={"year": "1900"},
    )
    written = json.loads((tmp_path / "why.json").read_text())
    assert written["contributions"]["blocks"] == pytest.approx(made["contributions"]["blocks"])
    assert written["metadata"] == {"year": "1900"}


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ('{"yaer": 1900}', "'yaer'"),
        ('{"year": "c. 1900"}', "'year'"),
        ('{"year": [1900]}', "'year'"),
        ('{"label": true}', "'label'"),
        ("[{}, {}]", "of 2 pictures, and the request has 1."),
        ("[]", "of 0 pictures"),
        ('{"year": NaN}', "JSON"),
        ('{"year": -Infinity}', "JSON"),
        ('{"year": 1e400}', "'year'"),
        ('{"label": "\\ud800"}', "surrogate"),
        ('{"\\udc00": 1}', "surrogate"),
        ("1900", "object"),
        ('"x"', "object"),
        ("{", "JSON"),
        ("[" * 100_000, "JSON"),
    ],
)
def test_wrong_metadata_is_said(asked: TestClient, metadata: str, said: str) -> None:
    answer = asked.post("/v1/predict", files=files(FRONT), data={"metadata": metadata})
    assert said in assert_problem(answer, 422, "invalid")["detail"]


@pytest.mark.parametrize("metadata", ["null", "{}", "[{}]", '{"year": null, "label": ""}'])
def test_nothing_known_is_as_no_metadata(asked: TestClient, metadata: str) -> None:
    without = asked.post("/v1/predict", files=files(FRONT)).json()
    assert asked.post("/v1/predict", files=files(FRONT), data={"metadata": metadata}).json() == without


def test_what_is_not_sent_is_warned_of(asked: TestClient) -> None:
    whole = {"metadata": json.dumps({"year": 1900, "label": "label 1"})}
    (told,) = asked.post("/v1/predict", files=ONE_BACK, data=whole).json()["pictures"]
    (bare,) = asked.post("/v1/predict", files=files(FRONT)).json()["pictures"]
    assert told["warning"] is None
    assert all(one in bare["warning"] for one in ("'year', 'label'", "without a back", "expect less"))
    why = asked.post("/v1/explain?attention=false", files=files(FRONT)).json()
    assert " ".join(why["lacking"]) == bare["warning"]
    why = asked.post("/v1/explain?attention=false", files=ONE_BACK, data=whole).json()
    assert why["lacking"] == []


def test_likeness_goes_by_the_picture_alone_and_says_so(asked: TestClient) -> None:
    plain = asked.post("/v1/similar", files=files(FRONT)).json()
    beside = asked.post("/v1/similar", files=ONE_BACK, data={"metadata": '{"year": 1990}'}).json()
    assert beside["covers"] == plain["covers"] != []
    assert (plain["ignored"], beside["ignored"]) == ([], ["backs", "metadata"])


def test_backs_are_as_many_as_pictures(asked: TestClient) -> None:
    answer = asked.post("/v1/predict", files=[*files(FRONT, FRONT), *files(BACK, field="backs")])
    assert "backs" in assert_problem(answer, 422, "invalid")["detail"]
    answer = asked.post("/v1/predict", files=files(FRONT), data={"backs": "none"})
    assert "filename" in assert_problem(answer, 422, "invalid")["detail"]


def test_a_bad_side_leaves_the_other(asked: TestClient) -> None:
    bad_back = [*files(FRONT), *files(b"no picture", field="backs")]
    (picture,) = asked.post("/v1/predict", files=bad_back).json()["pictures"]
    assert picture["genres"]
    assert picture["failed_blocks"].startswith("back: ")
    explained = asked.post("/v1/explain", files=bad_back, params={"attention": False}).json()
    assert list(explained["failed"]) == ["back"]
    assert f"back: {explained['failed']['back']}" == picture["failed_blocks"]
    (picture,) = asked.post("/v1/predict", files=[*files(b"no picture"), *files(BACK, field="backs")]).json()[
        "pictures"
    ]
    assert picture["genres"][0]["genre"] == "opera"
    assert picture["failed_blocks"].startswith("front: ")
    assert picture["nearest_distance"] is picture["out_of_distribution"] is None


def test_models_without_them_refuse_them(client: TestClient) -> None:
    known = {"metadata": '{"year": 1900}'}
    answer = client.post("/v1/predict", files=files(FRONT), data=known)
    assert "'year'" in assert_problem(answer, 422, "invalid")["detail"]
    assert "backs" in assert_problem(client.post("/v1/predict", files=ONE_BACK), 422, "invalid")["detail"]


@pytest.mark.parametrize("path", ["predict", "explain", "similar"])
def test_backs_are_refused_as_unknown_on_every_path(client: TestClient, path: str) -> None:
    told = assert_problem(client.post(f"/v1/{path}", files=ONE_BACK), 422, "invalid")["detail"]
    assert told == "backs: the model has not learnt from backs."
    two = assert_problem(client.post("/v1/similar", files=files(FRONT, FRONT)), 413, "too-large")
    assert "1 picture" in two["detail"]


def test_a_side_that_cannot_be_read_is_warned_of_as_missing(asked: TestClient) -> None:
    told = {"metadata": json.dumps({"year": 1900, "label": "label 1"})}
    bad = b"no picture"
    pairs = {"both": (FRONT, BACK), "bare": (FRONT, b""), "bad back": (FRONT, bad), "bad front": (bad, BACK)}
    warned = {}
    for name, (front, back) in pairs.items():
        sent = [*files(front), *files(back, field="backs")]
        (picture,) = asked.post("/v1/predict", files=sent, data=told).json()["pictures"]
        warned[name] = picture["warning"]
    assert warned["both"] is None
    assert "a front without a back" in warned["bare"] == warned["bad back"]
    assert "the back alone counts" in warned["bad front"]
    sent = [*files(bad), *files(BACK, field="backs")]
    assert_problem(asked.post("/v1/explain", files=sent), 422, "unreadable-pictures")


def test_similar_covers_of_several_genres_have_them_as_a_list(many: Path, asked: TestClient) -> None:
    picture = files((many.parents[2] / "covers" / "cover-003.png").read_bytes())  # red and striped
    with serving(many) as client:
        covers = client.post("/v1/similar?k=20", files=picture).json()["covers"]
    assert ["ember", "wave"] in [one["genres"] for one in covers]
    assert all(one["genre"] == "|".join(one["genres"]) for one in covers)
    covers = asked.post("/v1/similar", files=files(FRONT)).json()["covers"]
    assert all(one["genres"] == [one["genre"]] for one in covers)


def test_the_specification_has_what_the_model_takes(asked: TestClient, client: TestClient) -> None:
    def fields(of: TestClient, path: str) -> set[str]:
        body = of.get("/openapi.json").json()["paths"][path]["post"]["requestBody"]
        return set(body["content"]["multipart/form-data"]["schema"]["properties"])

    assert fields(asked, "/v1/predict") == fields(asked, "/v1/explain") == {"pictures", "backs", "metadata"}
    assert fields(client, "/v1/predict") == fields(asked, "/v1/similar") == {"pictures"}
    card = asked.get("/v1/model").json()
    assert (card["metadata"], card["takes_backs"]) == ({"year": "number", "label": "category"}, True)


def test_a_cover_of_several_genres_is_called_what_reaches_its_thresholds(many: Path) -> None:
    paths = sorted((many.parents[2] / "covers").glob("*.png"))[:12]
    scored = Predictor.load(many).predict(paths, top_k=3)
    with serving(many) as client:
        got = client.post("/v1/predict?top_k=3", files=files(*(path.read_bytes() for path in paths))).json()
        why = client.post("/v1/explain", files=files(paths[3].read_bytes())).json()
        card = client.get("/v1/model").json()
    at = card["genre_thresholds"]
    assert card["targets"]["sets"] == "of-its-genres"
    for own, row in zip(got["pictures"], scored.to_dict("records"), strict=True):
        assert own["called"] == row["genres"].split("|")
        assert own["genre_set"] == row["genre_set"].split("|")
        assert own["abstain"] is None
        reached = [one["genre"] for one in own["genres"] if one["reaches_threshold"]]
        assert reached == [genre for genre, chance in _chances(own).items() if chance >= at[genre]]
        assert own["called"] == (reached or own["called"][:1])
    assert any(len(own["called"]) > 1 for own in got["pictures"])
    assert why["called"] == got["pictures"][3]["called"]
    assert why["genres"][0]["genre"] == why["called"][0]
    assert why["thresholds"] == pytest.approx(at)


def test_without_top_k_all_of_several_genres_are_named(tmp_path: Path) -> None:
    manifest = save_many(tmp_path / "covers")
    rows = pd.read_csv(manifest)
    rows["genre"] += ["|even" if number // 4 % 2 else "|odd" for number in rows.index]
    rows.to_csv(manifest, index=False)
    picture = files(Path(rows["path"][3]).read_bytes())
    with serving(train_many(manifest, ["color"]) / "bundle") as client:
        (got,) = client.post("/v1/predict", files=picture).json()["pictures"]
        why = client.post("/v1/explain?attention=false", files=picture).json()
        (two,) = client.post("/v1/predict?top_k=2", files=picture).json()["pictures"]
    every = {"ember", "wave", "quiet", "even", "odd"}
    assert {one["genre"] for one in got["genres"]} == {one["genre"] for one in why["genres"]} == every
    assert len(two["genres"]) == 2
