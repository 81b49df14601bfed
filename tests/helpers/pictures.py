"""Pictures with known content, drawn for tests, and files that only pretend to be pictures.

Every function returns an RGB picture unless it says otherwise; sizes are (width, height) in pixels and
colours are what Pillow takes ("red", "#102030", (r, g, b)).
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

Colour = str | tuple[int, ...]
SIZE = (300, 300)


# --- drawing -------------------------------------------------------------------------------------------


def solid(colour: Colour, size: tuple[int, int] = SIZE) -> Image.Image:
    """One colour all over."""
    return Image.new("RGB", size, colour)


def stripes(
    first: Colour = "black",
    second: Colour = "white",
    width: int = 10,
    size: tuple[int, int] = SIZE,
    vertical: bool = True,
) -> Image.Image:
    """Stripes of `width` pixels, beginning with `first`; vertical ones change from left to right."""
    picture = solid(first, size)
    draw = ImageDraw.Draw(picture)
    for start in range(width, size[0] if vertical else size[1], 2 * width):
        end = start + width - 1
        draw.rectangle((start, 0, end, size[1]) if vertical else (0, start, size[0], end), fill=second)
    return picture


def checkerboard(
    first: Colour = "black", second: Colour = "white", square: int = 10, size: tuple[int, int] = SIZE
) -> Image.Image:
    """Squares of `square` pixels; the upper left one is `first`."""
    rows, columns = np.indices((size[1], size[0])) // square
    mask = Image.fromarray((((rows + columns) % 2) * 255).astype(np.uint8))
    return Image.composite(solid(second, size), solid(first, size), mask)


def gradient(
    first: Colour = "black", second: Colour = "white", size: tuple[int, int] = SIZE, vertical: bool = False
) -> Image.Image:
    """An even ramp from `first` to `second`, from left to right or from top to bottom."""
    steps = np.linspace(0, 255, size[1] if vertical else size[0]).round().astype(np.uint8)
    grid = np.tile(steps[:, None], (1, size[0])) if vertical else np.tile(steps, (size[1], 1))
    return Image.composite(solid(second, size), solid(first, size), Image.fromarray(grid))


def noise(seed: int = 0, size: tuple[int, int] = SIZE) -> Image.Image:
    """Every pixel its own random colour."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def grained(picture: Image.Image, seed: int | Sequence[int]) -> Image.Image:
    """The picture under coarse grey grain of its own, so that it is no near duplicate of another such one."""
    grain = np.random.default_rng(seed).integers(0, 256, (16, 16), dtype=np.uint8)
    tiles = Image.fromarray(grain).resize(picture.size, Image.Resampling.NEAREST).convert("RGB")
    return Image.blend(picture, tiles, 0.4)


def words(
    text: str,
    colour: Colour = "black",
    background: Colour = "white",
    height: int = 40,
    size: tuple[int, int] = SIZE,
    position: tuple[int, int] | None = None,
    font: str = "DejaVuSans-Bold.ttf",
) -> Image.Image:
    """Text in a font that ships with matplotlib; centred, or with its upper left corner at `position`.

    Args:
        text: may hold line breaks.
        colour: of the letters.
        background: behind them.
        height: font size in pixels.
        size: of the picture.
        position: (x, y) of the upper left corner; None = centred.
        font: file name among matplotlib's fonts.
    """
    picture = solid(background, size)
    face = ImageFont.truetype(font_file(font), height)
    draw = ImageDraw.Draw(picture)
    if position is None:
        draw.multiline_text((size[0] / 2, size[1] / 2), text, colour, face, anchor="mm", align="center")
    else:
        draw.multiline_text(position, text, colour, face)
    return picture


def font_file(name: str = "DejaVuSans.ttf") -> str:
    """The path of a font that ships with matplotlib."""
    import matplotlib

    return str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name)


def face(size: tuple[int, int] = SIZE) -> Image.Image:
    """A portrait with one real face, about 0.3 of the width wide: the astronaut Eileen Collins.

    The picture is NASA's, in the public domain, and lies in scikit-image's package.
    """
    from skimage import data

    return Image.fromarray(data.astronaut()).crop((64, 0, 384, 320)).resize(size, Image.Resampling.LANCZOS)


