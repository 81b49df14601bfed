"""The layouts of the drawn sample: each fills a square picture with shapes in the colours of a palette."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

# Background, second colour, accent, ink, as #rrggbb.
Palette = tuple[str, str, str, str]
Layout = Callable[[Image.Image, Palette, np.random.Generator], None]
# Drawn at twice the size of the cover and reduced, which smooths all edges.
CANVAS_SIDE = 600


def rgb(colour: str) -> np.ndarray:
    """(3,) float of #rrggbb, 0 to 255."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=float)


def hex_of(values: np.ndarray) -> str:
    """#rrggbb of (3,) values, rounded and cut to 0..255."""
    return "#" + bytes(np.clip(np.rint(values), 0, 255).astype(np.uint8)).hex()


def brightness(colour: str) -> float:
    """Luma, 0 to 255."""
    return float(rgb(colour) @ np.array([0.299, 0.587, 0.114]))


def mix(first: str, second: str, share: float = 0.5) -> str:
    """The colour on the way from `first` (share 0) to `second` (share 1)."""
    return hex_of(rgb(first) * (1 - share) + rgb(second) * share)


def _ramp(picture: Image.Image, top: str, bottom: str, rng: np.random.Generator) -> None:
    """An even change of colour from top to bottom, or the other way round."""
    if rng.random() < 0.3:
        top, bottom = bottom, top
    steps = np.linspace(rgb(top), rgb(bottom), CANVAS_SIDE).astype(np.uint8)
    picture.paste(Image.fromarray(np.repeat(steps[:, None], CANVAS_SIDE, axis=1)))


def _frame(picture: Image.Image, palette: Palette, rng: np.random.Generator) -> None:
    draw = ImageDraw.Draw(picture)
    edge = int(rng.integers(18, 60))
    draw.rectangle(
        (edge, edge, CANVAS_SIDE - edge, CANVAS_SIDE - edge),
        outline=palette[2],
        width=int(rng.integers(3, 12)),
    )
    inner = edge + int(rng.integers(18, 36))
    draw.rectangle(
        (inner, inner, CANVAS_SIDE - inner, CANVAS_SIDE - inner), fill=palette[1], outline=palette[2], width=3
    )


def _staves(picture: Image.Image, palette: Palette, rng: np.random.Generator) -> None:
    draw = ImageDraw.Draw(picture)
    for top in range(int(rng.integers(20, 80)), CANVAS_SIDE, int(rng.integers(130, 190))):
        for line in range(5):
            draw.line((0, top + 16 * line, CANVAS_SIDE, top + 16 * line), palette[1], 3)
        for x in range(int(rng.integers(10, 60)), CANVAS_SIDE, int(rng.integers(50, 90))):
            y = top + 8 * int(rng.integers(0, 9))
            draw.ellipse((x, y - 9, x + 24, y + 9), fill=palette[2])
            draw.line((x + 23, y, x + 23, y - 60), palette[2], 4)


def _hills(picture: Image.Image, palette: Palette, rng: np.random.Generator) -> None:
    _ramp(picture, palette[0], palette[1], rng)
    draw = ImageDraw.Draw(picture)
    x, y, r = rng.uniform(120, 480), rng.uniform(120, 320), rng.uniform(50, 110)
    draw.ellipse((x - r, y - r, x + r, y + r), fill=palette[3])
    xs = np.arange(0, CANVAS_SIDE + 10, 10)
    for depth, colour in enumerate((palette[1], mix(palette[1], palette[2]), palette[2])):
        base = 360 + 80 * depth
        ys = base + 30 * np.sin(xs / rng.uniform(60, 160) + rng.uniform(0, 6)) + rng.uniform(-20, 20)
        draw.polygon(
            [(0, CANVAS_SIDE), *zip(xs.tolist(), ys.tolist(), strict=True), (CANVAS_SIDE, CANVAS_SIDE)],
            fill=colour,
        )


