"""The training loop of the image networks: any device, goes on after a stop, the same numbers each time."""

from __future__ import annotations

import copy
import itertools
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from coverfusion.data.errors import UserError
from coverfusion.data.seeds import seed_for
from coverfusion.fusion.networks.augmentation import batch_mix
from coverfusion.fusion.networks.checkpoints import (
    TrainingProgress,
    read_progress,
    training_digest,
    write_progress,
)
from coverfusion.fusion.networks.dataset import CoverDataset, loader, order_of
from coverfusion.fusion.networks.devices import Device, OneDevice, device_of, launch
from coverfusion.fusion.networks.learning_rate import (
    DIVERGED,
    candidate_rates,
    parameter_groups,
    schedule_of,
    stage_of,
    steepest,
)
from coverfusion.fusion.networks.losses import (
    binary_focal_loss,
    binary_targets,
    focal_loss,
    soft_targets,
    told,
)
from coverfusion.fusion.networks.recipe import Recipe
from coverfusion.fusion.networks.training_curves import draw_range_test

FAR_OFF = 10.0  # times the log loss of guessing: nothing is learnt any more
FIRST_RATE = 1e-4  # where the finder has too few batches to say anything

Watch = Callable[[str, int, int], None]  # what is going on, covers done, covers in all
Stop = Callable[[int, dict[str, float]], bool]  # epoch, its row of the history -> whether to end


@dataclass(frozen=True)
class Trained:
    """What a training gives.

    Attributes:
        state: the kept weights, on the CPU.
        history: one dict an epoch, as in `history.csv`.
        best_epoch: the epoch of the kept weights.
        learning_rate: of the new parts, as given or found.
    """

    state: dict[str, torch.Tensor]
    history: list[dict[str, float]]
    best_epoch: int
    learning_rate: float


def train_network(
    network: nn.Module,
    examples: CoverDataset,
    held_out: CoverDataset | None,
    recipe: Recipe,
    folder: Path | None = None,
    watch: Watch | None = None,
    stop: Stop | None = None,
) -> Trained:
    """Trains a network; the weights of its best epoch come back, the network itself is left as it ends.

    Args:
        network: `network(batch)` gives a list of (n, n_classes) logits, the prediction first, auxiliary
            ones after it; `network.stages` names its pretrained parts, from the picture to the head.
        examples: what it learns from.
        held_out: what its epochs are compared by; None: the last epoch is the best.
        recipe: how; a learning rate of None is searched for.
        folder: where a checkpoint, `history.csv` and `curves.png` are written after each epoch, and where a
            killed training goes on; None: nowhere.
        watch: called after each batch (with one device).
        stop: called after each epoch (with one device); True ends the training there.

    Raises:
        UserError: the training diverged, as the learning rate is too high; several devices are asked for,
            and the extra `devices` is not installed.
        ValueError: the recipe's device is not there.
    """
    recipe = resolved(recipe)
    rate = recipe.learning_rate
    if rate is None:
        rate = find_learning_rate(network, examples, recipe, folder)
    if recipe.devices > 1:
        # Fabric takes its arguments apart, which it cannot do with frozen dataclasses
        train = partial(
            _train_apart, examples=examples, held_out=held_out, recipe=recipe, rate=rate, folder=folder
        )
        state, *others = launch(recipe.device, recipe.precision, recipe.devices, train, network)
        return Trained({name: torch.from_numpy(value) for name, value in state.items()}, *others)
    device = OneDevice(recipe.device, recipe.precision)
    return _train(device, network, examples, held_out, recipe, rate, folder, watch, stop)


def logits(network: nn.Module, examples: CoverDataset, recipe: Recipe) -> torch.Tensor:
    """(n, n_classes) float32 on the CPU; pictures are seen whole."""
    device = OneDevice(recipe.device, resolved(recipe).precision)
    network = device.place(network).eval()
    batches = []
    with torch.inference_mode():
        for loaded in loader(examples, recipe.image_size, 2 * recipe.batch_size, workers=recipe.workers):
            with device.autocast():
                batch = network(examples.batch(loaded, device.device))[0]
            batches.append(batch.float().cpu())
    network.to("cpu")
    return torch.cat(batches)


