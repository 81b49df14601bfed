"""`coverfusion explain`."""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coverfusion.data.errors import UserError
from coverfusion.experiments.commands.next_step import print_next
from coverfusion.experiments.commands.options import (
    BundleArgument,
    SetCoverageOption,
    SetsOption,
    TargetCoverageOption,
    TargetErrorOption,
    ThresholdsOption,
)
from coverfusion.experiments.commands.printing import print_place
from coverfusion.experiments.pipeline.console import console, new_table

if TYPE_CHECKING:
    from coverfusion.experiments.explanation.explanation import Explanation, OnThePicture

PRINTED_FEATURES = 5
PRINTED_WORDS = 5


def explain_command(
    bundle: BundleArgument,
    picture: Annotated[str, typer.Argument(help="A picture file, or ARCHIVE.zip!MEMBER.")],
    out: Annotated[
        Path, typer.Option(help="The picture, a .png file; a JSON file is written beside it.")
    ] = Path("explain.png"),
    top_k: Annotated[int, typer.Option(min=1, help="How many genres it names, and all that it calls.")] = 3,
    attention: Annotated[
        bool, typer.Option("--map/--no-map", help="Draw the map of where the image network looks.")
    ] = True,
    target_error: TargetErrorOption = None,
    target_coverage: TargetCoverageOption = None,
    set_coverage: SetCoverageOption = 0.9,
    sets: SetsOption = None,
    thresholds: ThresholdsOption = None,
    back: Annotated[
        str | None,
        typer.Option(help="The back of the cover, for a model of fronts and backs. The front is needed."),
    ] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=VALUE", help="For a model of metadata, such as year=1975. Repeatable."),
    ] = None,
) -> None:
    """Explains why one cover gets its genre: blocks, features, marks, a map and the nearest covers.

    Example: `coverfusion explain runs/covers-0123456789/bundle cover.jpg --out explain.png`
    """
    console.print("Reading the model")  # before the slow imports
    from coverfusion.experiments.explanation.explain import explain
    from coverfusion.fusion.uncertainty.decision import Targets

    targets = Targets(target_error, target_coverage, set_coverage, sets, thresholds)
    known = _known(metadata or [])
    print_explanation(explain(bundle, picture, out, top_k, attention, targets, back, known))
    print_place("Picture", out)
    print_place("JSON", out.with_suffix(".json"))
    print_next("see covers like it", "similar", bundle, picture)


def _known(words: list[str]) -> dict[str, str]:
    """Column -> value, as they were given. Raises UserError where a word is none, or a column comes twice."""
    known: dict[str, str] = {}
    for word in words:
        column, equals, value = word.partition("=")
        if not equals or column in known:
            what = "this column was given before" if equals else "say COLUMN=VALUE, such as year=1975"
            raise UserError(f"--metadata {word}: {what}.")
        known[column] = value
    return known


def print_explanation(explanation: Explanation) -> None:
    """Prints genres, what speaks for the first, and what was seen on the cover."""
    from coverfusion.experiments.drawing.words import percent
    from coverfusion.experiments.explanation.figure import sides_in_words

    named = explanation.called or [f"{explanation.genre} {percent(explanation.genres[0][1])}"]
    others = [f"{genre} {percent(chance)}" for genre, chance in explanation.others_named]
    parts = filter(None, [", ".join(named), ", ".join(others)])
    genres = ("; then " if explanation.called else ", ").join(parts)
    console.print(f"{genres} ({explanation.headline_note})", highlight=False)
    for sentence in explanation.in_words():
        console.print(sentence, style="yellow")
    _print_contributions(explanation)
    if explanation.sides:
        console.print(sides_in_words(explanation))
    if explanation.contributions.words:
        console.print("Words: each taken away alone, so that they do not add up.")
    for line in _marks(explanation):
        console.print(line)
    if explanation.back is not None:
        console.print(f"On the back: {', '.join(_marks(explanation.back))}")
    for block, reason in explanation.failed.items():
        console.print(f"{block} failed: {reason}", style="yellow")


def _print_contributions(explanation: Explanation) -> None:
    from coverfusion.experiments.drawing.words import brief, effect
    from coverfusion.experiments.explanation.blocks import PROBABILITY, strongest_words
    from coverfusion.experiments.explanation.figure import display_unit

    parts = explanation.contributions
    (scale, unit), (word_scale, word_unit) = display_unit(parts.unit), display_unit(PROBABILITY)
    console.print(f"What speaks for {explanation.genre} (+) or against it, {unit}:", style="bold")
    table = new_table()
    features = explanation.features[:PRINTED_FEATURES]
    table.add_column("block, feature or word" if parts.words else "block or feature", overflow="fold")
    for column in ("effect", "value here")[: 2 if features else 1]:
        table.add_column(column, justify="right", overflow="fold")
    for block, value in sorted(parts.blocks.items(), key=lambda item: -item[1]):
        table.add_row(block, effect(scale * value))
    if features:
        table.add_section()
    for feature in features:
        here = "not there" if isnan(feature.value) else brief(feature.value)
        table.add_row(feature.column, effect(scale * feature.contribution), here)
    if parts.words:
        table.add_section()
    of_word = "" if parts.unit == PROBABILITY else f", {word_unit}"
    for word in strongest_words(parts.words, PRINTED_WORDS):
        table.add_row(f"the word '{word}'{of_word}", effect(word_scale * parts.words[word]))
    console.print(table)


def _marks(explanation: Explanation | OnThePicture) -> list[str]:
    from coverfusion.experiments.explanation.people_and_words import NO_PEOPLE, NO_WORDS, counted_words

    faces, persons, words = explanation.faces, explanation.persons, explanation.words
    people = NO_PEOPLE
    if faces is not None and persons is not None:
        people = f"{counted_words(faces, 'face', 'faces')}, {counted_words(persons, 'person', 'persons')}"
    return [people, NO_WORDS if words is None else counted_words(words, "text box", "text boxes")]
