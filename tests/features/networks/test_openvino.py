"""Converted networks are kept, and made again where what is kept is damaged."""

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
