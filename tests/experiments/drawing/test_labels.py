from __future__ import annotations

import warnings

import numpy as np
import pytest

from coverfusion.experiments.drawing.labels import LONGEST_LABEL, MOST_GENRES, label, largest
from coverfusion.experiments.drawing.plain_figure import PlainFigure


@pytest.mark.parametrize("name", ["Rock", "Chanson française", "Русский рок", "Ca$h", "[unknown]", "NA"])
def test_a_name_is_shown_as_it_is(name):
    assert label(name) == name


def test_a_long_name_keeps_both_ends():
    shown = label("L" + "o" * 238 + "ng")
    assert len(shown) == LONGEST_LABEL
    assert shown.startswith("Lo")
    assert shown.endswith("ong")
    assert "…" in shown


def test_a_letter_without_a_font_is_named():
    assert label("\U00012000 Rock") == "U+12000 Rock"
    assert label("\U0001fad8 Rock").startswith("(beans)")


def test_the_largest_genres_are_shown_and_the_title_says_so():
    covers = {f"genre {number:04}": number for number in range(2000)}
    names, which = largest(covers)
    assert names[:2] == ["genre 1999", "genre 1998"]
    assert len(names) == MOST_GENRES
    assert which == ": the 40 largest of 2,000"
    assert largest({"b": 1, "a": 1, "c": 2}) == (["c", "a", "b"], "")


def test_figures_show_names_of_every_kind(tmp_path):
    names = ["_unsorted", "Ca$h & Ra$h", r"$\frac$ Noise", "演歌", "🎸 Rock", "L" * 240]
    figure = PlainFigure(figsize=(4, 4), layout="constrained")
    axes = figure.add_subplot()
    for y, name in enumerate(names):
        axes.plot([0, 1], [y, y], label=label(name))
    axes.set_yticks(range(len(names)), [label(name) for name in names])
    legend = figure.legend(loc="outside lower center")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a letter that no font has is a warning
        figure.savefig(tmp_path / "a.png")
    assert len(legend.get_texts()) == len(names)
    assert np.isfinite(legend.get_window_extent().get_points()).all()
