"""What a curve without a forecast advises can be followed."""

import re

import pytest

from coverfusion.experiments.curve.power_law import MIN_SIZE_RATIO
from coverfusion.experiments.curve.room import Room
from coverfusion.experiments.curve.subsamples import check_sizes


def test_sizes_are_advised_between_ten_covers_a_genre_and_a_quarter_of_the_largest() -> None:
    assert Room(5, 400, 5).advice(320) == "Name 4 or more by --sizes, the smallest 50 to 80."
    assert Room(5, 250, 5).advice(200) == "Name 4 or more by --sizes, the smallest 50."


def test_a_larger_size_is_advised_where_the_folds_have_one() -> None:
    assert Room(5, 400, 5).advice(120) == "Name 4 or more by --sizes, from 50 to 200 or more."


@pytest.mark.parametrize(
    ("room", "advice"),
    [
        (Room(5, 246, 5), "add covers, or take --folds 6."),  # 5/6 of 246 are 205; 4/5 are 196
        (Room(5, 246, 5, fixed=True), "add covers."),
        (Room(5, 205, 5), "add covers."),  # 41 folds would do, which is too much to fit
        (Room(5, 200, 5), "add covers."),  # no fold learns from all
    ],
)
def test_where_no_sizes_do_it_takes_more_covers_or_folds(room: Room, advice: str) -> None:
    largest = room.covers * (room.folds - 1) // room.folds
    assert (
        room.advice(largest)
        == f"A forecast takes 200 training covers or more, and a significant rise: {advice}"
    )


@pytest.mark.parametrize("covers", [207, 246, 250, 251, 300, 999])
def test_who_follows_the_advice_gets_sizes_for_a_forecast(covers: int) -> None:
    room = Room(5, covers, 5)
    largest = round(covers * 4 / 5)
    said = room.advice(largest)
    if folds := re.search(r"--folds (\d+)", said):
        sizes = check_sizes([], round(covers * (1 - 1 / int(folds[1]))), room.genres)
    elif named := re.search(r"the smallest (\d+)", said):
        sizes = check_sizes([int(named[1]), 60, 70, largest], largest, room.genres)
    else:
        assert covers < 211  # 20 folds would not do
        return
    assert len(sizes) >= 4
    assert sizes[-1] / sizes[0] >= MIN_SIZE_RATIO
