"""`coverfusion ablate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coverfusion.experiments.commands.ablation_plan import PlanOptions, check_plan, print_plan
from coverfusion.experiments.commands.next_step import given_options, print_next, same_task
from coverfusion.experiments.commands.options import (
    BlockOption,
    ClassifiersOption,
    ConfigKeepOption,
    ConfigPresetOption,
    ConfigSeedOption,
    FoldsOption,
    FreshOption,
    LabelsOption,
    MetadataOption,
    MetricOption,
    OptionalSourceArgument,
    OutOption,
    PriorOption,
    ProcessesOption,
    RepeatsOption,
    RopeOption,
    SeparatorOption,
    SidesOption,
    SplitFileOption,
    StoreOption,
    TrackingUriOption,
    TrackOption,
    check_tracking,
    read_options,
)
from coverfusion.experiments.commands.printing import log_if_asked, print_equal, print_places
from coverfusion.experiments.evaluation import ROPE
from coverfusion.experiments.pipeline.console import console, print_frame

if TYPE_CHECKING:
    import pandas as pd

    from coverfusion.experiments.evaluation.chosen_metric import Metric


def ablate_command(
    source: OptionalSourceArgument = None,
    design: Annotated[
        list[str] | None,
        typer.Option(
            "--design",
            "-d",
            help="Which sets of blocks are fitted: alone, without, metadata, sides, subsets, families or "
            "greedy (repeatable). The default is alone and without, metadata where there is any, and "
            "sides where they are fused.",
        ),
    ] = None,
    classifier: ClassifiersOption = None,
    folds: FoldsOption = None,
    repeats: RepeatsOption = 2,
    rope: RopeOption = None,
    workers: ProcessesOption = None,
    block: BlockOption = None,
    metadata: MetadataOption = None,
    preset: ConfigPresetOption = None,
    keep: ConfigKeepOption = None,
    labels: LabelsOption = None,
    separator: SeparatorOption = None,
    sides: SidesOption = None,
    prior: PriorOption = None,
    metric: MetricOption = None,
    seed: ConfigSeedOption = None,
    split_file: SplitFileOption = None,
    store: StoreOption = None,
    out: OutOption = None,
    fresh: FreshOption = False,
    track: TrackOption = False,
    tracking_uri: TrackingUriOption = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Fit nothing, and print which differences the study would show.")
    ] = False,
    pilot: Annotated[
        Path | None,
        typer.Option(help="With --plan: an earlier ablation or run that says how much models differ."),
    ] = None,
    covers: Annotated[
        int | None,
        typer.Option(min=2, help="With --plan: how many covers; by default those of the collection."),
    ] = None,
    difference: Annotated[
        float | None,
        typer.Option(
            help="With --plan: a difference that matters. The default is one point (0.01); losses have none."
        ),
    ] = None,
    discordant: Annotated[
        list[float] | None,
        typer.Option(
            max=1,
            help="With --plan: the proportion of covers that only one of two models gets right (repeatable).",
        ),
    ] = None,
    fold_deviation: Annotated[
        float | None, typer.Option(help="With --plan: the standard deviation of a difference over the folds.")
    ] = None,
    group_size: Annotated[
        float | None,
        typer.Option(
            min=1, help="With --plan: how many covers a group has; by default as in the collection, or 1."
        ),
    ] = None,
) -> None:
    """Refits without blocks, on blocks alone or on all subsets, and says which blocks matter.

    The classifiers are svc and catboost, unless -c or the config names others.

    Example: `coverfusion ablate covers/ -d alone -d without -d subsets -c svc -c catboost`, and before it
    `coverfusion ablate covers/ --plan --pilot runs/earlier --difference 0.02`
    """
    check_tracking(track, tracking_uri)
    options = PlanOptions(pilot, covers, difference, discordant or [], fold_deviation, group_size)
    check_plan(plan, options, source)
    from coverfusion.experiments.evaluation.chosen_metric import metric_of
    from coverfusion.experiments.pipeline.chosen_splits import with_saved_folds
    from coverfusion.experiments.pipeline.study import DEFAULT_FOLDS, with_folds

    if source is None:
        compared = metric_of(metric or "accuracy")
        k, designs = folds or DEFAULT_FOLDS, design or []
        print_plan(None, options, compared, k, repeats, designs, classifier, seed or 0, out, fresh)
        return
    config = read_options(
        "ablate",
        source,
        folds=folds,
        classifiers=classifier,
        blocks=block,
        metadata=metadata,
        preset=preset,
        keep=keep,
        labels=labels,
        separator=separator,
        sides=sides,
        prior=prior,
        metric=metric,
        seed=seed,
        split_file=split_file,
        store=store,
        out=out,
    )
    if plan:
        config, repeats = with_saved_folds(with_folds(config), repeats)
        compared, k = metric_of(config.metric), config.folds or DEFAULT_FOLDS
        print_plan(config, options, compared, k, repeats, design or [], classifier, config.seed, out, fresh)
        return
    from coverfusion.experiments.ablation.study import ablate

    usual = ["alone", "without", *(["metadata"] if config.metadata else [])]
    usual += ["sides"] if config.sides == "fused" else []
    folder = ablate(config, design or usual, repeats, workers, fresh, rope)
    print_study(folder)
    log_if_asked(folder, track, tracking_uri)
    given = given_options({"-c": classifier})
    print_next("see what more covers would bring", "curve", *same_task(source, config), *given)


def print_study(folder: Path) -> None:
    """Prints the comparisons of a study and what each block brings, in points, and where everything is."""
    from coverfusion.experiments.ablation.charts import study_metric
    from coverfusion.experiments.drawing.words import FEW_FOLDS
    from coverfusion.experiments.pipeline.provenance import read_json
    from coverfusion.experiments.pipeline.results_csv import read_results

    metric, table = study_metric(folder), read_results(folder / "comparisons.csv")
    if len(table):
        study = read_json(folder / "study.json")
        if study["repeats"] == 1:
            console.print(f"One repeat has {FEW_FOLDS}. Raise --repeats before you rely on one.")
        _print_comparisons(table, metric, study.get("rope", ROPE))
    else:
        console.print(
            "Here there is nothing to compare: `-d alone` compares blocks, and with several blocks so does "
            "`-d without`."
        )
    _print_halves(folder, table, metric)
    if (folder / "shapley.csv").is_file():
        _print_shapley(read_results(folder / "shapley.csv"), metric)
    if (folder / "interactions.csv").is_file():
        from coverfusion.experiments.ablation.interactions import interaction_sentences

        for sentence in interaction_sentences(read_results(folder / "interactions.csv"), metric):
            console.print(sentence)
    print_places(folder, {"Study folder": "", "Page": "index.html"})


def _print_halves(folder: Path, comparisons: pd.DataFrame, metric: Metric) -> None:
    """Prints the score of each set of blocks, where what is compared are halves: metadata, or a side."""
    import pandas as pd

    from coverfusion.experiments.ablation.charts import whole_sets
    from coverfusion.experiments.ablation.designs import HALVES, set_words
    from coverfusion.experiments.drawing.words import headed, scored
    from coverfusion.experiments.evaluation.intervals import Interval
    from coverfusion.experiments.pipeline.results_csv import read_results

    compared = comparisons[comparisons["design"].isin(HALVES.values())]
    if compared.empty:
        return
    whole, every = whole_sets(read_results(folder / "leaderboard.csv"))
    whole = whole[whole["units"].isin({*compared["first"], *compared["second"]})]
    spans = whole[[metric.column, f"{metric.column}_low", f"{metric.column}_high"]].to_numpy()
    printed = pd.DataFrame(
        {
            "blocks": [
                set_words(units, every[name])
                for name, units in zip(whole["classifier"], whole["units"], strict=True)
            ],
            **_classifiers(whole),
            headed(metric.label, metric.percent): [scored(Interval(*span), metric.percent) for span in spans],
        }
    )
    print_frame(printed, f"Scores and intervals{_single(whole)}")


def _print_shapley(values: pd.DataFrame, metric: Metric) -> None:
    import pandas as pd

    from coverfusion.experiments.drawing.words import p_value

    overall = values[values["genre"] == "all"]
    spans = [map(metric.in_words, span) for span in overall[["value", "low", "high"]].to_numpy()]
    printed = pd.DataFrame(
        {
            **_classifiers(overall),
            "block": overall["block"],
            metric.gain: [f"{value} ({low} to {high})" for value, low, high in spans],
            "p": overall["p_holm"].map(p_value),
        }
    )
    print_frame(printed, f"What each block brings: Shapley values{_single(overall)}")


def _classifiers(table: pd.DataFrame) -> dict[str, pd.Series]:
    """The column that names them, where there are several."""
    return {"classifier": table["classifier"]} if table["classifier"].nunique() > 1 else {}


def _single(table: pd.DataFrame) -> str:
    """A single classifier, for the title of a table that has no column of them."""
    return f" ({table['classifier'].iloc[0]})" if table["classifier"].nunique() == 1 else ""


def _print_comparisons(table: pd.DataFrame, metric: Metric, rope: float | None) -> None:
    import pandas as pd

    from coverfusion.experiments.ablation.charts import DESIGN_WORDS, unit_words
    from coverfusion.experiments.ablation.verdict import ablation_verdict
    from coverfusion.experiments.drawing.words import p_value

    spans = [map(metric.in_words, span) for span in table[["difference", "low", "high"]].to_numpy()]
    printed = pd.DataFrame(
        {
            "block": [unit_words(row) for _, row in table.iterrows()],
            "classifier": table["classifier"],
            metric.gain: [f"{difference} ({low} to {high})" for difference, low, high in spans],
            "p": table["p_holm"].map(p_value),
            "detectable": [metric.size_words(value) for value in table["detectable"]],
        }
    )
    if rope is not None:
        printed["equal"] = table["equal"].map("{:.2f}".format)
    for name in table["design"].unique():
        part = table[table["design"] == name]
        shown = printed.loc[part.index]
        if name == "classifiers":
            shown = shown.drop(columns="classifier").rename(columns={"block": "classifiers"})
        elif not _classifiers(part):
            shown = shown.drop(columns="classifier")
        print_frame(shown, f"{DESIGN_WORDS[name]}{_single(part)}")
    console.print(
        "Intervals of 95 % and p: corrected t over folds. p is corrected for each table's tests (Holm), "
        "intervals are not."
    )
    for sentence in ablation_verdict(table, metric):
        console.print(sentence)
    console.print(
        "detectable: a true difference that 80 % of such studies would find, before Holm's correction."
    )
    print_equal(rope, metric)
