"""What every extractor must keep to, run over the registry: a new one is covered by being there."""

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from coverfusion.data.errors import UserError
from coverfusion.features.registry import Extractor, create, extractor_names, missing_weights, parameters_of

NAMES = extractor_names()
# a parameter and another value, for each block whose fingerprint is to change with it
OTHER = {
    "clip": {"genres": ["Rock", "Pop"]},
    "cnn": {"image_size": 128},
    "color": {"size": 64},
    "ocr": {"min_confidence": 0.5},
    "people": {"face_confidence": 0.5},
    "texture": {"size": 64},
}


# the others are held to their message alone
READY = [name for name in NAMES if missing_weights(create(name)) is None]


@pytest.fixture(scope="module")
def loaded() -> Iterator[dict[str, Extractor]]:
    """Each extractor once, so that its weights are read once."""
    return {name: create(name) for name in NAMES}


def drawn() -> list[Image.Image]:
    random = np.random.default_rng(0)
    noise = Image.fromarray(random.integers(0, 256, (300, 300, 3), np.uint8))
    return [
        Image.new("RGB", (300, 300), (200, 30, 40)),
        noise.resize((300, 300)),
        noise.crop((0, 0, 200, 300)),
    ]


def test_all_six_blocks_are_known() -> None:
    assert {"clip", "cnn", "color", "ocr", "people", "texture"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_columns_are_stable_and_each_is_described(name: str, loaded: dict[str, Extractor]) -> None:
    extractor = loaded[name]
    columns, described = list(extractor.columns), extractor.describe()
    assert columns == list(create(name).columns)
    assert len(set(columns)) == len(columns) > 0
    families = tuple(key.removesuffix("*") for key in described if key.endswith("_*"))
    assert set(described) - {f"{family}*" for family in families} == {
        column for column in columns if not column.startswith(families)
    }
    assert all(any(column.startswith(family) for column in columns) for family in families)
    for line in described.values():
        assert line.strip()
        assert "\n" not in line


@pytest.mark.parametrize("name", NAMES)
def test_the_fingerprint_follows_the_parameters(name: str, loaded: dict[str, Extractor]) -> None:
    assert loaded[name].fingerprint() == create(name).fingerprint()
    assert loaded[name].fingerprint().startswith(f"{name}-")
    for key, value in OTHER.get(name, {}).items():
        assert create(name, **{key: value}).fingerprint() != loaded[name].fingerprint()


@pytest.mark.parametrize("name", READY)
def test_no_picture_gives_no_row(name: str, loaded: dict[str, Extractor]) -> None:
    extractor = loaded[name]
    found = extractor([])
    assert found.shape == (0, len(extractor.columns))
    assert found.dtype == np.float32


@pytest.mark.parametrize("name", READY)
def test_a_batch_gives_what_single_pictures_give(name: str, loaded: dict[str, Extractor]) -> None:
    extractor = loaded[name]
    together = extractor(drawn())
    single = np.concatenate([extractor([image]) for image in drawn()])
    assert together.shape == (3, len(extractor.columns))
    assert together.dtype == np.float32
    assert np.allclose(together, single, rtol=1e-3, atol=1e-4, equal_nan=True)


@pytest.mark.parametrize("name", READY)
@pytest.mark.parametrize("size", [(1, 1), (7, 300), (300, 7), (640, 480)])
def test_odd_sizes_are_survived(name: str, size: tuple[int, int], loaded: dict[str, Extractor]) -> None:
    extractor = loaded[name]
    found = extractor([Image.new("RGB", size, (10, 200, 30))])
    assert found.shape == (1, len(extractor.columns))
    assert not np.isinf(found).any()


@pytest.mark.parametrize("name", NAMES)
def test_missing_weights_say_how_to_get_them(name: str, loaded: dict[str, Extractor]) -> None:
    extractor = loaded[name]
    for weights in extractor.weights():
        assert weights.name
        assert weights.source
        assert weights.licence
        assert weights.how_to_get
    message = missing_weights(extractor)
    assert (message is None) == all(weights.ready() for weights in extractor.weights())
    if message is not None:
        with pytest.raises(UserError, match=r"not here"):
            extractor([Image.new("RGB", (32, 32))])


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_has_a_default_and_a_wrong_one_is_named(name: str) -> None:
    known = parameters_of(name)
    with pytest.raises(UserError, match=f"Block '{name}' has no parameter 'nonsense'"):
        create(name, nonsense=1)
    assert all(hasattr(create(name), key) for key in known)


def test_unknown_blocks_and_presets_suggest_the_nearest() -> None:
    with pytest.raises(UserError, match="Did you mean 'color'"):
        create("colour")
    with pytest.raises(UserError, match="Did you mean 'packaged'"):
        create("color", preset="package")
