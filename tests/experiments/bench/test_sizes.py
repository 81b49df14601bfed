"""Each block and decoding is measured at four sizes; large covers cost the blocks no more."""

from pathlib import Path

import pytest

from coverfusion.experiments.bench.sizes import SIDES, bench_sizes
from tests.helpers.pictures import noise, save_folders


@pytest.mark.slow
def test_a_block_that_reduces_pictures_first_costs_less_than_decoding_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = save_folders(
        tmp_path / "c", {"dub": [noise(n) for n in range(3)], "opera": [noise(n) for n in range(3, 6)]}
    )
    frame = bench_sizes(folder, ["cnn"], covers=2, rounds=3).set_index("block")
    assert list(frame.index) == ["decoding", "cnn"]
    assert (frame["ms"] > 0).all()
    assert (frame[f"{SIDES[0]} px"] == 1).all()
    # a hundred times the pixels: decoding is linear in them, the network sees the same 224 x 224
    assert frame[f"{SIDES[-1]} px"]["decoding"] > 4 * frame[f"{SIDES[-1]} px"]["cnn"]
    assert "2 covers in 3 rounds" in capsys.readouterr().out