def find_learning_rate(
    network: nn.Module, examples: CoverDataset, recipe: Recipe, folder: Path | None = None
) -> float:
    """The rate at which the loss falls fastest in a range test on a copy of the network.

    Args:
        network: as for `train`.
        examples: what it would learn from.
        recipe: how it would be trained.
        folder: where `learning_rate.csv` and `learning_rate.png` go.
    """
    device = OneDevice(recipe.device, resolved(recipe).precision)
    with _repeatable(recipe.seed):
        copied: Any = device.place(copy.deepcopy(network))
        optimizer = torch.optim.AdamW(parameter_groups(copied, recipe, 1.0))
        factors = [group["lr"] for group in optimizer.param_groups]
        _set_modes(copied, recipe, head_only=False)
        rows: list[dict[str, float]] = []
        batches = _forever(examples, recipe)
        for rate in candidate_rates():
            for group, factor in zip(optimizer.param_groups, factors, strict=True):
                group["lr"] = factor * rate
            batch = _mixed(examples.batch(next(batches), device.device), recipe, copied.n_classes)
            with device.autocast():
                scores = copied(batch)
            loss = _loss(scores, batch, recipe, examples.several)
            optimizer.zero_grad()
            device.backward(loss)
            device.step(optimizer)
            rows.append({"learning_rate": rate, "loss": loss.item()})
            if not math.isfinite(loss.item()) or loss.item() > DIVERGED * min(row["loss"] for row in rows):
                break
    tried = pd.DataFrame(rows[:-1] if len(rows) > 1 else rows)
    chosen = steepest(tried) if len(tried) > 3 else FIRST_RATE
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        tried.to_csv(folder / "learning_rate.csv", index=False)
        draw_range_test(tried, chosen, folder / "learning_rate.png")
    return chosen


def _train(
    device: Device,
    network: nn.Module,
    examples: CoverDataset,
    held_out: CoverDataset | None,
    recipe: Recipe,
    rate: float,
    folder: Path | None,
    watch: Watch | None,
    stop: Stop | None,
) -> Trained:
    progress = read_progress(folder, training_digest(network, examples, recipe))
    progress.precision = recipe.precision
    with _repeatable(recipe.seed):
        network = device.place(network)
        optimizer = torch.optim.AdamW(parameter_groups(network, recipe, rate))
        own = math.ceil(len(examples) / device.count)  # covers of each process
        steps = math.ceil(math.ceil(own / recipe.batch_size) / recipe.accumulate) * recipe.epochs
        schedule = schedule_of(optimizer, recipe, steps)
        average = _averaged(network, recipe)
        model, optimizer = device.prepare(network, optimizer)
        parts = {"network": network, "average": average, "optimizer": optimizer, "schedule": schedule}
        if progress.state is not None:
            for name, part in parts.items():
                if part is not None:
                    part.load_state_dict(progress.state[name])
        judged = network if average is None else average.module
        for epoch in range(len(progress.history) + 1, recipe.epochs + 1):
            row = _epoch(device, network, model, optimizer, schedule, average, examples, recipe, epoch, watch)
            if held_out is not None:
                row |= _judge(device, judged, held_out, recipe)
            _check_loss(row, 2 if examples.several else int(network.n_classes), rate)  # type: ignore[arg-type]
            _add(progress, row, judged, {k: p.state_dict() for k, p in parts.items() if p is not None})
            if folder is not None and device.rank == 0:
                write_progress(folder, progress)
            if recipe.patience is not None and epoch - progress.best_epoch >= recipe.patience:
                break
            if stop is not None and stop(epoch, row):
                break
    return Trained(progress.best, progress.history, progress.best_epoch, rate)


def _check_loss(row: dict[str, float], n_classes: int, rate: float) -> None:
    losses, guessing = [row["log_loss"], row.get("held_out_loss", 0.0)], math.log(n_classes)
    finite = math.isfinite(sum(losses))
    if finite and max(losses) < FAR_OFF * guessing:
        return
    value = f"{max(losses):.3g}, {guessing:.3g} by guessing" if finite else "no number any more"
    raise UserError(
        f"In epoch {row['epoch']} the log loss is {value}: the training diverged. Take a learning_rate below "
        f"{rate:g}, or null to have one found."
    )


