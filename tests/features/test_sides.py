"""Blocks of fronts and of backs from one extractor."""

import numpy as np

from coverfusion.data.collection import read_collection
from coverfusion.data.sides import every_picture
from coverfusion.features.extract import extract, read_table
from coverfusion.features.registry import create, reads_text
from coverfusion.features.sides import fronts_of, meanings_of, read_items, table_of, table_of_sides
from coverfusion.features.store import Store
from tests.helpers.pictures import encode, save_manifest, solid, words


def test_each_side_has_its_own_blocks_and_a_missing_one_is_nan(tmp_path):
    colours = {"a_front": "red", "a_back": "blue", "b_front": "lime", "c_back": "white"}
    rows = []
    for name, colour in colours.items():
        release, _, side = name.partition("_")
        (tmp_path / f"{name}.png").write_bytes(encode(solid(colour), "PNG"))
        rows.append({"path": f"{name}.png", "genre": "dub", "release": release, "side": side})
    covers = read_collection(save_manifest(tmp_path / "m.csv", rows), sides="fused").frame
    store, extractors = Store(tmp_path / "store"), [create("color")]
    assert extract(every_picture(covers), extractors, store) == []
    table = read_items(covers, extractors, store)
    assert list(table.blocks) == ["color", "back_color"]
    assert table.index.tolist() == covers["cover_id"].tolist()
    brightness = [table.blocks[block]["brightness"].to_numpy() for block in table.blocks]
    red, blue, lime, white = (
        table_of([solid(colour)], extractors)[0].blocks["color"]["brightness"].iloc[0]
        for colour in colours.values()
    )
    np.testing.assert_array_equal(brightness[0], [red, lime, np.nan])
    np.testing.assert_array_equal(brightness[1], [blue, np.nan, white])
    alone = read_table(covers["cover_id"].tolist()[:2], extractors, store)
    np.testing.assert_array_equal(fronts_of(table).frame().iloc[:2], alone.frame())


def test_scored_items_are_measured_as_learnt_ones(tmp_path):
    extractors = [create("color"), create("texture")]
    red, blue = solid("red"), solid("blue")
    table, failed = table_of_sides([red, None, blue], [None, red, blue], extractors)
    own = table_of([red, blue], extractors)[0]
    assert failed == ["", "", ""]
    for name, block in own.blocks.items():
        fronts, backs = table.blocks[name].to_numpy(), table.blocks[f"back_{name}"].to_numpy()
        np.testing.assert_array_equal(fronts[[0, 2]], block)
        np.testing.assert_array_equal(backs[[1, 2]], block)
        assert np.isnan(fronts[1]).all()
        assert np.isnan(backs[0]).all()
    nothing = table_of_sides([red], [None], extractors)[0]
    assert np.isnan(nothing.blocks["back_texture"].to_numpy()).all()


def test_a_side_without_picture_has_unknown_text():
    extractors = [create("ocr")]
    table, _ = table_of_sides([words("JAZZ")], [None], extractors)
    assert "JAZZ" in table.texts["ocr"].iloc[0].upper()
    assert table.texts["back_ocr"].iloc[0] is None
    assert reads_text("back_ocr")
    assert not reads_text("back_color")


def test_columns_of_backs_have_a_meaning():
    known = meanings_of([create("color")], backs=True)
    name, more = known["color.brightness"].split(":")
    assert known["back_color.brightness"] == f"{name} on the back:{more}"
    assert not any(name.startswith("back_") for name in meanings_of([create("color")]))
