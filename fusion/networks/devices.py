"""Where a network is trained: on one device by torch alone, on several by Lightning Fabric."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from coverfusion.data.errors import needs_extra

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch.utils.data import DataLoader

DTYPES = {"32": None, "bf16": torch.bfloat16, "16": torch.float16}  # that matrix products are computed in
FABRIC_PRECISIONS: dict[str, Any] = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}


def device_of(name: str) -> torch.device:
    """The torch device of a name.

    Args:
        name: "auto" (CUDA or Apple's GPU where there is one, else the CPU), "gpu" (one of the two), or a
            name of torch's, such as "cuda:1".

    Raises:
        ValueError: there is no such device here.
    """
    gpu = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else None
    chosen = {"auto": gpu or "cpu", "gpu": gpu or "cuda"}.get(name, name)
    try:
        device = torch.device(chosen)
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError) as error:  # torch built without CUDA asserts
        raise ValueError(f"device '{name}': {str(error).partition(chr(10))[0]}") from error
    return device


class OneDevice:
    """One device, and what a training loop asks of it; no more than torch is needed.

    Args:
        name: as for `device_of`.
        precision: "32", "bf16" or "16"; with "16" gradients are scaled so that small ones do not vanish.

    Attributes:
        device: torch's.
        rank: 0, the number of this process.
        count: 1, processes in all.

    Raises:
        ValueError: there is no such device here.
    """

    rank, count = 0, 1

    def __init__(self, name: str, precision: str) -> None:
        self.device = device_of(name)
        self._dtype = DTYPES[precision]
        self._scaler = torch.amp.GradScaler(self.device.type) if precision == "16" else None

    def place(self, network: nn.Module) -> nn.Module:
        """The network, moved here."""
        return network.to(self.device)

    def autocast(self) -> AbstractContextManager[Any]:
        """In this context matrix products are computed in the precision."""
        return torch.autocast(self.device.type, dtype=self._dtype) if self._dtype else nullcontext()

    def prepare(self, network: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[nn.Module, Any]:
        """What the loop calls, and what it steps: the same two."""
        return network, optimizer

    def batches(self, loaded: DataLoader[Any]) -> Any:
        """The batches that are this process's: all."""
        return loaded

    def accumulating(self, model: Any, enabled: bool) -> AbstractContextManager[Any]:
        """In this context gradients stay in this process; there is no other."""
        return nullcontext()

    def backward(self, loss: torch.Tensor) -> None:
        """Adds the gradients of a loss."""
        (loss if self._scaler is None else self._scaler.scale(loss)).backward()  # torch's

    def step(self, optimizer: Any) -> None:
        """One step of the optimizer; left out where scaled gradients overflowed."""
        if self._scaler is None:
            optimizer.step()
        else:
            self._scaler.step(optimizer)
            self._scaler.update()


class SeveralDevices:
    """The same for one process of several, each with a device of its own."""

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self.device, self.rank, self.count = fabric.device, fabric.global_rank, fabric.world_size

    def place(self, network: nn.Module) -> nn.Module:
        """The network, moved here."""
        return self._fabric.to_device(network)

    def autocast(self) -> AbstractContextManager[Any]:
        """In this context matrix products are computed in the precision."""
        return self._fabric.autocast()

    def prepare(self, network: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[Any, Any]:
        """What the loop calls, and what it steps."""
        return self._fabric.setup(network, optimizer)

    def batches(self, loaded: DataLoader[Any]) -> Any:
        """The batches that are this process's."""
        return self._fabric.setup_dataloaders(loaded, move_to_device=False)

    def accumulating(self, model: Any, enabled: bool) -> AbstractContextManager[Any]:
        """In this context gradients are not yet averaged over the processes."""
        return self._fabric.no_backward_sync(model, enabled=enabled)

    def backward(self, loss: torch.Tensor) -> None:
        """Adds the gradients of a loss."""
        self._fabric.backward(loss)

    def step(self, optimizer: Any) -> None:
        """One step of the optimizer."""
        optimizer.step()


Device = OneDevice | SeveralDevices


def launch(name: str, precision: str, devices: int, train: Callable[..., Any], network: nn.Module) -> Any:
    """Runs `train(device, network)` in one process a device, and gives what the first one returned.

    Args:
        name: as for `device_of`.
        precision: "32", "bf16" or "16".
        devices: how many, 2 or more.
        train: a picklable function.
        network: its argument.

    Raises:
        UserError: Lightning Fabric is not installed.
        ValueError: there are not as many such devices here.
    """
    return _fabric(name, precision, devices).launch(partial(_with_device, train), network)


def check_devices(name: str, precision: str, devices: int) -> None:
    """Raises what training there would raise, before any work.

    Args:
        name: as for `device_of`.
        precision: "32", "bf16" or "16".
        devices: how many.

    Raises:
        UserError: several are asked for, and Lightning Fabric is not installed.
        ValueError: there are not as many such devices here.
    """
    device_of(name)
    if devices > 1:
        _fabric(name, precision, devices)


def _with_device(train: Callable[..., Any], fabric: Fabric, network: nn.Module) -> Any:
    return train(SeveralDevices(fabric), network)


def _fabric(name: str, precision: str, devices: int) -> Fabric:
    needs_extra("devices", f"devices: {devices}")
    from lightning_fabric import Fabric
    from lightning_fabric.strategies.ddp import DDPStrategy

    strategy = DDPStrategy(find_unused_parameters=True, start_method="spawn")
    try:
        return Fabric(
            accelerator=name, devices=devices, strategy=strategy, precision=FABRIC_PRECISIONS[precision]
        )
    except (RuntimeError, ValueError) as error:  # Fabric's for a device that is not there
        raise ValueError(f"device '{name}': {error}") from error
