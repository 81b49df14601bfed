import json

from coverfusion.experiments.explanation.people_and_words import (
    Box,
    boxes,
    counted_words,
    detector_errors,
    words,
)


def test_boxes_of_a_note() -> None:
    note = json.dumps({"width": 9, "height": 9, "faces": [[1, 2, 3, 4, 0.9]], "persons": []})
    assert boxes(note, "faces") == [Box(1, 2, 3, 4, 0.9)]
    assert boxes(note, "persons") == []
    assert detector_errors(note) == []


def test_a_detector_that_failed_found_nothing_and_says_why() -> None:
    note = json.dumps({"width": 9, "height": 9, "faces": "ValueError: too small", "persons": []})
    assert boxes(note, "faces") == []
    assert detector_errors(note) == ["faces: ValueError: too small"]


def test_words_come_tallest_first() -> None:
    low = {"text": "live", "confidence": 0.5, "box": [[0, 0], [9, 0], [9, 4], [0, 4]]}
    tall = {"text": "LOVE", "confidence": 0.9, "box": [[0, 10], [50, 10], [50, 30], [0, 30]]}
    found = words(json.dumps([low, tall]))
    assert [(word.text, word.height) for word in found] == [("LOVE", 20), ("live", 4)]
    assert found[0].corners[2] == (50, 30)


def test_a_line_that_runs_upwards_is_as_tall_as_its_letters() -> None:
    upwards = {"text": "live at last", "confidence": 0.5, "box": [[0, 0], [5, 0], [5, 90], [0, 90]]}
    tall = {"text": "LOVE", "confidence": 0.9, "box": [[0, 10], [50, 10], [50, 30], [0, 30]]}
    found = words(json.dumps([upwards, tall]))
    assert [(word.text, word.height) for word in found] == [("LOVE", 20), ("live at last", 5)]


def test_words_that_the_engine_joined_are_apart() -> None:
    box = [[0, 10], [50, 10], [50, 30], [0, 30]]
    (word,) = words(json.dumps([{"text": "SIMPLYRED", "confidence": 0.9, "box": box}]))
    assert word.text == "SIMPLY RED"


def test_no_note_is_nothing() -> None:
    for note in (None, "", "null"):
        assert boxes(note, "faces") == []
        assert words(note) == []
        assert detector_errors(note) == []


def test_one_is_one() -> None:
    assert [counted_words("x" * n, "face", "faces") for n in range(3)] == [
        "no faces found",
        "1 face",
        "2 faces",
    ]
