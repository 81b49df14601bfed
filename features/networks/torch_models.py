"""Any torchvision or timm model by name: where its weights lie, the headless model, its transforms."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coverfusion.data.errors import UserError
from coverfusion.features.trust import numbers_alone
from coverfusion.features.weights import Weights


@dataclass(frozen=True)
class NamedModel:
    """A model that a library knows; `library` is "torchvision" or "timm"."""

    library: str
    name: str


def find_model(name: str) -> NamedModel:
    """The model called `name`; a name that both libraries have is torchvision's, "timm/<name>" is timm's.

    Raises:
        UserError: neither library has it.
    """
    from torchvision.models import list_models

    if not name.startswith("timm/") and name in list_models():
        return NamedModel("torchvision", name)
    import timm

    short = name.removeprefix("timm/")
    if timm.is_model(short):
        return NamedModel("timm", short)
    every = sorted({*list_models(), *timm.list_models()})
    close = difflib.get_close_matches(short, every, n=3)
    hint = f" Did you mean {' or '.join(repr(c) for c in close)}?" if close else ""
    raise UserError(f"Neither torchvision nor timm has a model '{name}'.{hint}")


def weights_of(model: NamedModel) -> Weights:
    """The pretrained weights as the library publishes them, looked for on disk and never in the network."""
    how_to_get = "`coverfusion weights fetch --preset hub`, or name a local file as `checkpoint`"
    source, licence, megabytes, path = (_torchvision_file if model.library == "torchvision" else _timm_file)(
        model.name
    )
    return Weights(
        f"{model.name}, {model.library}", source, licence, megabytes, path, how_to_get, _fetcher(model)
    )


def headless(model: NamedModel) -> Any:
    """The model with random weights and without its classifier: (n, 3, h, w) -> (n, d).

    Raises:
        UserError: the model has no linear classifier at its end.
    """
    import timm
    import torch
    from torchvision.models import get_model

    if model.library == "timm":
        return timm.create_model(model.name, pretrained=False, num_classes=0).eval()
    network = get_model(model.name, weights=None).eval()
    linear = [name for name, module in network.named_modules() if isinstance(module, torch.nn.Linear)]
    if not linear:
        raise UserError(f"cnn: '{model.name}' does not end in a linear classifier. Choose another model.")
    network.set_submodule(linear[-1], torch.nn.Identity())
    return network


def width_of(model: NamedModel, image_size: int | None) -> int:
    """The length of its embedding, found without weights or arithmetic (on torch's meta device).

    Raises:
        UserError: the model does not take pictures of this size, or gives something else than a vector.
    """
    import torch

    size = image_size or own_size(model)
    with torch.device("meta"), torch.no_grad():
        network = headless(model)
        try:
            shape = tuple(network(torch.empty(1, 3, size, size)).shape)
        except (AssertionError, RuntimeError, ValueError) as error:
            raise UserError(f"cnn: '{model.name}' takes no pictures of {size} px: {error}") from error
    if len(shape) != 2:
        raise UserError(
            f"cnn: '{model.name}' gives {shape} numbers a picture. Choose a classification model."
        )
    return int(shape[1])


def load_model(model: NamedModel, path: Path) -> Any:
    """The model without its classifier, with the weights of a `.pth`, `.pt` or `.safetensors` file.

    Raises:
        UserError: the file is not a checkpoint of this model.
    """
    import timm
    from timm.models import load_state_dict

    if model.library == "timm" and path == weights_of(model).path:
        # timm converts some of its published files on the way
        overlay = {"file": str(path)}
        with numbers_alone():
            return timm.create_model(model.name, True, pretrained_cfg_overlay=overlay, num_classes=0).eval()
    network = headless(model)
    wanted = network.state_dict()
    try:
        with numbers_alone():
            state = load_state_dict(str(path))
        network.load_state_dict({key: state[key] for key in wanted})
    except KeyError as error:
        raise UserError(
            f"{path} is not a checkpoint of {model.library}'s '{model.name}': it has no {error}. "
            "Its names must be those of the library's own model."
        ) from error
    except (OSError, RuntimeError, ValueError, TypeError, EOFError) as error:
        raise UserError(f"{path} is not a checkpoint of {model.library}'s '{model.name}': {error}") from error
    except Exception as error:  # pickle and safetensors raise their own kinds for a file that is neither
        raise UserError(f"{path} is not a checkpoint file: {error}") from error
    return network


def own_size(model: NamedModel) -> int:
    """The side in pixels that the model's own transform gives."""
    if model.library == "timm":
        return int(_timm_data(model.name)["input_size"][-1])
    from torchvision.models import get_model_weights

    return int(get_model_weights(model.name).DEFAULT.transforms().crop_size[0])


def normalisation(model: NamedModel) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Mean and standard deviation of the three channels, 0-1, that the model's own transform takes."""
    if model.library == "timm":
        config = _timm_data(model.name)
        return tuple(config["mean"]), tuple(config["std"])
    from torchvision.models import get_model_weights

    transform = get_model_weights(model.name).DEFAULT.transforms()
    return tuple(transform.mean), tuple(transform.std)


def transform_of(model: NamedModel, image_size: int | None) -> Callable[[Any], Any]:
    """The library's own evaluation transform, RGB picture -> (3, size, size) tensor."""
    if model.library == "timm":
        from timm.data.transforms_factory import create_transform

        config = _timm_data(model.name)
        if image_size:
            config["input_size"] = (3, image_size, image_size)
        return create_transform(**config, is_training=False)
    from torchvision.models import get_model_weights

    transform = get_model_weights(model.name).DEFAULT.transforms
    if image_size is None:
        return transform()
    own = transform()
    return transform(crop_size=image_size, resize_size=image_size * own.resize_size[0] // own.crop_size[0])


def _timm_data(name: str) -> dict[str, Any]:
    """Input size, normalisation, crop and interpolation of a timm model."""
    import timm
    from timm.data.config import resolve_data_config

    published: Any = timm.get_pretrained_cfg(name)
    return dict(resolve_data_config(published.to_dict()))


def _torchvision_file(name: str) -> tuple[str, str, float, Path | None]:
    import torch
    from torchvision.models import get_model_weights

    weights = get_model_weights(name).DEFAULT
    path = Path(torch.hub.get_dir()) / "checkpoints" / weights.url.rsplit("/", 1)[-1]
    megabytes = weights.meta.get("_file_size", 0.0)
    return f"torchvision, {weights}", "not stated", megabytes, path if path.is_file() else None


def _timm_file(name: str) -> tuple[str, str, float, Path | None]:
    import timm
    from huggingface_hub import try_to_load_from_cache

    config: Any = timm.get_pretrained_cfg(name)
    source = f"timm, {config.hf_hub_id or config.url or 'no published weights'}"
    files = [config.hf_hub_filename] if config.hf_hub_filename else ["model.safetensors", "pytorch_model.bin"]
    cached = [try_to_load_from_cache(config.hf_hub_id, file) for file in files if config.hf_hub_id]
    path = next((Path(file) for file in cached if isinstance(file, str)), None)
    megabytes = path.stat().st_size / 1e6 if path else _megabytes_of(name)
    return source, config.license or "not stated", megabytes, path


def _megabytes_of(name: str) -> float:
    """float32 size of a timm model, counted on the meta device as timm publishes no file sizes."""
    import timm
    import torch

    with torch.device("meta"):
        network = timm.create_model(name, pretrained=False)
    return round(sum(p.numel() for p in network.parameters()) * 4 / 1e6, 1)


def _fetcher(model: NamedModel) -> Callable[[], None]:
    def fetch() -> None:
        if model.library == "timm":
            import timm

            with numbers_alone():
                timm.create_model(model.name, pretrained=True)
        else:
            from torchvision.models import get_model_weights

            get_model_weights(model.name).DEFAULT.get_state_dict(progress=True, check_hash=True)

    return fetch
