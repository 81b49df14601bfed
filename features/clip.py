"""CLIP: an image embedding, and how well sentences about it fit a cover (zero-shot)."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL.Image import Image

from coverfusion.data.errors import UserError, did_you_mean
from coverfusion.features.registry import BlockExtractor, register
from coverfusion.features.trust import check_folder, numbers_alone
from coverfusion.features.weights import Weights

GENRES = (
    "Rock", "Pop", "Hip Hop", "Electronic", "Country", "Jazz", "Classical", "Metal",
    "Folk", "Blues", "Reggae", "Punk", "Soul", "Latin", "World",
)  # fmt: skip

PROMPTS = {
    "style": {
        "photo": "a photograph",
        "painting": "a painting",
        "cartoon": "a cartoon drawing",
        "render_3d": "a 3-D computer render",
        "typography": "an image of nothing but text and typography",
    },
    "people": {
        "single": "a picture of a single person",
        "group": "a picture of a group of people",
        "none": "a picture without any people",
    },
}

_CPU_BATCH = 8
_GPU_BATCH = 64


@register("clip")
class Clip(BlockExtractor):
    """open_clip's image embedding of length 1, and softmax probabilities within each set of prompts.

    Zero-shot as Radford et al. (2021): each prompt becomes a text embedding, and the cosines to the image
    embedding, times the model's own scale, go through a softmax over the prompts of one set.

    Args:
        preset: "hub" finds the published weights in the local cache or says how to fetch them; "packaged" has
            none, so it needs a `checkpoint`.
        model: an architecture that open_clip knows.
        pretrained: which of the published weights of that architecture; unused with a `checkpoint`.
        checkpoint: a local weight file of that architecture, or a folder with `open_clip_config.json` and
            the weights, as open_clip saves them (then `model` is unused).
        genres: genre names, each asked as "an album cover of <genre> music"; an empty list asks nothing.
        prompts: further sets, set -> label -> sentence.

    Raises:
        ValueError: two prompts would give one column, a set is empty, or `model` names a place.
    """

    def __init__(
        self,
        preset: str = "packaged",
        model: str = "ViT-B-32",
        pretrained: str = "laion2b_s34b_b79k",
        checkpoint: str | os.PathLike[str] | None = None,
        genres: Sequence[str] = GENRES,
        prompts: Mapping[str, Mapping[str, str]] = PROMPTS,
    ) -> None:
        if ":" in model:
            raise ValueError(f"model '{model}' is no architecture; a folder is named as `checkpoint`")
        self.preset = preset
        self.model = model
        self.pretrained = pretrained
        self.checkpoint = None if checkpoint is None else os.fspath(checkpoint)
        self.genres = list(genres)
        self.prompts = {name: dict(labels) for name, labels in prompts.items()}
        self._sets = _prompt_sets(self.genres, self.prompts)

    @property
    def columns(self) -> Sequence[str]:
        """`embedding_0000`, ..., then `<set>_<label>` for each prompt."""
        embedding = [f"embedding_{i:04d}" for i in range(self._width)]
        return embedding + [column for labels in self._sets for column in labels]

    def describe(self) -> Mapping[str, str]:
        """The embedding is one entry; each probability names its prompt."""
        lines = {"embedding_*": f"open_clip image embedding of {self.model}, normalised to length 1; -1 to 1"}
        for labels in self._sets:
            for column, sentence in labels.items():
                lines[column] = (
                    f"score of '{sentence}': probability among the {len(labels)} prompts of its set; 0 to 1"
                )
        return lines

    def weights(self) -> Sequence[Weights]:
        """The one weight file (or folder); found without the network."""
        if self.checkpoint is not None:
            return [_local(self.model, self.checkpoint)]
        if self.preset == "packaged":
            return [_no_package(self.model, self.pretrained)]
        return [_published(self.model, self.pretrained)]

    def __call__(self, images: Sequence[Image]) -> np.ndarray:
        """(n, len(columns)) float32 for n RGB pictures.

        Raises:
            UserError: the weights are not here, or are another model's.
        """
        import torch

        rows = np.empty((len(images), len(self.columns)), np.float32)
        if not len(images):
            return rows
        network, transform, texts, device = self._loaded
        batch = _CPU_BATCH if device == "cpu" else _GPU_BATCH
        with torch.inference_mode():
            for start in range(0, len(images), batch):
                some = [transform(image.convert("RGB")) for image in images[start : start + batch]]
                embedding = network.encode_image(torch.stack(some).to(device), normalize=True).float()
                scale = network.logit_scale.exp()
                probabilities = [torch.softmax(scale * embedding @ text.T, dim=1) for text in texts]
                rows[start : start + batch] = torch.cat([embedding, *probabilities], dim=1).cpu().numpy()
        return rows

    def embed_words(self, sentences: Sequence[str]) -> np.ndarray:
        """(n, embedding width) float32 text embeddings of length 1, to compare with `embedding_*`.

        Raises:
            UserError: as for pictures.
        """
        import torch

        network, _, _, device = self._loaded
        tokens = self._tokenizer()(list(sentences)).to(device)
        with torch.inference_mode():
            return network.encode_text(tokens, normalize=True).float().cpu().numpy()

    @functools.cached_property
    def _source(self) -> str:
        """The model as open_clip names it; a folder brings its own architecture."""
        folder = _path(self.checkpoint) if self.checkpoint else None
        if folder is None or not folder.is_dir():
            return self.model
        check_folder(folder)
        return f"local-dir:{folder}"

    def _tokenizer(self) -> Any:
        """From words to tokens; a tokenizer that would run Python files of the model's is refused."""
        import open_clip

        foreign = open_clip.get_model_config(self._source)["text_cfg"].get("hf_tokenizer_name")
        return open_clip.get_tokenizer(self._source, **({"trust_remote_code": False} if foreign else {}))

    @functools.cached_property
    def _width(self) -> int:
        import open_clip

        try:
            config = open_clip.get_model_config(self._source)
        except (OSError, ValueError, AttributeError) as error:
            raise UserError(
                f"clip: {self.checkpoint} holds no readable open_clip_config.json: {error}"
            ) from error
        if config is None:
            raise UserError(
                f"clip: open_clip has no model '{self.model}'."
                f"{did_you_mean(self.model, open_clip.list_models())}"
            )
        try:
            return int(config["embed_dim"])
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"clip: {self.checkpoint or self.model} names no `embed_dim`: {error}") from error

    @functools.cached_property
    def _loaded(self) -> tuple[Any, Any, list[Any], str]:
        """The network, its picture transform, the text embeddings of each set, and the device."""
        import open_clip
        import torch

        (weights,) = self.weights()
        if weights.path is None or not weights.ready():
            raise UserError(f"clip: {weights.name} is not here: {weights.how_to_get}.")
        device = "cuda" if torch.cuda.is_available() else "cpu"
        # how the published weights were trained; a local checkpoint has open_clip's defaults or its own
        config = {} if self.checkpoint else open_clip.get_pretrained_cfg(self.model, self.pretrained)
        try:
            with numbers_alone():
                network, transform = open_clip.create_model_from_pretrained(
                    self._source,
                    None if weights.path.is_dir() else str(weights.path),
                    device=device,
                    force_quick_gelu=config.get("quick_gelu", False),
                    image_mean=config.get("mean"),
                    image_std=config.get("std"),
                    image_interpolation=config.get("interpolation"),
                    image_resize_mode=config.get("resize_mode"),
                )
                tokenizer = self._tokenizer()
        except UserError:
            raise
        except Exception as error:  # open_clip, torch and safetensors each raise their own kinds
            raise UserError(f"clip: {weights.path} does not load as '{self.model}': {error}") from error
        network.eval()
        with torch.inference_mode():
            texts = [
                network.encode_text(tokenizer(list(labels.values())).to(device), normalize=True).float()
                for labels in self._sets
            ]
        return network, transform, texts, device


