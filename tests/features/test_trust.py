"""A bomb in every loader: each would make a folder when it is run, and none ever is."""

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from PIL import Image

from coverfusion.data.errors import UserError
from coverfusion.features.clip import Clip
from coverfusion.features.cnn import Cnn
from coverfusion.features.people import People
from coverfusion.features.registry import create
from coverfusion.features.text.easyocr import DETECTOR, EasyReader
from coverfusion.features.text.sentences import PACKAGE, by_library
from coverfusion.features.trust import check_folder, numbers_alone
from coverfusion.features.weights import packaged_file

PICTURE = [Image.new("RGB", (40, 40))]
BERT = {
    "model_type": "bert", "architectures": ["BertModel"], "vocab_size": 30522, "hidden_size": 16,
    "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
}  # fmt: skip
CLIP = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


class Bomb:
    """Makes a folder when unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = str(mark)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, (self.mark,)


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """What is there once a bomb has run."""
    return tmp_path / "was-run"


def write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))


def change(path: Path, **settings: Any) -> None:
    write(path, json.loads(path.read_text()) | settings)


def python_bomb(folder: Path, mark: Path) -> None:
    """A Python file that makes a folder when it is imported, and has the classes that a library asks for."""
    (folder / "bomb.py").write_text(
        f"import os\nos.mkdir({str(mark)!r})\n"
        "from transformers import BertConfig as Config, BertModel as Model, BertTokenizerFast as Tokenizer\n"
    )


def sentence_model(folder: Path, state: dict[str, Any] | None = None) -> Path:
    """A random sentence-transformers model, its weights as a pickle."""
    from transformers import BertConfig, BertModel

    folder.mkdir()
    packaged = packaged_file(PACKAGE, "config_sentence_transformers.json")
    assert packaged is not None
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        shutil.copy(packaged.parent / name, folder)
    write(folder / "config.json", BERT)
    torch.save(BertModel(BertConfig(**BERT)).state_dict() | (state or {}), folder / "pytorch_model.bin")
    kinds = {"": "Transformer", "1_Pooling": "Pooling"}
    modules = [
        {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for n, (path, kind) in enumerate(kinds.items())
    ]
    write(folder / "modules.json", modules)
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": 16, "pooling_mode_mean_tokens": True}
    write(folder / "1_Pooling" / "config.json", pooling)
    write(folder / "sentence_bert_config.json", {"max_seq_length": 64})
    return folder


def clip_model(folder: Path, **text: Any) -> Path:
    """A random open_clip model; `text` goes into its config."""
    folder.mkdir()
    torch.save(open_clip.CLIP(**CLIP).state_dict(), folder / "open_clip_pytorch_model.bin")
    config = {"model_cfg": CLIP | {"text_cfg": CLIP["text_cfg"] | text}, "preprocess_cfg": {}}
    write(folder / "open_clip_config.json", config)
    return folder


def test_a_harmless_sentence_model_is_read(tmp_path: Path) -> None:
    assert by_library(sentence_model(tmp_path / "model"))(["a"]).shape == (1, 16)


def ask_for_pickles(folder: Path, mark: Path) -> None:
    change(folder / "sentence_bert_config.json", model_args={"weights_only": False})


def ask_for_code(folder: Path, mark: Path) -> None:
    python_bomb(folder, mark)
    change(folder / "config.json", model_type="strange", auto_map={"AutoConfig": "bomb.Config"})
    trust = {"trust_remote_code": True}
    change(folder / "sentence_bert_config.json", config_args=trust, model_args=trust, tokenizer_args=trust)


def ask_for_a_module(folder: Path, mark: Path) -> None:
    python_bomb(folder, mark)
    write(folder / "modules.json", [{"idx": 0, "name": "0", "path": "", "type": "bomb.Model"}])


def only_map(folder: Path, mark: Path) -> None:
    python_bomb(folder, mark)
    change(folder / "config.json", model_type="strange", auto_map={"AutoConfig": "bomb.Config"})


@pytest.mark.parametrize("arm", [None, ask_for_pickles, ask_for_code, ask_for_a_module, only_map])
def test_no_sentence_model_runs_code(
    tmp_path: Path, mark: Path, arm: Callable[[Path, Path], None] | None
) -> None:
    folder = sentence_model(tmp_path / "model", {"bomb": Bomb(mark)})
    if arm:
        arm(folder, mark)
    with pytest.raises(UserError, match="model"):
        create("ocr", preset="hub", text_model=str(folder), dimensions=16).annotate(PICTURE)  # type: ignore[attr-defined]
    assert not mark.exists()


def test_the_bombs_are_live(tmp_path: Path, mark: Path) -> None:
    folder = sentence_model(tmp_path / "model", {"bomb": Bomb(mark)})
    with pytest.raises(pickle.UnpicklingError), numbers_alone():
        torch.load(folder / "pytorch_model.bin", weights_only=False)
    assert not mark.exists()
    torch.load(folder / "pytorch_model.bin", weights_only=False)
    assert mark.exists()


@pytest.mark.parametrize("switch", [{}, {"trust_remote_code": True}, {"trust_remote_code": "yes"}])
def test_no_clip_folder_runs_code(tmp_path: Path, mark: Path, switch: dict[str, Any]) -> None:
    folder = clip_model(tmp_path / "clip", hf_tokenizer_name="x", tokenizer_kwargs=switch)
    python_bomb(folder, mark)
    write(folder / "config.json", {"model_type": "strange", "auto_map": {"AutoConfig": "bomb.Config"}})
    tokenizer = {"tokenizer_class": "Bomb", "auto_map": {"AutoTokenizer": ["bomb.Tokenizer", None]}}
    write(folder / "tokenizer_config.json", tokenizer)
    with pytest.raises(UserError, match="clip"):
        Clip(checkpoint=folder)(PICTURE)
    assert not mark.exists()


@pytest.mark.parametrize(
    "text", [{"hf_model_name": "somebody/model"}, {"tokenizer_kwargs": {"bpe_path": "/etc/hostname"}}]
)
def test_no_clip_folder_names_another_model_or_file(tmp_path: Path, text: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"open_clip_config\.json sets (hf_model_name|bpe_path)"):
        Clip(checkpoint=clip_model(tmp_path / "clip", **text))(PICTURE)


def test_the_name_of_a_clip_model_is_no_place(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no architecture"):
        create("clip", model=f"local-dir:{clip_model(tmp_path / 'clip')}", checkpoint="x")


@pytest.mark.parametrize(
    "block",
    [
        lambda file: Cnn(checkpoint=file),
        lambda file: Cnn(model="resnet18", checkpoint=file),
        lambda file: Cnn(model="timm/test_efficientnet", checkpoint=file),
        lambda file: People(preset="hub", checkpoint=file),
        lambda file: Clip(checkpoint=file),
    ],
)
def test_no_weight_file_runs_code(tmp_path: Path, mark: Path, block: Callable[[Path], Any]) -> None:
    file = tmp_path / "weights.pth"
    torch.save({"state_dict": {"bomb": Bomb(mark)}}, file)
    with pytest.raises(UserError, match=r"weights\.pth"):
        block(file)(PICTURE)
    assert not mark.exists()


def test_easyocrs_weights_run_no_code(tmp_path: Path, mark: Path) -> None:
    for name in (DETECTOR, "english_g2.pth"):
        torch.save({"bomb": Bomb(mark)}, tmp_path / name)
    with pytest.raises(UserError, match="EasyOCR"):
        EasyReader(tmp_path, ["en"])
    assert not mark.exists()


def link(folder: Path, outside: Path) -> None:
    (folder / "vocab.txt").symlink_to(outside)


def pipe(folder: Path, outside: Path) -> None:
    os.mkfifo(folder / "vocab.txt")


def name_it(folder: Path, outside: Path) -> None:
    write(folder / "tokenizer_config.json", {"nested": [{"vocab_file": str(outside)}]})


def climb(folder: Path, outside: Path) -> None:
    write(folder / "config.json", {"vocab_file": "../outside.txt"})


@pytest.mark.parametrize("lead", [link, pipe, name_it, climb])
def test_a_folder_that_leads_out_of_itself_is_refused(
    tmp_path: Path, lead: Callable[[Path, Path], None]
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "outside.txt").write_text("private")
    lead(tmp_path / "model", tmp_path / "outside.txt")
    with pytest.raises(UserError, match=r"vocab"):
        check_folder(tmp_path / "model")


def test_a_folder_that_stays_within_itself_is_fine(tmp_path: Path) -> None:
    folder = tmp_path / "models--a--b" / "snapshots" / "1234"
    folder.mkdir(parents=True)
    (tmp_path / "models--a--b" / "blobs").mkdir()
    (tmp_path / "models--a--b" / "blobs" / "vocab").write_text("{}")
    (folder / "vocab.json").symlink_to("../../blobs/vocab")
    (folder / "vocab.txt").write_text("a")
    settings = {
        "trust_remote_code": False,
        "vocab_file": "./vocab.txt",
        "content": "/",
        "_name_or_path": "/tmp",
    }
    write(folder / "config.json", settings)
    check_folder(folder)
