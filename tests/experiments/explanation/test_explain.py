"""One cover explained from its pixels, with what goes wrong on the way."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL.Image import Image

from coverfusion.data.errors import UserError
from coverfusion.experiments.commands.explain import _known, print_explanation
from coverfusion.experiments.drawing.words import percent
from coverfusion.experiments.explanation.explain import explain, explain_picture
from coverfusion.experiments.explanation.explanation import TRAINING_COVER_WARNING, Explanation
from coverfusion.experiments.explanation.figure import figure_of
from coverfusion.experiments.explanation.people_and_words import NO_WORDS
from coverfusion.experiments.pipeline.preparation import describe_extractor
from coverfusion.experiments.scoring.verdict import NO_ANSWER, Verdict
from coverfusion.features.descriptions import quartiles_of
from coverfusion.features.registry import Extractor, create
from coverfusion.features.sides import table_of
from coverfusion.fusion.bundle import Bundle, load_bundle, save_bundle
from coverfusion.fusion.similarity.training_index import TrainingIndex
from coverfusion.fusion.uncertainty.decision import Targets, learn_decision
from tests.experiments.test_cli import coverfusion
from tests.helpers.many import save_many, train_many
from tests.helpers.pictures import encode, noise, solid, stripes
from tests.helpers.planted import quick

SIDE = 64


class Broken:
    """An extractor that no picture suits."""

    name = "texture"
    version = "1"
    columns = ("a", "b")

    def describe(self) -> Mapping[str, str]:
        return {}

    def __call__(self, images: Sequence[Image]) -> np.ndarray:
        raise RuntimeError("no luck")


def _covers() -> tuple[list[Image], list[str]]:
    """Red stripes are dub, blue noise is techno."""
    rng = np.random.default_rng(0)
    dub = [stripes((200 + int(v), 20, 20), "black", 6, (SIDE, SIDE)) for v in rng.integers(0, 50, 20)]
    blue = solid((20, 20, 220), (SIDE, SIDE))
    techno = [_half(noise(int(v), (SIDE, SIDE)), blue) for v in range(20)]
    return dub + techno, ["dub"] * 20 + ["techno"] * 20


def _half(left: Image, right: Image) -> Image:
    picture = right.copy()
    picture.paste(left.crop((0, 0, SIDE // 2, SIDE)), (0, 0))
    return picture


def _saved(folder: Path, blocks: Sequence[str]) -> Path:
    extractors = [create(name) for name in blocks]
    images, genres = _covers()
    table, _ = table_of(images, extractors)
    ids = [f"c{n}" for n in range(len(images))]
    save_bundle(
        folder,
        quick("logistic").fit(table.frame(), genres),
        columns={extractor.name: list(extractor.columns) for extractor in extractors},
        extractors={extractor.name: describe_extractor(extractor) for extractor in extractors},
        neighbours=TrainingIndex().fit(table.frame(), ids, genres, ids, [encode(image) for image in images]),
    )
    return folder


@pytest.fixture(scope="module")
def decides(plain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plain bundle with held-out covers on which a probability of 0.9 is wrong every second time."""
    bundle = load_bundle(plain)
    proba = np.tile([[0.1, 0.9], [0.9, 0.1]], (50, 1))
    folder = tmp_path_factory.mktemp("decides") / "bundle"
    save_bundle(
        folder,
        bundle.classifier,
        columns=bundle.columns,
        extractors=bundle.extractors,
        decision=learn_decision(proba, np.arange(100) // 2 % 2, np.arange(100), "validation"),
        extra={"note": "These covers are drawn."},
    )
    return folder


def _with(bundle: Bundle, extra: Sequence[Extractor] = ()) -> Explanation:
    names = [name for name in bundle.extractors if name not in {one.name for one in extra}]
    return explain_picture(bundle, [*(create(name) for name in names), *extra], _covers()[0][25])


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _saved(tmp_path_factory.mktemp("plain") / "bundle", ["color", "texture"])


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _saved(tmp_path_factory.mktemp("network") / "bundle", ["cnn", "color"])


def test_a_cover_is_explained(plain: Path) -> None:
    found = _with(load_bundle(plain))
    assert found.genre == "techno"
    assert found.genres[0][1] > 0.5
    assert [genre for genre, _ in found.genres] == ["techno", "dub"]
    parts = found.contributions
    assert parts.base + sum(parts.blocks.values()) == pytest.approx(found.genres[0][1], abs=1e-6)
    assert found.failed == {}
    assert found.faces is None
    assert found.persons is None
    assert found.words is None
    assert [one.genre for one in found.others] == ["techno"] * 5
    assert "c25" not in [one.cover_id for one in found.others]
    assert found.contributions.start == "an average training cover"
    assert found.neighbours[0].cover_id == "c25"
    assert found.neighbours[0].distance == pytest.approx(0, abs=1e-3)
    assert found.neighbours[0].thumbnail == encode(_covers()[0][25])
    assert found.training_cover
    assert found.in_words()[0] == TRAINING_COVER_WARNING
    assert found.headline_note == "logistic"  # the warning says once what it has learnt from


def test_a_set_with_its_guarantee_is_told_only_of_covers_that_are_new(plain: Path) -> None:
    verdict = Verdict(genre_set=["techno"], set_coverage=0.9, sets="by-genre", known_genres=2)
    found = replace(_with(load_bundle(plain)), verdict=verdict)
    assert found.training_cover
    assert "90 %" not in " ".join(found.in_words())
    told = found.as_json()
    assert (told["genre_set"], told["set_coverage"], told["sets"]) == (None, None, None)
    new = replace(found, neighbours=found.neighbours[1:])
    assert "hold the true genre of 90 %" in " ".join(new.in_words())
    assert (new.as_json()["genre_set"], new.as_json()["set_coverage"]) == (["techno"], 0.9)
    assert "learnt" not in new.headline_note


def test_a_cover_like_all_its_neighbours_is_not_taken_for_one_of_them(plain: Path) -> None:
    found = _with(load_bundle(plain))
    alike = [replace(one, distance=0.0, thumbnail=None) for one in found.neighbours]
    assert not replace(found, neighbours=alike).training_cover
    assert replace(found, neighbours=alike[:1]).training_cover
    assert replace(found, neighbours=[]).training_cover is None


def test_features_tell_value_meaning_and_what_the_genre_has(plain: Path) -> None:
    found = _with(load_bundle(plain))
    effects = [abs(feature.contribution) for feature in found.features]
    assert effects == sorted(effects, reverse=True)
    assert effects[-1] > 0
    table, _ = table_of(_covers()[0], [create("color"), create("texture")])
    frame = table.frame()
    for feature in found.features:
        own = frame[feature.column].iloc[20:]  # techno
        assert feature.value == pytest.approx(own.iloc[5], rel=1e-5, nan_ok=True)
        assert feature.quartiles == pytest.approx(
            quartiles_of(feature.column, own.to_numpy()), abs=0.02, rel=0.01
        )
        block, _, column = feature.column.partition(".")
        assert feature.description == create(block).describe()[column]


def test_without_an_image_network_there_is_no_map_and_that_is_said(plain: Path) -> None:
    found = _with(load_bundle(plain))
    assert found.attention is None
    assert "no block 'cnn'" in found.attention_note


def test_the_map_is_of_the_image_network(network: Path) -> None:
    found = _with(load_bundle(network))
    assert found.attention is not None
    assert found.attention.shape == (SIDE, SIDE)
    assert np.abs(found.attention[:, :16]).max() > 1e-4  # noise on the left
    assert np.abs(found.attention[:, -8:]).max() < np.abs(found.attention[:, :16]).max() / 4
    assert len(found.as_json()["attention"]) == 7
    # a map against the genre needs words where its block speaks for it
    strange = found.attention.mean() < 0 < found.contributions.blocks["cnn"]
    assert ("mostly it rises" in found.attention_note) == strange


def test_a_block_that_fails_is_told_and_the_rest_goes_on(plain: Path) -> None:
    found = _with(load_bundle(plain), [Broken()])  # type: ignore[list-item]
    assert found.failed == {"texture": "RuntimeError: no luck"}
    assert found.contributions.blocks["color"] > 0
    assert len(found.others) == 5


def test_the_json_is_strict_and_whole(plain: Path) -> None:
    text = json.dumps(_with(load_bundle(plain)).as_json(), allow_nan=False)
    again = json.loads(text)
    assert again["genres"][0]["genre"] == "techno"
    assert set(again["contributions"]["blocks"]) == {"color", "texture"}
    assert again["attention"] is None
    assert again["faces"] is None
    assert again["words"] is None
    assert "thumbnail" not in again["neighbours"][0]


def test_another_genre_can_be_explained(plain: Path) -> None:
    bundle = load_bundle(plain)
    other = next(genre for genre in bundle.classes if genre != "techno")
    extractors = [create(name) for name in bundle.extractors]
    found = explain_picture(bundle, extractors, _covers()[0][25], attention=False, genre=other)
    assert found.genre == other
    assert found.genres[1][0] == "techno"
    assert found.contributions.score == pytest.approx(found.genres[0][1])


def test_without_a_map_the_effects_have_all_of_the_width(plain: Path) -> None:
    without = figure_of(_with(load_bundle(plain)))
    (bars,) = [axes for axes in without.axes if axes.patches]
    assert bars.get_position().x1 > 0.95
    assert bars.get_position().width > 0.5


def test_what_the_model_does_not_know_is_refused(plain: Path, tmp_path: Path) -> None:
    cover = tmp_path / "cover.jpg"
    cover.write_bytes(encode(_covers()[0][3]))
    with pytest.raises(UserError, match=r"not learnt from any, so it has no column 'year'\. Leave"):
        explain(plain, cover, tmp_path / "a.png", metadata={"year": "1975"})
    with pytest.raises(UserError, match="backs"):
        explain(plain, cover, tmp_path / "a.png", back=str(cover))
    assert not (tmp_path / "a.png").exists()


def test_metadata_is_given_column_by_column() -> None:
    assert _known(["year=1975", "title=a=b", "label="]) == {"year": "1975", "title": "a=b", "label": ""}
    for words, said in ((["year"], "COLUMN=VALUE"), (["year=1", "year=2"], "given before")):
        with pytest.raises(UserError, match=said):
            _known(words)


def test_reading_words_and_people_ends_in_marks(plain: Path) -> None:
    from tests.helpers.pictures import face

    bundle = load_bundle(plain)
    extractors = [create(name) for name in ("color", "texture", "people")]
    found = explain_picture(bundle, extractors, face(), attention=False)
    assert found.faces is not None
    assert len(found.faces) == 1
    assert found.words is None
    assert 60 < found.faces[0].right - found.faces[0].left < 160
    assert found.attention_note == "left out"


def test_the_command_writes_picture_and_json(decides: Path, tmp_path: Path) -> None:
    (tmp_path / "cover.jpg").write_bytes(encode(_covers()[0][3]))
    done = coverfusion(
        "explain",
        decides,
        "cover.jpg",
        "--out",
        "why.png",
        "--no-map",
        "--target-error",
        "0.2",
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "dub" in done.stdout
    assert "color" in done.stdout
    assert NO_ANSWER in " ".join(done.stdout.split())
    assert "These covers are drawn." in done.stdout
    assert NO_WORDS in " ".join(done.stdout.split())
    assert (tmp_path / "why.png").read_bytes().startswith(b"\x89PNG")
    found = json.loads((tmp_path / "why.json").read_text())
    assert found["picture"] == "cover.jpg"
    assert found["abstain"] is True


def test_what_cannot_be_known_is_not_said(plain: Path, decides: Path, tmp_path: Path) -> None:
    found = _with(load_bundle(plain)).as_json()
    assert found["abstain"] is None
    assert found["genre_set"] is None
    assert found["out_of_distribution"] is None
    found = _with(load_bundle(decides)).as_json()  # without a target it answers
    assert found["abstain"] is False
    assert (found["set_coverage"], found["sets"]) == (0.9, "by-genre")
    assert found["genre_set"][0] == found["genres"][0]["genre"]
    (tmp_path / "cover.jpg").write_bytes(encode(_covers()[0][3]))
    with pytest.raises(UserError, match="need held-out covers"):
        explain(plain, str(tmp_path / "cover.jpg"), tmp_path / "a.png", targets=Targets(error=0.2))


def test_what_cannot_be_read_or_written_is_named(plain: Path, tmp_path: Path) -> None:
    cover = tmp_path / "cover.png"
    cover.write_bytes(encode(solid("red"), "PNG"))
    for picture, out, message in (
        (tmp_path / "none.jpg", tmp_path / "a.png", r"none\.jpg: no such file"),
        (cover, tmp_path / "a.jpg", r"a\.jpg: the name must end in \.png"),
        (cover, tmp_path / "no" / "a.png", "there is no folder"),
        (cover, cover, "the picture itself"),
    ):
        with pytest.raises(UserError, match=message):
            explain(plain, str(picture), out)
    with pytest.raises(UserError, match="not a bundle"):
        explain(tmp_path, str(cover), tmp_path / "a.png")


def test_all_genres_that_a_cover_is_called_are_named_with_their_thresholds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = save_many(tmp_path / "covers")
    bundle = train_many(manifest) / "bundle"
    both = manifest.parent / "cover-003.png"  # red and striped
    found = explain(bundle, both, tmp_path / "why.png", top_k=1, attention=False)
    thresholds = found.verdict.thresholds or {}
    assert sorted(found.verdict.called or []) == ["ember", "wave"]
    assert {genre for genre, _ in found.genres} == {"ember", "wave"}
    for (genre, chance), said in zip(found.genres, found.called, strict=True):
        assert chance >= thresholds[genre]
        assert said == f"{genre} {percent(chance)} (threshold {percent(thresholds[genre])})"
    assert found.others_named == []
    more = explain(bundle, both, tmp_path / "why.png", top_k=3, attention=False)
    assert [genre for genre, _ in more.others_named] == ["quiet"]
    capsys.readouterr()
    print_explanation(more)
    printed = " ".join(capsys.readouterr().out.split()).replace("\u00a0", " ")
    first = f"{', '.join(more.called)}; then quiet ".replace("\u00a0", " ")
    assert printed.startswith(first)
