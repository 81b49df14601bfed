"""Two scored covers side by side: what tells them apart."""

import pytest

from coverfusion.experiments.app.loaded_model import LoadedModel
from coverfusion.experiments.app.plain_text import plain
from coverfusion.experiments.app.two_covers_page import difference_words, effect_frame, feature_frame
from coverfusion.experiments.explanation.two_covers import compare_two
from tests.helpers.app_covers import app_cover, scored_of
from tests.helpers.pictures import (
    encode,
)


def test_block_differences_add_up_to_that_of_the_scores(model: LoadedModel) -> None:
    covers = [app_cover("opera", 61), app_cover("dub", 62)]
    two = compare_two(model.bundle, model.extractors, covers, "opera")
    assert two.scores[0] > two.scores[1]
    assert set(two.blocks["block"]) == {"color", "texture"}
    assert two.blocks["difference"].sum() == pytest.approx(two.scores[0] - two.scores[1], abs=1e-5)
    assert two.blocks["difference"].abs().is_monotonic_decreasing
    words = difference_words(two)
    assert two.blocks["block"][0] in words
    uploads = [("a.png", encode(covers[0], "PNG")), ("b.png", encode(covers[1], "PNG"))]
    frame = scored_of(model, uploads).frame
    ranks = [next(k for k in (1, 2, 3) if row[f"genre_{k}"] == "opera") for row in frame.to_dict("records")]
    chances = [frame[f"probability_{rank}"][row] for row, rank in enumerate(ranks)]
    assert list(two.scores) == pytest.approx(chances, abs=1e-5)


def test_the_words_and_the_table_of_two_covers_count_in_one_direction(model: LoadedModel) -> None:
    covers = [app_cover("opera", 61), app_cover("dub", 62)]
    for pictures, head in ((covers, "First less second"), (covers[::-1], "Second less first")):
        two = compare_two(model.bundle, model.extractors, pictures, "opera")
        table, most = effect_frame(two), two.blocks["block"][0]
        assert list(table.columns) == ["First cover", "Second cover", head]
        assert plain(table.loc[most, head]) in difference_words(two)
        assert difference_words(two).startswith(f"The {head.split()[0].lower()} cover gets")


def test_two_equal_files_get_as_much(model: LoadedModel) -> None:
    two = compare_two(model.bundle, model.extractors, [app_cover("opera", 61)] * 2, "opera")
    assert difference_words(two) == plain(f"Both covers get as much for opera ({100 * two.scores[0]:.1f}).")


def test_features_of_two_covers_have_both_values_and_the_effects_that_are_known(model: LoadedModel) -> None:
    covers = [app_cover("opera", 61), app_cover("dub", 62)]
    two = compare_two(model.bundle, model.extractors, covers, "opera")
    name, other = two.columns.index[:2]
    reasons = [
        {"features": [{"column": name, "contribution": 0.25}]},
        {"features": [{"column": other, "contribution": -0.02}]},
    ]
    frame = feature_frame(two, reasons)
    first, second = (two.columns.loc[name, side] for side in ("first", "second"))
    assert frame["First cover"].tolist()[0] == f"{first:.3g} (+25.0)"
    assert frame["Second cover"].tolist()[0] == f"{second:.3g}"
    assert frame["Second cover"].tolist()[1].endswith("(\u22122.0)")
