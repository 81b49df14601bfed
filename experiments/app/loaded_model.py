"""The model that all visitors share."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from coverfusion.experiments.scoring.score import bundle_extractors
from coverfusion.features.registry import Extractor
from coverfusion.fusion.bundle import SEAL, Bundle, load_bundle

# Extractors are made for one caller at a time, and all cores work for whoever holds this.
ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class LoadedModel:
    """A loaded bundle and its extractors; hold `ONE_AT_A_TIME` while using them."""

    folder: Path
    bundle: Bundle
    extractors: list[Extractor]


def read_model(folder: Path) -> LoadedModel:
    """The model in a bundle, read once for all visitors, and again where it was written anew.

    Raises:
        UserError: the bundle cannot be read, or its weights are not here.
    """
    seal = folder / SEAL
    return _read(folder, seal.read_text() if seal.is_file() else "")


@st.cache_resource(max_entries=2, show_spinner=False)
def _read(folder: Path, seal: str) -> LoadedModel:
    bundle = load_bundle(folder)
    return LoadedModel(folder, bundle, bundle_extractors(bundle))
