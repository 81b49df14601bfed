from coverfusion.experiments.scoring.verdict import (
    NO_ANSWER,
    NO_GUARANTEE,
    OUT_OF_DISTRIBUTION,
    Verdict,
    set_in_words,
)


def test_nothing_known_nothing_said() -> None:
    assert Verdict().in_words() == []
    assert Verdict(False, [], 0.9, False).in_words() == []


def test_warnings_come_first_and_the_note_last() -> None:
    sentences = Verdict(True, ["Rock", "Pop"], 0.75, True, "Drawn.").in_words()
    assert sentences[:2] == [OUT_OF_DISTRIBUTION, NO_GUARANTEE]
    assert Verdict(True).in_words() == [NO_ANSWER]
    assert sentences[2:] == ["One of: Rock, Pop (nothing is guaranteed).", "Drawn."]
    (known,) = Verdict(False, ["Rock", "Pop"], 0.75, False).in_words()
    assert known == "One of: Rock, Pop (such sets hold the true genre of 75 % of covers)."


def test_what_a_set_guarantees_says_of_which_covers() -> None:
    (own,) = Verdict(False, ["Rock"], 0.9, sets="by-genre").in_words()
    (every,) = Verdict(False, ["Rock"], 0.9, sets="marginal").in_words()
    assert own.endswith("(such sets hold the true genre of 90 % of each genre's covers).")
    assert every.endswith("(such sets hold the true genre of 90 % of covers).")


def test_a_cover_of_several_genres_is_called_some() -> None:
    several = Verdict(None, ["Rock", "Pop"], 0.9, sets="of-its-genres", called=["Rock", "Pop"], reached=True)
    called, among = several.in_words()
    assert called.startswith("Called Rock, Pop: their probabilities reach")
    assert set_in_words(["Rock"], 0.9, None).startswith("Only: Rock (such sets hold")
    assert among == "Among: Rock, Pop (such sets hold 90 % of a cover's genres on average)."
    (nearest,) = Verdict(called=["Rock"], reached=False).in_words()
    assert "no genre reaches its threshold" in nearest


def test_a_set_of_all_genres_guarantees_nothing() -> None:
    assert Verdict(False, ["Rock", "Pop"], 0.9, known_genres=2).in_words() == [
        "Undecided: no genre can be ruled out."
    ]
    assert Verdict(False, ["Rock"], 0.9, called=None).without_set().in_words() == []
