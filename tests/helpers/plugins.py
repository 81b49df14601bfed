"""A plug-in file and an installed package, each with a block and a classifier of its own."""

from pathlib import Path

BLOCK = '''
"""How bright the two halves are."""
import numpy as np
from coverfusion.features.registry import BlockExtractor, register

@register("{name}")
class Halves(BlockExtractor):
    def __init__(self, *, scale: float = 1.0) -> None:
        self.scale = scale

    def describe(self):
        return {{"upper": "mean brightness of the upper half, 0-255", "lower": "of the lower half, 0-255"}}

    def _row(self, image):
        grey = np.asarray(image.convert("RGB"), np.float32).mean(axis=2) * self.scale
        middle = len(grey) // 2
        return grey[:middle].mean(), grey[middle:].mean()
'''

CLASSIFIER = '''
import numpy as np
from coverfusion.fusion.base import BlockClassifier
from coverfusion.fusion.registry import register as classifier

@classifier("{name}")
class Means(BlockClassifier):
    """The nearest mean."""

    def __init__(self, *, softness: float = 10.0) -> None:
        self.softness = softness

    def _fit(self, X, y, weight, groups):
        self.means_ = np.stack([X[y == k].mean(axis=0) for k in range(len(self.classes_))])

    def _probabilities(self, X):
        distances = np.linalg.norm(X[:, None] - self.means_, axis=2)
        return np.exp(-(distances - distances.min(axis=1, keepdims=True)) / self.softness)
'''


def save_plugin(folder: Path, more: str = "", name: str = "own_things.py") -> Path:
    """A file with the block `halves` and the classifier `means`, and what else it is to hold."""
    file = folder / name
    file.write_text(BLOCK.format(name="halves") + CLASSIFIER.format(name="means") + more)
    return file


def save_package(folder: Path) -> None:
    """The package `evenness_blocks` as pip lays it down, with a block, a classifier and a broken one."""
    package = folder / "evenness_blocks"
    package.mkdir()
    (package / "__init__.py").write_text('"""Nothing is imported here."""\n')
    (package / "block.py").write_text(BLOCK.format(name="evenness"))
    (package / "classifier.py").write_text(CLASSIFIER.format(name="nearest_mean"))
    info = folder / "evenness_blocks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: evenness-blocks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[coverfusion.blocks]\n"
        "evenness = evenness_blocks.block\n"
        "gone = evenness_blocks.gone\n"
        "[coverfusion.classifiers]\n"
        "nearest_mean = evenness_blocks.classifier:Means\n"
    )
