"""Networks under several seeds: how much of a difference between models is luck of the seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from coverfusion.data.errors import UserError
from coverfusion.data.seeds import seed_for
from coverfusion.experiments.evaluation.variance_parts import variance_parts
from coverfusion.experiments.pipeline.cached_fits import CachedFits, Model, Part
from coverfusion.experiments.pipeline.config import Config
from coverfusion.experiments.pipeline.genre_thresholds import with_named
from coverfusion.experiments.pipeline.predicted_genres import named_genres
from coverfusion.experiments.pipeline.progress import counted, watched
from coverfusion.fusion.registry import parameters_of

SEEDS_FILE = "seeds.csv"  # in the run folder


def is_network(classifier: str) -> bool:
    """Whether its training goes on in epochs, from weights that a seed has drawn."""
    return bool({"epochs", "max_epochs"} & set(parameters_of(classifier)))


def check_seeds(config: Config, classifiers: Sequence[str]) -> None:
    """Raises UserError where more seeds are asked for and no classifier is a network."""
    if config.seeds > 1 and not any(map(is_network, classifiers)):
        raise UserError(
            f"--seeds {config.seeds}: none of {', '.join(classifiers)} is a network. Name one, such as `mlp`."
        )


def seed_table(
    fits: CachedFits,
    fitted: dict[Model, pd.DataFrame],
    parts: Sequence[Part],
    scored: str,
    seeds: int,
) -> pd.DataFrame:
    """Fits each network under more seeds on the same parts, and takes its accuracy apart.

    Args:
        fits: where more fits are kept; their parameters are added to its own.
        fitted: model -> its predictions under the seed of the run; networks among them count.
        parts: of the run.
        scored: the predicted set that is judged.
        seeds: of each network, 2 or more, the run's among them.

    Returns:
        One row a network: `classifier`, `blocks`, `seeds`, `accuracy`, and `sd_seeds`, `sd_folds` and
        `sd_covers`: standard deviations of the accuracy of one fit on one fold.
    """
    networks = {model: frame for model, frame in fitted.items() if is_network(model.classifier)}
    parameters = {name: dict(given) for name, given in fits.parameters.items()}
    others = {model: [_under(model, n) for n in range(1, seeds)] for model in networks}
    for model, more in others.items():
        given = parameters.get(model.classifier, {})
        own = int(given.get("random_state", fits.seed))
        for number, other in enumerate(more, 1):
            parameters[other.classifier] = given | {"random_state": seed_for(own, "network", number)}
    fits.parameters = parameters
    rows = []
    with counted("fitting networks under more seeds", sum(map(len, others.values())) * len(parts)) as bar:
        fits.watch = lambda what, done, total: watched(bar, what, done, total)
        for model, frame in networks.items():
            frames = [frame]
            for other in others[model]:
                found = []
                for part in parts:
                    found.append(fits.predictions(other, part))
                    bar.advance(bar.task_ids[0])
                if fits.sets:
                    found = with_named(found, fits.covers["group"], fits.seed)
                frames.append(pd.concat(found).fillna(0.0))
            rows.append(_row(model, [f[f["split"] == scored] for f in frames], parts, scored, fits.covers))
    return pd.DataFrame(rows)


def _under(model: Model, number: int) -> Model:
    """The same model as a variant of its classifier, to be kept apart."""
    between = " " if ":" in model.classifier else ":"
    return Model(f"{model.classifier}{between}seed {number}", model.blocks)


def _row(
    model: Model, frames: Sequence[pd.DataFrame], parts: Sequence[Part], scored: str, covers: pd.DataFrame
) -> dict[str, object]:
    fold = pd.Series({cover: n for n, part in enumerate(parts) for cover in part.predicted[scored]})
    right = np.stack([_right(frame.loc[fold.index]) for frame in frames])
    found = variance_parts(right, fold.to_numpy(), covers.loc[fold.index, "group"].to_numpy())
    return {
        "classifier": model.classifier,
        "blocks": "+".join(model.blocks),
        "seeds": len(frames),
        "accuracy": found.accuracy,
        **{f"sd_{name}": np.sqrt(getattr(found, name)) for name in ("seeds", "folds", "covers")},
    }


def _right(frame: pd.DataFrame) -> np.ndarray:
    return np.asarray(named_genres(frame) == frame["genre"].to_numpy())


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """`seeds.csv` for the screen, in points of accuracy; what was seen under one fold is left empty."""
    points = 100 * table[["sd_seeds", "sd_folds", "sd_covers"]]
    named = {"sd_seeds": "seeds", "sd_folds": "what was learnt from", "sd_covers": "test covers"}
    shown = points.rename(columns=named).map(lambda value: "" if np.isnan(value) else f"{value:.1f}")
    models = table["classifier"].where(
        table["blocks"].str.contains("+", regex=False), table["classifier"] + ", " + table["blocks"]
    )
    accuracy = (100 * table["accuracy"]).map("{:.1f}".format)
    return pd.concat([models.rename("model"), accuracy, shown], axis=1)
