"""What several commands print."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from coverfusion.experiments.pipeline.console import console, print_frame


def show_run(folder: Path) -> None:
    """Prints the leaderboard of a run and where everything is."""
    import pandas as pd

    board = pd.read_csv(folder / "leaderboard.csv")
    every = max(board["blocks"], key=len)
    console.print(f"All blocks: {every.replace('+', ', ')}", highlight=False)
    for name, part in board.groupby("split", sort=False):
        table = Table(title=f"Leaderboard, {name} ({part['covers'].iloc[0]} covers), 95 % intervals")
        table.add_column("model", overflow="fold")
        for column in ("accuracy", "macro F1", "log loss", "ECE", "fit s"):
            table.add_column(column, justify="right", no_wrap=True)
        for row in part.itertuples():
            table.add_row(
                str(row.classifier) if row.blocks == every else f"{row.classifier}, {row.blocks} alone",
                f"{row.accuracy:.3f} ({row.accuracy_low:.3f}-{row.accuracy_high:.3f})",
                f"{row.f1_macro:.3f}", f"{row.log_loss:.3f}", f"{row.ece:.3f}",
                f"{row.fit_seconds:.1f}",
            )  # fmt: skip
        console.print(table)
    if (folder / "stack_weights.csv").is_file():
        from coverfusion.experiments.training.stack_weights import summary

        print_frame(summary(pd.read_csv(folder / "stack_weights.csv")), "Weights of the stack's members")
    for label, name in (("Run folder", ""), ("Model bundle", "bundle"), ("Report", "report.html")):
        console.print(f"{label}: {folder / name}", highlight=False, soft_wrap=True)


def log_if_asked(place: Path, track: bool, tracking_uri: str | None) -> None:
    """Logs a finished result to MLflow where `--track` or `--tracking-uri` asks for it."""
    if not track and tracking_uri is None:
        return
    from coverfusion.experiments.tracking.log import log_folder

    console.print(f"MLflow run: {log_folder(place, tracking_uri)}", highlight=False, soft_wrap=True)
