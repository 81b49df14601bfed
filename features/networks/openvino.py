"""Networks on CPUs, by OpenVINO: converted once, kept under the digest of their weights, run in float32."""

from __future__ import annotations

import ctypes
import os
import queue
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import joblib
import numpy as np

from coverfusion.data.cache_folder import cache_folder
from coverfusion.data.checksums import damaged_file, write_sums
from coverfusion.data.disk import writing
from coverfusion.data.locks import only_one
from coverfusion.data.sealed_files import set_aside
from coverfusion.features.memory import share_heaps

if TYPE_CHECKING:
    import openvino
    import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

# importing openvino would report to Google Analytics and write to the home folder; without this it does not
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

# float32 everywhere: left to itself the library computes in bfloat16 where the CPU can
_PROPERTIES = {"INFERENCE_PRECISION_HINT": "f32", "EXECUTION_MODE_HINT": "ACCURACY"}
_ONE_AT_A_TIME = threading.Lock()
_CORE: list[openvino.Core] = []
_XML = "network.xml"


def converted_root() -> Path:
    """`$COVERFUSION_NETWORKS`, or `coverfusion/networks` in the user's cache folder."""
    return cache_folder("COVERFUSION_NETWORKS", "networks")


def threads() -> int:
    """The cores that this process may use: its share of the machine, or fewer by `OMP_NUM_THREADS`."""
    cores = int(joblib.cpu_count())
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(asked)) if asked.isdecimal() and int(asked) else cores


def each(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """`work` of every item, one core an item: small networks shared among cores wait more than they work."""
    if threads() == 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(threads()) as pool:
        return list(pool.map(work, items))


def converted(name: str, digest: str, convert: Callable[[], openvino.Model]) -> Path:
    """The `.xml` of a network in OpenVINO's format; made by `convert` where it is not kept, or is damaged.

    Args:
        name: of the network and of what is taken from it, fit for a file name.
        digest: of its weights (`Weights.digest`); other weights are another folder.
        convert: makes the model; what that needs (torch, say) is imported there alone.

    Raises:
        UserError: the folder cannot be written to.
    """
    import openvino

    version = openvino.get_version().partition("-")[0]
    kept = converted_root() / f"{name}-{digest[:16]}-{version}"
    if damaged := damaged_file(kept):
        set_aside(kept, damaged)
    if not kept.is_dir():
        with writing(f"the folder of networks {kept.parent}", "COVERFUSION_NETWORKS"):
            kept.parent.mkdir(parents=True, exist_ok=True)
            lock = kept.with_name(f".{kept.name}.lock")
            with only_one(lock), tempfile.TemporaryDirectory(dir=kept.parent) as made:
                if not kept.is_dir():  # by another process, while this one waited
                    _write_network(convert(), Path(made, kept.name), kept)
    return kept / _XML


def _write_network(model: openvino.Model, made: Path, kept: Path) -> None:
    """Writes both files and their digests into `made`, which becomes `kept` once it is whole."""
    import openvino

    made.mkdir()
    openvino.save_model(model, made / _XML, compress_to_fp16=False)
    write_sums(made, [_XML, Path(_XML).with_suffix(".bin").name])
    made.rename(kept)


def from_torch(module: torch.nn.Module, shape: Sequence[int]) -> openvino.Model:
    """A torch module with one input, converted for inputs of this shape; -1 stands for any length."""
    import openvino
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of its own tracer
        example = torch.zeros([64 if length < 0 else length for length in shape])
        model = openvino.convert_model(module.eval(), example_input=example)
    model.reshape(list(shape))
    return model


def has_cuda() -> bool:
    """Whether torch can use a GPU; torch is imported only where NVIDIA's driver is installed."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    import torch

    return torch.cuda.is_available()


def the_core() -> openvino.Core:
    """OpenVINO's one core of this process, which is never let go of.

    Each core gives its thread a stack for signals, and its end gives back the stack before, even one that
    another core's end has freed: the next signal that Python handles, such as Ctrl+C, crashes the process.
    """
    import openvino

    with _ONE_AT_A_TIME:
        if not _CORE:
            _CORE.append(openvino.Core())
        return _CORE[0]


class Network:
    """A network on the CPU; any number of threads may call it, each call runs on one core.

    Args:
        path: `.xml` or `.onnx` file that OpenVINO reads.
        into: names of layers; what goes into them is given too, behind the network's own outputs.

    Attributes:
        model: as read, with what the file says about itself.
    """

    def __init__(self, path: Path, into: Sequence[str] = ()) -> None:
        import openvino

        share_heaps()
        # the binding makes its table of types at first use: two threads there wait forever
        with _ONE_AT_A_TIME:
            openvino.Tensor(np.zeros(1, openvino.Type.f32.to_dtype()))
        core = the_core()
        cores = str(threads())
        properties = {**_PROPERTIES, "NUM_STREAMS": cores, "INFERENCE_NUM_THREADS": cores}
        self.model = core.read_model(path)
        if into:
            layers = {layer.get_friendly_name(): layer for layer in self.model.get_ops()}
            self.model.add_outputs([layers[name].input_value(0) for name in into])
        self._compiled = core.compile_model(self.model, "CPU", properties)
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def __call__(self, *inputs: np.ndarray) -> list[np.ndarray]:
        """The outputs, in the network's order, for inputs in the network's order; arrays of their own."""
        try:
            request = self._idle.get_nowait()
        except queue.Empty:
            request = self._compiled.create_infer_request()
        try:
            request.infer(list(inputs), share_inputs=True, share_outputs=True)
            return [np.array(request.get_output_tensor(k).data) for k in range(len(self._compiled.outputs))]
        finally:
            self._idle.put(request)


def batches(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    """The items in their order, `size` at a time."""
    return [items[start : start + size] for start in range(0, len(items), size)]
