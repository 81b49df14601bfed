"""What a genre's page says of single features, in words."""

import pytest

from coverfusion.experiments.genres.page import differences_in_words, speaking_values
from coverfusion.features.descriptions import said_of

PLACE = "vertical place of text: 0 (the top edge) to 1 (the bottom edge)"
AREA = "area of the largest face: proportion of the cover, 0..1 (0 = none)"


def _row(meaning: str, higher: float, equal: float = 0.0) -> dict[str, object]:
    delta = 2 * higher + equal - 1
    short = meaning.partition(":")[0]
    return {
        "short": short,
        "delta": delta,
        "higher": higher,
        "equal": equal,
        "way": said_of(meaning, delta > 0),
    }


def test_ties_are_told_and_count_for_neither_side() -> None:
    assert differences_in_words([_row(AREA, 0.56, 0.18)]).replace("\u00a0", " ") == (
        "are higher in area of the largest face (56 % of pairs; equal in 18 %)"
    )
    assert differences_in_words([_row(AREA, 0.2, 0.1)]).replace("\u00a0", " ") == (
        "are lower in area of the largest face (70 % of pairs; equal in 10 %)"
    )


def test_places_are_told_by_where_they_are() -> None:
    rows = [_row(PLACE, 0.64), _row("contrast: RMS; 0-0.5", 0.3), _row("brightness: mean; 0-1", 0.7)]
    assert differences_in_words(rows).replace("\u00a0", " ") == (
        "are higher in brightness (70 % of pairs), lower in contrast (70 %) and closer to the bottom edge in "
        "vertical place of text (64 %)"
    )
    assert "closer to the top edge in" in differences_in_words([_row(PLACE, 0.36)])


@pytest.mark.parametrize(
    ("meaning", "says", "said"),
    [
        (AREA, "for", "high values"),
        (AREA, "against", "low values"),
        (AREA, "", "no clear direction"),
        (PLACE, "for", "values near the bottom edge"),
        (PLACE, "against", "values near the top edge"),
    ],
)
def test_which_values_speak_for_a_genre(meaning: str, says: str, said: str) -> None:
    assert speaking_values(meaning, says) == said
