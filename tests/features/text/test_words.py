"""Joined words are taken apart, names are left alone."""

import pytest

from coverfusion.features.text.words import split_words


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("SIMPLYRED", "SIMPLY RED"),
        ("FOSTERTHEPEOPLE: live", "FOSTER THE PEOPLE: live"),
        ("JerryLeeLewis", "Jerry Lee Lewis"),
        ("Kraftwerk Metallica soundtrack", "Kraftwerk Metallica soundtrack"),
        ("Tchaikovsky Sinfonie", "Tchaikovsky Sinfonie"),
        ("99 LUFTBALLONS", "99 LUFTBALLONS"),
        ("", ""),
    ],
)
def test_split_words(line: str, expected: str) -> None:
    assert split_words(line) == expected