def _prompt_sets(genres: Sequence[str], prompts: Mapping[str, Mapping[str, str]]) -> list[dict[str, str]]:
    """For each set: column -> sentence.

    Raises:
        ValueError: a set is empty, or two labels give one column.
    """
    named: dict[str, Mapping[str, str]] = {}
    if genres:
        named["genre"] = {genre: f"an album cover of {genre} music" for genre in genres}
    if genres and "genre" in prompts:
        raise ValueError("give the genre prompts as `genres` or as prompts['genre'], not both.")
    named |= prompts
    sets = []
    for name, labels in named.items():
        columns = {_slug(f"{name}_{label}"): sentence for label, sentence in labels.items()}
        if not columns or len(columns) < len(labels):
            raise ValueError(f"prompts['{name}'] is empty, or two of its labels are spelled alike.")
        sets.append(columns)
    if len({column for columns in sets for column in columns}) < sum(map(len, sets)):
        raise ValueError("two sets of prompts give the same column name.")
    return sets


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _path(checkpoint: str) -> Path:
    return Path(checkpoint).expanduser()


def _local(model: str, checkpoint: str) -> Weights:
    path = _path(checkpoint)
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return Weights(
        f"open_clip {model}, local checkpoint",
        str(path),
        "not stated",
        round(sum(file.stat().st_size for file in files) / 1e6, 1),
        path if files else None,
        f"there is nothing at {path}; correct `checkpoint`",
    )


