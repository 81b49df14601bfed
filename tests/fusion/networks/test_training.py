"""The training loop: repeatable, goes on after a kill, moves what it should and keeps the best."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from coverfusion.data.errors import UserError
from coverfusion.fusion.networks.dataset import CoverDataset
from coverfusion.fusion.networks.recipe import Recipe
from coverfusion.fusion.networks.training import Trained, find_learning_rate, logits, train_network
from tests.helpers.tinted import TinyNetwork, examples, recipe

State = dict[str, torch.Tensor]
TIMES = ["seconds", "covers_per_second", "loader_covers_per_second", "waiting_share"]
STILL = {"augmentation": "none", "label_smoothing": 0.0}


@pytest.fixture(scope="module")
def some() -> CoverDataset:
    return examples(24)


@pytest.fixture(scope="module")
def held_out() -> CoverDataset:
    return examples(12, seed=1)


def equal(a: State, b: State) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def moved(before: State, after: State) -> set[str]:
    return {name for name in before if not torch.equal(before[name], after[name])}


def numbers(trained: Trained) -> pd.DataFrame:
    return pd.DataFrame(trained.history).drop(columns=TIMES)


def started(**changes: object) -> State:
    return {name: value.clone() for name, value in TinyNetwork(**changes).state_dict().items()}  # type: ignore[arg-type]


def test_it_learns_what_is_to_learn(some: CoverDataset, held_out: CoverDataset) -> None:
    trained = train_network(TinyNetwork(), some, held_out, recipe(epochs=8, **STILL))
    losses = [row["held_out_loss"] for row in trained.history]
    assert losses[-1] < 0.4 < losses[0]
    assert trained.best_epoch == np.argmin(losses) + 1
    assert trained.history[-1]["accuracy"] > 0.95
    network = TinyNetwork()
    network.load_state_dict(trained.state)
    answers = logits(network, held_out, recipe())
    assert answers.shape == (12, 2)
    assert answers.dtype == torch.float32
    loss = torch.nn.functional.cross_entropy(answers, held_out.y)
    assert float(loss) == pytest.approx(min(losses), rel=1e-5)


def test_same_seed_same_numbers_whatever_the_workers_and_other_seed_others(some: CoverDataset) -> None:
    first, again, other = (
        train_network(TinyNetwork(), some, None, recipe(epochs=2, **changes))
        for changes in ({"workers": 0}, {"workers": 1}, {"seed": 1})
    )
    assert equal(first.state, again.state)
    pd.testing.assert_frame_equal(numbers(first), numbers(again))
    assert not equal(first.state, other.state)


def test_torchs_own_chance_is_left_alone(some: CoverDataset) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    train_network(TinyNetwork(), some, None, recipe(epochs=1))
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    "changes",
    [
        {"ema": 0.9, "augmentation": "mixup", "head_epochs": 1},
        {"schedule": "cosine", "batch_norm": "trained", "sampling": "balanced", "accumulate": 2},
        {"schedule": "constant", "focal_gamma": 2.0, "augmentation": "cutmix"},
    ],
)
def test_a_killed_training_goes_on_to_the_same_weights(
    changes: dict, some: CoverDataset, held_out: CoverDataset, tmp_path: Path
) -> None:
    wanted = recipe(epochs=3, **changes)
    whole = train_network(TinyNetwork(), some, held_out, wanted)

    def kill(what: str, done: int, total: int) -> None:
        if what.startswith("epoch 3 of 3") and done > 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_network(TinyNetwork(), some, held_out, wanted, tmp_path, kill)
    assert len(pd.read_csv(tmp_path / "history.csv")) == 2
    seen: list[str] = []
    resumed = train_network(
        TinyNetwork(), some, held_out, wanted, tmp_path, lambda what, done, total: seen.append(what)
    )
    assert {what.partition(" (")[0] for what in seen} == {"epoch 3 of 3"}
    assert equal(resumed.state, whole.state)
    assert resumed.best_epoch == whole.best_epoch
    pd.testing.assert_frame_equal(numbers(resumed), numbers(whole))


def test_a_finished_training_is_not_done_again_and_another_one_starts_anew(
    some: CoverDataset, tmp_path: Path
) -> None:
    wanted = recipe(epochs=1)
    first = train_network(TinyNetwork(), some, None, wanted, tmp_path)
    seen: list[str] = []
    again = train_network(
        TinyNetwork(), some, None, wanted, tmp_path, lambda what, done, total: seen.append(what)
    )
    assert equal(first.state, again.state)
    assert not seen
    other = train_network(TinyNetwork(seed=1), some, None, wanted, tmp_path)  # other pretrained weights
    assert not equal(first.state, other.state)


def test_frozen_stages_do_not_move_nor_their_batch_norms(some: CoverDataset) -> None:
    trained = train_network(
        TinyNetwork(), some, None, recipe(epochs=1, frozen_stages=1, batch_norm="trained")
    )
    changed = moved(started(), trained.state)
    assert not any(name.startswith("first") for name in changed)
    assert {"second.0.weight", "second.1.running_mean", "second.1.num_batches_tracked"} <= changed
    assert {"head.1.weight", "head.1.bias"} <= changed


def test_frozen_batch_norms_keep_their_statistics_and_learn_their_weights(some: CoverDataset) -> None:
    trained = train_network(TinyNetwork(), some, None, recipe(epochs=1))
    changed = moved(started(), trained.state)
    assert {"first.1.weight", "second.1.bias"} <= changed
    assert not any("running" in name or "tracked" in name for name in changed)


def test_the_head_learns_alone_first(some: CoverDataset) -> None:
    states: list[State] = []
    network = TinyNetwork()

    def keep(epoch: int, row: dict[str, float]) -> bool:
        states.append({name: value.clone() for name, value in network.state_dict().items()})
        return False

    train_network(network, some, None, recipe(epochs=2, head_epochs=1, batch_norm="trained"), stop=keep)
    assert moved(started(), states[0]) == {"head.1.weight", "head.1.bias"}
    assert {"first.0.weight", "first.1.running_mean", "second.0.weight"} <= moved(states[0], states[1])


def test_two_small_batches_added_up_are_one_large_one(some: CoverDataset) -> None:
    large, small = (
        train_network(TinyNetwork(dropout=0.0), some, None, recipe(epochs=2, **STILL, **changes))
        for changes in ({"batch_size": 8}, {"batch_size": 4, "accumulate": 2})
    )
    for name, value in large.state.items():
        assert torch.allclose(value, small.state[name], atol=1e-5), name
    assert moved(started(), large.state)


def test_early_stopping_keeps_the_best_epoch(some: CoverDataset) -> None:
    wrong = replace(some, y=1 - some.y)  # the better it learns the worse it gets on these
    wanted = recipe(epochs=6, patience=2, schedule="constant", **STILL)
    trained = train_network(TinyNetwork(), some, wrong, wanted)
    assert trained.best_epoch == 1
    assert len(trained.history) == 3
    one = train_network(TinyNetwork(), some, wrong, replace(wanted, epochs=1))
    assert equal(trained.state, one.state)


def test_stop_ends_it_and_watch_sees_every_cover(some: CoverDataset) -> None:
    seen: list[tuple[str, int, int]] = []
    watch, stop = (lambda *now: seen.append(now)), (lambda epoch, row: epoch == 2)
    trained = train_network(TinyNetwork(), some, None, recipe(epochs=5), None, watch, stop)
    assert len(trained.history) == trained.best_epoch == 2
    whats, *others = zip(*seen, strict=True)
    epochs = [what.partition(" (loader ")[0] for what in whats]
    assert epochs == [f"epoch {epoch} of 5" for epoch in (1, 2) for _ in range(3)]
    assert all(what.endswith("/s)") for what in whats)
    assert others == [(8, 16, 24) * 2, (24,) * 6]


def test_the_moving_average_is_what_is_kept(some: CoverDataset) -> None:
    network = TinyNetwork()
    steps: list[torch.Tensor] = []

    def keep(what: str, done: int, total: int) -> None:
        steps.append(network.head[1].weight.detach().clone())

    trained = train_network(network, some, None, recipe(epochs=2, ema=0.3), watch=keep)
    average = steps[0]
    for number, now in enumerate(steps[1:], 1):
        decay = min(0.3, (1 + number) / (10 + number))
        average = decay * average + (1 - decay) * now
    assert torch.allclose(trained.state["head.1.weight"], average, atol=1e-6)
    assert trained.state.keys() == started().keys()
    assert not torch.allclose(steps[-1], average, atol=1e-6)


def test_a_loss_that_is_no_number_says_what_to_do(some: CoverDataset, held_out: CoverDataset) -> None:
    with pytest.raises(UserError, match=r"by guessing: the training diverged.*below 1000"):
        train_network(TinyNetwork(), some, held_out, recipe(epochs=2, learning_rate=1e3, schedule="constant"))
    with pytest.raises(UserError, match="learning_rate below 1e"):
        train_network(
            TinyNetwork(), some, held_out, recipe(epochs=2, learning_rate=1e20, schedule="constant")
        )


def test_weights_of_covers_count(some: CoverDataset) -> None:
    alike = replace(some, pictures=[some.pictures[0]] * len(some.pictures))  # nothing but weights tells
    for heavy in (0, 1):
        weight = torch.where(some.y == heavy, 1.0, 0.01)
        network, told = TinyNetwork(), recipe(epochs=4, **STILL)
        network.load_state_dict(train_network(network, replace(alike, weight=weight), None, told).state)
        assert (logits(network, alike, recipe()).argmax(1) == heavy).all()


def test_the_range_test_leaves_the_network_alone_and_draws_its_curve(
    some: CoverDataset, tmp_path: Path
) -> None:
    network = TinyNetwork()
    found = find_learning_rate(network, some, recipe(learning_rate=None, **STILL), tmp_path)
    assert equal(started(), network.state_dict())
    tried = pd.read_csv(tmp_path / "learning_rate.csv")
    assert found in tried["learning_rate"].tolist()
    assert 1e-5 < found < 1
    assert (tmp_path / "learning_rate.png").read_bytes()[:4] == b"\x89PNG"
    assert found == find_learning_rate(network, some, recipe(learning_rate=None, **STILL))


def test_sixteen_bits_learn_too(some: CoverDataset) -> None:
    trained = train_network(TinyNetwork(), some, None, recipe(epochs=2, precision="bf16"))
    assert all(value.isfinite().all() for value in trained.state.values())
    assert trained.state["head.1.weight"].dtype == torch.float32
    assert moved(started(), trained.state)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schedule": "step"}, "schedule must be one of one-cycle, cosine, constant, not 'step'"),
        ({"precision": "64"}, "precision must be one of auto, 32, bf16, 16"),
        ({"augmentation": "mixupp"}, "Did you mean 'mixup'"),
    ],
)
def test_an_unknown_recipe_is_refused_with_what_is_known(changes: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Recipe.of(recipe(**changes))


@pytest.mark.slow
def test_two_devices_train_together(some: CoverDataset, held_out: CoverDataset, tmp_path: Path) -> None:
    wanted = recipe(epochs=2, devices=2, batch_size=4, head_epochs=1, ema=0.5, **STILL)
    trained = train_network(TinyNetwork(dropout=0.0), some, held_out, wanted, tmp_path)
    assert len(trained.history) == 2
    assert len(pd.read_csv(tmp_path / "history.csv")) == 2
    one = train_network(TinyNetwork(dropout=0.0), some, held_out, replace(wanted, devices=1, batch_size=8))
    assert trained.state.keys() == one.state.keys()
    for name, value in one.state.items():  # two halves of a batch on two devices are that batch
        assert torch.allclose(value, trained.state[name], atol=1e-4), name
