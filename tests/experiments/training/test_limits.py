"""What a run's figures do not say."""

from coverfusion.experiments.drawing.words import percent
from coverfusion.experiments.training.limits import caveats


def test_artists_that_are_not_known_are_said() -> None:
    dropped = {"left_out": 0}
    assert caveats({"covers": 9, "artists_known": 9, "dropped": dropped, "ceiling": 1.0}) == []
    assert caveats({"covers": 9, "artists_known": 0, "dropped": dropped})[0].startswith(
        "No cover's artist is known: covers of one artist may lie on both sides"
    )
    assert caveats({"covers": 1200, "artists_known": 200, "dropped": dropped})[0].startswith(
        "The artist of 1,000 of 1,200 covers is not known"
    )


def test_covers_left_out_make_the_task_easier_and_those_kept_bound_it() -> None:
    facts = {"covers": 9, "artists_known": 9, "ceiling": 0.934}
    most = f"no model could reach more than {percent(0.934)} accuracy."
    easier = "534 covers under several genres were left out, which makes the task easier:"
    assert caveats(facts | {"dropped": {"left_out": 534}}) == [f"{easier} with all kept, {most}"]
    kept = [f"Some covers stand under several genres: {most}"]
    assert caveats(facts | {"dropped": {"left_out": 0}}) == kept