def _no_package(model: str, pretrained: str) -> Weights:
    return Weights(
        f"open_clip {model} {pretrained}",
        "no package",
        "not stated",
        0.0,
        None,
        "no package brings CLIP weights; name a local `checkpoint`, or set preset to 'hub'",
    )


def _published(model: str, pretrained: str) -> Weights:
    """Weights that open_clip publishes, in the cache where it looks itself.

    Raises:
        UserError: open_clip publishes no such weights.
    """
    import open_clip

    config = open_clip.get_pretrained_cfg(model, pretrained)
    if not config:
        tags = open_clip.list_pretrained_tags_by_model(model)
        raise UserError(
            f"clip: open_clip publishes no weights '{pretrained}' for '{model}'."
            f"{did_you_mean(pretrained, tags)}"
        )

    def fetch() -> None:
        open_clip.download_pretrained(config)

    path = _cached(config)
    megabytes = path.stat().st_size / 1e6 if path else _megabytes_of(model)
    return Weights(
        f"open_clip {model} {pretrained}",
        config.get("hf_hub", "").rstrip("/") or config.get("url", ""),
        "not stated",
        round(megabytes, 1),
        path,
        "fetch it with `coverfusion weights fetch --preset hub`, or name a local `checkpoint`",
        fetch,
    )


def _cached(config: Mapping[str, Any]) -> Path | None:
    """The file that `open_clip.download_pretrained` would return, if it is on this machine already."""
    from huggingface_hub import try_to_load_from_cache
    from open_clip.constants import HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME

    if not config.get("hf_hub"):
        folder = Path(os.path.expanduser("~/.cache/clip"))  # noqa: PTH111 - who has no home has no file there
        file = folder / Path(config["url"]).name
        return file if file.is_file() else None
    repository, _, name = config["hf_hub"].rpartition("/")
    if name:
        names = [str(Path(name).with_suffix(".safetensors")), name]
    else:
        names = [HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME]
    files = [try_to_load_from_cache(repository, candidate) for candidate in names]
    return next((Path(file) for file in files if isinstance(file, str)), None)


def _megabytes_of(model: str) -> float:
    """float32 size of an architecture, counted on the meta device: open_clip publishes no file sizes."""
    import open_clip

    network = open_clip.create_model(model, device="meta", pretrained_text=False)
    return sum(p.numel() for p in network.parameters()) * 4 / 1e6