def faces(count: int, side: int = 150, columns: int = 2) -> Image.Image:
    """`count` portraits of `side` pixels in a grid, every second one mirrored."""
    rows = -(-count // columns)
    picture = solid("white", (columns * side, rows * side))
    for i in range(count):
        one = face((side, side))
        one = one.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if i % 2 else one
        picture.paste(one, (i % columns * side, i // columns * side))
    return picture


# --- saving --------------------------------------------------------------------------------------------


def encode(picture: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    """The bytes of a picture file; `kind` is Pillow's format name, `options` go to its `save`."""
    if kind == "JPEG":
        options = {"quality": 92} | options
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def save_folders(root: Path, genres: Mapping[str, Sequence[Image.Image | bytes]]) -> Path:
    """Writes `root/<genre>/000.jpg`, ...; bytes are written as they are. Returns `root`."""
    for genre, pictures in genres.items():
        (root / genre).mkdir(parents=True, exist_ok=True)
        for i, picture in enumerate(pictures):
            (root / genre / f"{i:03d}.jpg").write_bytes(_bytes(picture))
    return root


def save_zip(archive: Path, members: Mapping[str, Image.Image | bytes]) -> Path:
    """Writes a zip of these members. Returns `archive`."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    archive.write_bytes(zip_bytes({name: _bytes(picture) for name, picture in members.items()}))
    return archive


def save_manifest(manifest: Path, rows: Sequence[Mapping[str, str]]) -> Path:
    """Writes a .csv or .parquet manifest, one mapping (path, genre, ...) a row. Returns `manifest`."""
    frame = pd.DataFrame(list(rows))
    if manifest.suffix == ".parquet":
        frame.to_parquet(manifest)
    else:
        frame.to_csv(manifest, index=False)
    return manifest


def zip_bytes(members: Mapping[str, bytes]) -> bytes:
    """The bytes of a zip of these members, names as given."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in members.items():
            zipped.writestr(name, data)
    return stream.getvalue()


def _bytes(picture: Image.Image | bytes) -> bytes:
    return picture if isinstance(picture, bytes) else encode(picture)


# --- bad files -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bad:
    """A file that cannot become a cover.

    Attributes:
        name: what is wrong with it, as a word.
        file: a file name with the extension it pretends to have.
        data: its bytes.
        reason: a regular expression for the reason that reading it must give (case ignored).
    """

    name: str
    file: str
    data: bytes
    reason: str


def bad_files() -> list[Bad]:
    """More than twelve kinds of bad picture and bad archive, each with the reason expected."""
    return [*_bad_pictures(), *_bad_archives()]


def _bad_pictures() -> list[Bad]:
    photo = noise(1, (64, 64))
    jpeg, png, gif = encode(photo), encode(photo, "PNG"), encode(photo, "GIF")
    webp, tiff = encode(photo, "WEBP"), encode(photo, "TIFF")
    return [
        Bad("empty", "empty.jpg", b"", "empty"),
        Bad("text", "text.jpg", b"this was meant to be a cover\n", "not a picture"),
        Bad("web-page", "page.jpg", b"<!DOCTYPE html><title>404 Not Found</title>", "not a picture"),
        Bad("zeros", "zeros.png", bytes(4096), "not a picture"),
        Bad(
            "postscript", "drawing.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"
        ),
        Bad("truncated-jpeg", "half.jpg", jpeg[: len(jpeg) // 2], "truncated"),
        Bad("truncated-png", "half.png", png[: len(png) // 2], "truncated"),
        Bad("truncated-gif", "half.gif", gif[: len(gif) // 2], "truncated"),
        Bad("truncated-webp", "half.webp", webp[: len(webp) // 2], "truncated"),
        Bad("truncated-tiff", "half.tif", tiff[: len(tiff) // 2], "truncated|not a picture"),
        Bad("damaged-png", "damaged.png", _damaged(png), "broken"),
        Bad("bomb", "bomb.png", _huge_png(30_000, 30_000), "decompression bomb"),
        Bad("smaller-bomb", "bomb2.png", _huge_png(10_000, 10_000), "decompression bomb"),
    ]


def _bad_archives() -> list[Bad]:
    jpeg = encode(noise(2, (64, 64)))
    good = zip_bytes({"a.jpg": jpeg})
    return [
        Bad("no-archive", "garbage.zip", b"PK but no archive" * 20, "broken archive"),
        Bad("truncated-archive", "half.zip", good[: len(good) // 2], "broken archive"),
        Bad("empty-archive", "nothing.zip", zip_bytes({}), "archive without pictures"),
        Bad("zip-slip", "slip.zip", zip_bytes({"../../outside.jpg": jpeg}), "outside the archive"),
        Bad("absolute-member", "absolute.zip", zip_bytes({"/tmp/outside.jpg": jpeg}), "outside the archive"),
        Bad("encrypted-member", "secret.zip", _with_flag(good, 0x1), "encrypted"),
        Bad("damaged-member", "damaged.zip", _damaged(good), "broken archive member"),
        Bad("large-member", "large.zip", _with_size(good, 200 * 2**20), "too large"),
        Bad("zip-bomb", "bomb.zip", _with_size(good, 3 * 2**30), "zip bomb"),
        Bad("text-member", "text.zip", zip_bytes({"notes.txt": b"no cover either"}), "not a picture"),
    ]


def _damaged(data: bytes) -> bytes:
    """Some bytes in the middle turned round."""
    middle = len(data) // 2
    return data[:middle] + bytes(255 - byte for byte in data[middle : middle + 16]) + data[middle + 16 :]


def _huge_png(width: int, height: int) -> bytes:
    """A one-bit PNG of a few bytes that says it has width x height pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def _with_flag(archive: bytes, flag: int) -> bytes:
    """The same zip with a general-purpose flag set in the directory and the local header."""
    data = bytearray(archive)
    for signature, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        data[data.index(signature) + offset] |= flag
    return bytes(data)


def _with_size(archive: bytes, size: int) -> bytes:
    """The same zip, claiming that its member unpacks to `size` bytes."""
    data = bytearray(archive)
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, size)
    return bytes(data)