def _train_apart(device: Device, network: nn.Module, **given: Any) -> tuple[Any, ...]:
    """`Trained` as plain values: torch shares tensors of a process only as long as it lives."""
    trained = _train(device, network, watch=None, stop=None, **given)
    state = {name: value.numpy() for name, value in trained.state.items()}
    return state, trained.history, trained.best_epoch, trained.learning_rate


def _epoch(
    device: Device,
    network: Any,
    model: Any,
    optimizer: Any,
    schedule: Any,
    average: AveragedModel | None,
    examples: CoverDataset,
    recipe: Recipe,
    epoch: int,
    watch: Watch | None,
) -> dict[str, float]:
    """One pass over the training covers; its row of the history."""
    seed = seed_for(recipe.seed, "epoch", epoch)
    torch.manual_seed(seed_for(seed, "process", device.rank))
    _set_modes(network, recipe, head_only=epoch <= recipe.head_epochs)
    order = order_of(examples.y.numpy(), recipe.sampling, seed)
    batches = device.batches(_shuffled(examples, recipe, seed, order))
    started, waited, prepared, done = time.perf_counter(), 0.0, 0.0, 0
    total, plain, right, highest = 0.0, 0.0, 0, 0.0
    before = time.perf_counter()
    for number, loaded in enumerate(batches, 1):
        waited += time.perf_counter() - before
        prepared += float(loaded["seconds"].sum()) if "seconds" in loaded else 0.0
        batch = _mixed(examples.batch(loaded, device.device), recipe, int(network.n_classes))
        stepping = number % recipe.accumulate == 0 or number == len(batches)
        with device.accumulating(model, enabled=not stepping):
            with device.autocast():
                scores = model(batch)
            loss = _loss(scores, batch, recipe, examples.several)
            device.backward(loss / recipe.accumulate)
        if stepping:
            highest = max(highest, schedule.get_last_lr()[-1])
            device.step(optimizer)
            optimizer.zero_grad()
            schedule.step()
            if average is not None:
                average.update_parameters(network)
        n = len(batch["weight"])
        total += loss.item() * n
        with torch.no_grad():
            true = batch["y"] if examples.several else batch["target"].argmax(1)
            lost, hits = told(scores[0], true)
            plain, right = plain + lost, right + hits
        done += n
        if watch:
            watch(f"epoch {epoch} of {recipe.epochs}{_loading(done, prepared)}", done, len(order))
        before = time.perf_counter()
    seconds = time.perf_counter() - started
    return {
        "epoch": epoch,
        "learning_rate": highest,
        "head_only": int(epoch <= recipe.head_epochs),
        "loss": total / done,
        "log_loss": plain / done,
        "accuracy": right / done,
        "seconds": seconds,
        "covers_per_second": done / seconds,
        "loader_covers_per_second": done / prepared if prepared else math.nan,
        "waiting_share": waited / seconds,
    }


def _loading(done: int, prepared: float) -> str:
    """How fast one process prepares pictures, to be shown beside the network's rate."""
    return f" (loader {done / prepared:,.0f}/s)" if prepared else ""


def _mixed(batch: dict[str, torch.Tensor], recipe: Recipe, n_classes: int) -> dict[str, torch.Tensor]:
    """Adds `target`, (n, n_classes) proportions of classes; mixes pictures where the recipe does.

    Of rows of several classes `target` is what each class's probability should be.
    """
    if batch["y"].ndim == 2:
        return batch | {"target": binary_targets(batch["y"], recipe.label_smoothing)}
    mix = batch_mix(recipe.augmentation, n_classes) if "picture" in batch else None
    if mix is not None:
        batch["picture"], batch["y"] = mix(batch["picture"].float(), batch["y"])
    batch["target"] = soft_targets(batch["y"], n_classes, recipe.label_smoothing)
    return batch


def _loss(
    scores: list[torch.Tensor], batch: dict[str, torch.Tensor], recipe: Recipe, several: bool
) -> torch.Tensor:
    """Of the prediction, and `auxiliary` times the mean loss of the auxiliary predictions."""
    of = binary_focal_loss if several else focal_loss
    losses = [of(s, batch["target"], batch["weight"], recipe.focal_gamma) for s in scores]
    if len(losses) == 1 or not recipe.auxiliary:
        return losses[0]
    return losses[0] + recipe.auxiliary * torch.stack(losses[1:]).mean()


