"""Which pictures a model has learnt from: the same file, and the same picture in another file."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from typer.testing import CliRunner

from coverfusion.data.pictures import decode
from coverfusion.experiments.cli import app
from coverfusion.experiments.scoring.learnt_from import is_learnt
from coverfusion.fusion.bundle import load_bundle
from tests.helpers.pictures import encode, noise, solid

FAR = np.array([1.0, 1.1, 1.2, 1.3, 1.4])


def test_the_same_picture_in_another_encoding_and_size_is_learnt_from() -> None:
    trained = Image.effect_mandelbrot((300, 300), (-2.0, -1.5, 1.0, 1.5), 60).convert("RGB")
    small = encode(trained.resize((128, 128)))
    others = [encode(noise(seed)) for seed in range(4)]
    again = decode(encode(trained.resize((180, 180)), "WEBP"))
    assert is_learnt(again, FAR, [*others, small])
    assert not is_learnt(again, FAR, others)
    assert not is_learnt(again, FAR, [None] * 5)  # an index without pictures
    assert is_learnt(again, FAR - 1.0, [None] * 5)  # but the same features


def test_blank_pictures_are_not_one_picture() -> None:
    assert not is_learnt(solid("white"), FAR, [encode(solid("black"))])


def test_score_and_explain_say_the_same_of_a_training_cover_in_another_file(
    served_bundle: Path, tmp_path: Path
) -> None:
    covers = load_bundle(served_bundle).neighbours.covers
    trained = next(path for path in covers["path"] if Path(path).is_file())
    again, new = tmp_path / "again.jpg", tmp_path / "new.png"
    again.write_bytes(encode(decode(Path(trained).read_bytes()), "JPEG"))
    new.write_bytes(encode(noise(99), "PNG"))
    out, drawn = tmp_path / "scores.csv", tmp_path / "why.png"
    done = CliRunner().invoke(app, ["score", str(served_bundle), str(again), str(new), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "learnt from 1 of these pictures" in " ".join(done.stdout.split())
    scored = pd.read_csv(out, keep_default_na=False)
    assert scored["learnt_from"].tolist() == [True, False]
    for picture, learnt in ((again, True), (new, False)):
        told = CliRunner().invoke(app, ["explain", str(served_bundle), str(picture), "--out", str(drawn)])
        assert told.exit_code == 0, told.output
        assert json.loads(drawn.with_suffix(".json").read_text())["training_cover"] is learnt
