"""The picture of the published results shows what its table says."""

from pathlib import Path

import pandas as pd
from PIL import Image

from coverfusion.experiments.drawing.published import draw_results, results_figure

ROWS = [
    ("All blocks", "svc", 0.45, 0.42, 0.48),
    ("All blocks", "knn", 0.4, 0.37, 0.43),
    ("One", "cnn", 0.3, 0.2, 0.4),
]


def _table() -> pd.DataFrame:
    return pd.DataFrame(ROWS, columns=["group", "label", "accuracy", "low", "high"])


def test_every_row_has_its_name_value_and_interval() -> None:
    (axes,) = results_figure(_table()).axes
    texts = [text.get_text() for text in axes.texts]
    lines = [list(line.get_xdata()) for line in axes.lines]
    for group, label, accuracy, low, high in ROWS:
        assert {group, label, f"{accuracy:.3f}"} <= set(texts)
        assert [low, high] in lines
        assert [accuracy] in lines
        assert axes.get_xlim()[1] >= high


def test_the_picture_lies_beside_the_table(tmp_path: Path) -> None:
    _table().to_csv(tmp_path / "a.csv", index=False)
    assert draw_results(str(tmp_path / "a.csv")) == tmp_path / "a.png"
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width == 1600