def _sunburst(picture: Image.Image, palette: Palette, rng: np.random.Generator) -> None:
    draw = ImageDraw.Draw(picture)
    x, y = rng.uniform(200, 400), rng.uniform(200, 560)
    rays = int(rng.integers(8, 22))
    for angle in np.arange(rays) * 2 * np.pi / rays + rng.uniform(0, 1):
        ends = [(x + 900 * np.cos(a), y + 900 * np.sin(a)) for a in (angle, angle + np.pi / rays)]
        draw.polygon([(x, y), *ends], fill=palette[1])
    r = rng.uniform(40, 130)
    draw.ellipse((x - r, y - r, x + r, y + r), fill=palette[2])


def _rings(picture: Image.Image, palette: Palette, rng: np.random.Generator) -> None:
    draw = ImageDraw.Draw(picture)
    x, y = rng.uniform(180, 420, 2)
    gap = rng.uniform(18, 45)
    for i in range(int(rng.integers(5, 14)), 0, -1):
        r = gap * i
        colour = palette[2] if i % int(rng.integers(2, 5)) == 0 else palette[1]
        draw.ellipse((x - r, y - r, x + r, y + r), outline=colour, width=int(rng.integers(3, 14)))


def _waves(picture: Image.Image, palette: Palette, rng: np.random.Generator) -> None:
    draw = ImageDraw.Draw(picture)
    xs = np.arange(-20, CANVAS_SIDE + 20, 8)
    length, shift = rng.uniform(30, 120), rng.uniform(0, 6)
    for i, y in enumerate(range(40, CANVAS_SIDE, int(rng.integers(24, 60)))):
        ys = y + rng.uniform(8, 34) * np.sin(xs / length + shift + i * 0.4)
        colour = palette[1 + i % 2]
        draw.line(list(zip(xs.tolist(), ys.tolist(), strict=True)), colour, int(rng.integers(4, 18)))


def _mosaic(picture: Image.Image, palette: Palette, rng: np.random.Generator) -> None:
    draw = ImageDraw.Draw(picture)
    cells = int(rng.integers(3, 8))
    side = CANVAS_SIDE / cells
    for row in range(cells):
        for column in range(cells):
            box = (column * side, row * side, (column + 1) * side, (row + 1) * side)
            kind = rng.integers(0, 5)
            colour = palette[1 + int(rng.integers(0, 2))]
            if kind < 2:
                draw.rectangle(box, fill=colour)
            elif kind == 2:
                draw.pieslice(box, 90 * int(rng.integers(4)), 90 * int(rng.integers(5, 8)), fill=colour)


def _keys(picture: Image.Image, palette: Palette, rng: np.random.Generator) -> None:
    draw = ImageDraw.Draw(picture)
    width = int(rng.integers(36, 70))
    top = int(rng.integers(0, 300))
    for i, x in enumerate(range(0, CANVAS_SIDE, width)):
        draw.rectangle((x + 2, top, x + width - 2, top + 300), fill=palette[1])
        if i % 7 not in (2, 6):
            draw.rectangle((x + 0.65 * width, top, x + 1.3 * width, top + 180), fill=palette[2])


def _shards(picture: Image.Image, palette: Palette, rng: np.random.Generator) -> None:
    draw = ImageDraw.Draw(picture)
    for i in range(int(rng.integers(14, 34))):
        centre, spread = rng.uniform(0, CANVAS_SIDE, 2), rng.uniform(50, 260)
        points = [tuple(centre + rng.normal(0, spread, 2)) for _ in range(3)]
        draw.polygon(points, fill=palette[2] if i % 5 == 4 else mix(palette[0], palette[1], rng.random()))


def _confetti(picture: Image.Image, palette: Palette, rng: np.random.Generator) -> None:
    _ramp(picture, palette[0], palette[1], rng)
    draw = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(25, 80))):
        (x, y), r = rng.uniform(0, CANVAS_SIDE, 2), rng.uniform(6, 34)
        colour = palette[int(rng.integers(1, 4))]
        shape = draw.ellipse if rng.random() < 0.6 else draw.rectangle
        shape((x - r, y - r, x + r, y + r), fill=colour)


LAYOUTS: dict[str, Layout] = {
    "frame": _frame,
    "staves": _staves,
    "hills": _hills,
    "sunburst": _sunburst,
    "rings": _rings,
    "waves": _waves,
    "mosaic": _mosaic,
    "keys": _keys,
    "shards": _shards,
    "confetti": _confetti,
}
