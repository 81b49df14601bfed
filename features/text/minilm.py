"""The packaged MiniLM-L6 on CPUs: sentence-transformers' `encode` without torch, once it is converted.

W. Wang et al., MiniLM (NeurIPS 2020); N. Reimers and I. Gurevych, Sentence-BERT (EMNLP 2019). Its
`modules.json` names three steps: the transformer, the mean of its tokens, unit length.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from coverfusion.features.networks.openvino import Network, batches, converted, each

if TYPE_CHECKING:
    import openvino

TEXTS_AT_A_TIME = 16


class MiniLM:
    """Texts to their embeddings; any number of threads may call it.

    Args:
        folder: of the model, as sentence-transformers writes it.
        digest: of its files; the converted network is kept under it.
    """

    def __init__(self, folder: Path, digest: str) -> None:
        from tokenizers import Tokenizer

        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        longest = json.loads((folder / "sentence_bert_config.json").read_text())["max_seq_length"]
        self.tokenizer.enable_truncation(longest)
        self.tokenizer.enable_padding()
        self.network = Network(converted("minilm", digest, lambda: _convert(folder)))

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """(n, 384) float32 of unit length."""
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))  # little padding
        parts = batches(order, TEXTS_AT_A_TIME)
        vectors = each(lambda part: self._embed([texts[place] for place in part]), parts)
        return np.concatenate(vectors)[np.argsort(order)]

    def _embed(self, texts: Sequence[str]) -> np.ndarray:
        tokens = self.tokenizer.encode_batch([text.strip() for text in texts])
        numbers = np.array([token.ids for token in tokens], np.int64)
        mask = np.array([token.attention_mask for token in tokens], np.int64)
        states = self.network(numbers, mask)[0]
        means = (states * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        unit: np.ndarray = means / np.linalg.norm(means, axis=1, keepdims=True).clip(1e-12)
        return unit.astype(np.float32)


def _convert(folder: Path) -> openvino.Model:
    import openvino
    import torch
    from transformers import BertModel

    class States(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bert = BertModel.from_pretrained(folder, local_files_only=True).eval()

        def forward(self, numbers: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return self.bert(input_ids=numbers, attention_mask=mask).last_hidden_state

    example = torch.ones(2, 8, dtype=torch.int64)
    with silent_transformers(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of its own tracer
        return openvino.convert_model(States(), example_input=(example, example))


@contextmanager
def silent_transformers() -> Iterator[None]:
    """Transformers neither shows a bar, which would tear the caller's own, nor warns of its own defaults."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)
