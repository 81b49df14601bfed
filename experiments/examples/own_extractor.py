"""A block of one's own, beside the built-in ones: how a cover's border differs from its middle.

    python own_extractor.py [COLLECTION]

Without a collection it draws a small one. A class in a file or package of its own is found by the command
line too: `coverfusion --plugin FILE ...`.
"""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL.Image import Image
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score

import coverfusion as cf


@cf.register_block("border")
class Border(cf.BlockExtractor):
    """Differences between the outer frame of a cover and the rest.

    Args:
        width: of the frame, a proportion of the picture's side.
    """

    version = "1"  # another one whenever the numbers change

    def __init__(self, *, width: float = 0.1) -> None:
        self.width = width

    def describe(self) -> Mapping[str, str]:
        """Column -> one line with its unit or range."""
        return {
            "brightness": "mean luma of the border minus that of the middle; -1 to 1",
            "contrast": "spread of luma of the border minus that of the middle; -0.5 to 0.5",
        }

    def _row(self, image: Image) -> Sequence[float]:
        luma = np.asarray(image.convert("L"), dtype=np.float32) / 255
        edge = max(1, round(self.width * min(luma.shape)))
        inside = np.zeros(luma.shape, dtype=bool)
        inside[edge:-edge, edge:-edge] = True
        middle, border = luma[inside], luma[~inside]
        return [border.mean() - middle.mean(), border.std() - middle.std()]


def main(collection_folder: str | Path, store: Path) -> None:
    """Prints the accuracy with and without the block, over the same grouped folds."""
    collection = cf.read_collection(collection_folder)
    table = cf.extract(collection, blocks=["color", "border"], store=store)
    print(table)
    folds = StratifiedGroupKFold(3, shuffle=True, random_state=0)
    for blocks in (["border"], ["color"], ["color", "border"]):
        X, y, groups = cf.training_data(collection, table.select(blocks))
        scores = cross_val_score(cf.classifier("logistic"), X, y, groups=groups, cv=folds)
        print(f"{' + '.join(blocks):<16} accuracy {scores.mean():.2f}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        named = sys.argv[1] if len(sys.argv) > 1 else cf.draw_sample(Path(folder) / "covers", 20)
        main(named, Path(folder) / "store")
