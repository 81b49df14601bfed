"""Converted networks are kept, and made again where what is kept is damaged."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from coverfusion.features.networks.openvino import Network, converted


def test_a_damaged_network_is_converted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    openvino = pytest.importorskip("openvino")
    monkeypatch.setenv("COVERFUSION_NETWORKS", str(tmp_path))
    made: list[int] = []

    def convert() -> object:
        made.append(1)
        x = openvino.opset13.parameter([2], np.float32)
        weights = openvino.opset13.constant(np.array([3.0, 5.0], np.float32))
        return openvino.Model([openvino.opset13.multiply(x, weights)], [x], "times")

    kept = converted("times", "0" * 64, convert)
    assert converted("times", "0" * 64, convert) == kept
    assert len(made) == 1
    for name in ("network.bin", "network.xml"):
        whole = bytearray(kept.with_name(name).read_bytes())
        whole[len(whole) // 2] ^= 2
        kept.with_name(name).write_bytes(whole)
        with pytest.warns(UserWarning, match="damaged"):
            converted("times", "0" * 64, convert)
        (result,) = Network(kept)(np.ones(2, np.float32))
        assert result.tolist() == [3.0, 5.0]
    assert len(made) == 3


SIGNALS = """
import gc, signal, subprocess
from coverfusion.features.detectors.faces import Mtcnn
seen = []
signal.signal(signal.SIGCHLD, lambda *_: seen.append(1))
for smallest in (20, 30, 40):
    Mtcnn(smallest)
    gc.collect()
    subprocess.run(["true"], check=True)
assert len(seen) == 3
"""


def test_a_network_that_is_let_go_of_leaves_signals_as_they_were() -> None:
    ended = subprocess.run([sys.executable, "-c", SIGNALS], check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
