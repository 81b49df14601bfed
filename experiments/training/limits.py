"""What a run's figures do not say, in sentences: for its card, its report and the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coverfusion.data.plurals import how_many
from coverfusion.experiments.drawing.words import percent
from coverfusion.experiments.pipeline.run_folder import Run

_UNDER_SEVERAL = {
    "drop": "left out, which makes the task easier: no prediction is right under each of their genres",
    "first": "kept under the first genre alone",
    "all": "kept under every genre, so that not each of their rows can be right",
}
CONFLICTS = ("conflicting_rows", "near_conflicting", "left_out")  # counts of a collection


def kept_words(run: Run) -> str:
    """What became of covers under several genres, after "they were"; no full stop."""
    if not run.several:
        return _UNDER_SEVERAL[run.config["keep"]]
    known = run.facts.get("several_genres")  # none of an earlier version
    return "used, each once with all its genres" + ("" if known is None else f": {how_many(known, 'cover')}")


def had_conflicts(run: Run) -> bool:
    """Whether there were covers under several genres."""
    return run.several or any(run.facts["dropped"].get(kind) for kind in CONFLICTS)


def limits(run: Run) -> list[str]:
    """What the figures do not say, a sentence each."""
    return [
        (
            f"It knows {', '.join(run.facts['genres'])} alone, and gives a cover of another genre "
            f"one {'or more ' if run.several else ''}of these."
        ),
        (
            "It was tested on covers of this collection alone. Figures on covers of another source are "
            "mostly lower; coverfusion transfer measures by how much."
        ),
        *caveats(run.facts),
        (
            "A genre is what the collection's labels say. Labels may be wrong: coverfusion labels lists "
            "doubtful ones."
        ),
    ]


def caveats(facts: Mapping[str, Any]) -> list[str]:
    """What about the covers flatters the figures or bounds them, a sentence each.

    Args:
        facts: of `collection.json`; those of earlier versions say less.
    """
    said = []
    covers = facts["covers"]
    if unknown := covers - facts.get("artists_known", covers):
        whose = (
            "No cover's artist" if unknown == covers else f"The artist of {unknown:,} of {covers:,} covers"
        )
        said.append(
            f"{whose} is {'' if unknown == covers else 'not '}known: covers of one artist may lie on both "
            "sides of a split, which flatters the figures."
        )
    if facts.get("backs"):
        backs = facts["dropped"]["backs"]
        said.append(
            f"Front and back are one item, and {backs:,} of {covers:,} albums have a back. Expect less of a "
            "new one without it."
        )
    most = f"no model could reach more than {percent(facts.get('ceiling', 1.0))} accuracy."
    if left_out := facts["dropped"].get("left_out", 0):
        which = "under several genres"
        said.append(
            f"{how_many(left_out, f'cover {which} was', f'covers {which} were')} left out, which makes the "
            f"task easier: with all kept, {most}"
        )
    elif facts.get("ceiling", 1.0) < 1:
        said.append(f"Some covers stand under several genres: {most}")
    return said