def _judge(device: Device, network: nn.Module, held_out: CoverDataset, recipe: Recipe) -> dict[str, float]:
    """Plain log loss and accuracy on covers that were not learnt from."""
    network.eval()
    loss, right = 0.0, 0
    with torch.inference_mode():
        for loaded in loader(held_out, recipe.image_size, 2 * recipe.batch_size, workers=recipe.workers):
            batch = held_out.batch(loaded, device.device)
            with device.autocast():
                scores = network(batch)[0].float()
            lost, hits = told(scores, batch["y"])
            loss, right = loss + lost, right + hits
    return {"held_out_loss": loss / len(held_out), "held_out_accuracy": right / len(held_out)}


def _add(progress: TrainingProgress, row: dict[str, float], judged: nn.Module, state: dict[str, Any]) -> None:
    """Adds an epoch; its weights are the best ones if its held-out loss is, or where there is none."""
    before = [old["held_out_loss"] for old in progress.history if "held_out_loss" in old]
    progress.history.append(row)
    if row.get("held_out_loss", -math.inf) < min(before, default=math.inf):
        progress.best_epoch = int(row["epoch"])
        progress.best = {name: value.detach().cpu().clone() for name, value in judged.state_dict().items()}
    progress.state = state


def _averaged(network: nn.Module, recipe: Recipe) -> AveragedModel | None:
    """The exponential moving average of the weights, as TensorFlow's, whose decay begins at 0.1."""
    if recipe.ema is None:
        return None
    ema = recipe.ema

    def average(averaged: torch.Tensor, now: torch.Tensor, steps: torch.Tensor | int) -> torch.Tensor:
        decay = min(ema, (1 + int(steps)) / (10 + int(steps)))  # the first steps must not last
        return averaged.lerp(now, 1 - decay)

    return AveragedModel(network, avg_fn=average)


def _set_modes(network: Any, recipe: Recipe, head_only: bool) -> None:
    """What learns in this epoch: pretrained parts not before `head_epochs`, frozen stages never."""
    network.train()
    new = len(network.stages)
    learning = new if head_only else min(recipe.frozen_stages, new)  # the first stage that learns
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(stage_of(name, network.stages) >= learning)
    for name, module in network.named_modules():
        stage = stage_of(name, network.stages)
        norm = isinstance(module, nn.modules.batchnorm._BatchNorm) and recipe.batch_norm == "frozen"
        if name and (stage < learning or (norm and stage < new)):
            module.eval()


def _forever(examples: CoverDataset, recipe: Recipe) -> Iterator[dict[str, torch.Tensor]]:
    """Batches of epoch after epoch."""
    for epoch in itertools.count(1):
        seed = seed_for(recipe.seed, "epoch", epoch)
        yield from _shuffled(examples, recipe, seed, order_of(examples.y.numpy(), recipe.sampling, seed))


def _shuffled(examples: CoverDataset, recipe: Recipe, seed: int, order: np.ndarray) -> DataLoader[Any]:
    """The batches of one epoch."""
    return loader(
        examples,
        recipe.image_size,
        recipe.batch_size,
        augmentation=recipe.augmentation,
        order=order,
        seed=seed,
        workers=recipe.workers,
    )


@contextmanager
def _repeatable(seed: int) -> Iterator[None]:
    """The same numbers each time on one device; torch's own random state is as before afterwards."""
    chosen = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            yield
    finally:
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = chosen


def resolved(recipe: Recipe) -> Recipe:
    """The recipe with the precision that it is trained in: "auto" is 16 bits on CUDA, 32 elsewhere.

    bfloat16 changes what is learnt, so on a CPU it must be asked for by name: the same command gives the
    same model on every machine then. float16 on a CPU is bfloat16.

    Raises:
        ValueError: the recipe's device is not there.
    """
    kind, precision = device_of(recipe.device).type, recipe.precision
    if precision == "auto":
        precision = "32" if kind != "cuda" else "bf16" if torch.cuda.is_bf16_supported() else "16"
    return replace(recipe, precision="bf16" if precision == "16" and kind == "cpu" else precision)
