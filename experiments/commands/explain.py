"""`coverfusion explain`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
    from rich.table import Table

    from coverfusion.experiments.explanation.explanation import Explanation

PRINTED_FEATURES = 5
PRINTED_WORDS = 5


def explain_command(
    bundle: BundleArgument,
    picture: Annotated[str, typer.Argument(help="A picture file, or ARCHIVE.zip!MEMBER.")],
    out: Annotated[
        Path, typer.Option(help="The picture, a .png file; a JSON file is written beside it.")
    ] = Path("explain.png"),
    top_k: Annotated[int, typer.Option(min=1, help="How many genres it names.")] = 3,
    attention: Annotated[
        bool, typer.Option("--map/--no-map", help="Draw the map of where the image network looks.")
    ] = True,
    target_error: TargetErrorOption = None,
    target_coverage: TargetCoverageOption = None,
    set_coverage: SetCoverageOption = 0.9,
    sets: SetsOption = None,
    thresholds: ThresholdsOption = None,
) -> None:
    """Explains why one cover gets its genre: blocks, features, marks, a map and the nearest covers.

    Example: `coverfusion explain runs/covers-0123456789/bundle cover.jpg --out explain.png`
    """
    console.print("Reading the model")  # before the slow imports
    from coverfusion.experiments.explanation.explain import explain
    from coverfusion.fusion.uncertainty.decision import Targets

    targets = Targets(target_error, target_coverage, set_coverage, sets, thresholds)
    print_explanation(explain(bundle, picture, out, top_k, attention, targets))
    print_place("Picture", out)
    print_place("JSON", out.with_suffix(".json"))


def print_explanation(explanation: Explanation) -> None:
    """Prints genres, what speaks for the first, and what was seen on the cover."""
    from coverfusion.experiments.drawing.words import percent

    genres = ", ".join(f"{genre} {percent(chance)}" for genre, chance in explanation.genres)
    console.print(f"{genres} ({explanation.classifier})")
    for sentence in explanation.in_words():
        console.print(sentence, style="yellow")
    console.print(_contributions(explanation))
    console.print(_from_base(explanation))
    for line in _marks(explanation):
        console.print(line)
    for block, reason in explanation.failed.items():
        console.print(f"{block} failed: {reason}", style="yellow")


def _contributions(explanation: Explanation) -> Table:
    from coverfusion.experiments.drawing.words import signed
    from coverfusion.experiments.explanation.blocks import PROBABILITY, strongest_words
    from coverfusion.experiments.explanation.figure import display_unit

    parts = explanation.contributions
    (scale, unit), (word_scale, word_unit) = display_unit(parts.unit), display_unit(PROBABILITY)
    table = new_table(f"What speaks for {explanation.genre} (+) or against it, {unit}")
    digits = 1 if parts.unit == PROBABILITY else 2
    features = explanation.features[:PRINTED_FEATURES]
    table.add_column("block, feature or word", overflow="fold")
    for column in ("effect", *(["here"] if features else [])):
        table.add_column(column, justify="right", overflow="fold")
    for block, value in sorted(parts.blocks.items(), key=lambda item: -item[1]):
        table.add_row(block, signed(scale * value, digits))
    if features:
        table.add_section()
    for feature in features:
        table.add_row(feature.column, signed(scale * feature.contribution, digits), f"{feature.value:.3g}")
    if parts.words:
        table.add_section()
    of_word = "" if parts.unit == PROBABILITY else f", {word_unit}"
    for word in strongest_words(parts.words, PRINTED_WORDS):
        table.add_row(f"the word '{word}'{of_word}", signed(word_scale * parts.words[word], 1))
    return table


def _from_base(explanation: Explanation) -> str:
    """What the blocks add up from and to, and that single words and features do not."""
    from coverfusion.experiments.drawing.words import percent, signed
    from coverfusion.experiments.explanation.blocks import PROBABILITY

    parts = explanation.contributions
    base, score = (
        percent(value) if parts.unit == PROBABILITY else signed(value) for value in (parts.base, parts.score)
    )
    text = f"Blocks add up from {base} ({parts.base_of}) to {score}"
    return f"{text}; single words do not add up." if parts.words else f"{text}."


def _marks(explanation: Explanation) -> list[str]:
    from coverfusion.experiments.explanation.people_and_words import NO_PEOPLE, NO_WORDS, counted_words

    faces, persons, words = explanation.faces, explanation.persons, explanation.words
    people = NO_PEOPLE
    if faces is not None and persons is not None:
        people = f"{counted_words(faces, 'face', 'faces')}, {counted_words(persons, 'person', 'persons')}"
    return [people, NO_WORDS if words is None else counted_words(words, "text box", "text boxes")]
