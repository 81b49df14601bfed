"""Options on when to give no answer, and what sets of genres guarantee."""

from __future__ import annotations

from typing import Annotated

import typer

TargetErrorOption = Annotated[
    float | None,
    typer.Option(
        "--target-error", help="abstain so that at most this share of answers is wrong, such as 0.2"
    ),
]
TargetCoverageOption = Annotated[
    float | None,
    typer.Option(
        "--target-coverage", help="answer only this share of covers, the most confident, such as 0.5"
    ),
]
SetCoverageOption = Annotated[
    float, typer.Option("--set-coverage", help="share of genre sets that hold the true genre, such as 0.9")
]
