"""Errors that are the user's to mend: the command line prints their message without a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from importlib.util import find_spec

# extra -> the modules it installs, each with its product's name
EXTRAS = {
    "app": {"streamlit": "Streamlit"},
    "balance": {"imblearn": "imbalanced-learn"},
    "dev": {"psutil": "psutil"},
    "devices": {"lightning_fabric": "Lightning Fabric"},
    "grow": {"requests": "Requests"},
    "map": {"umap": "umap-learn"},
    "ray": {"ray": "Ray"},
    "search": {"optuna": "Optuna"},
    "service": {
        "fastapi": "FastAPI",
        "fastapi_offline": "fastapi-offline",
        "prometheus_client": "prometheus-client",
        "python_multipart": "python-multipart",
        "uvicorn": "Uvicorn",
    },
    "tracking": {"mlflow": "MLflow"},
}


class UserError(Exception):
    """Bad input, a bad option or a machine that lacks something.

    The message names the file or option, says what is wrong and what to do about it.
    """


class UserNote(UserWarning):
    """Something that the user should know of, while the work goes on; the command line prints it plainly."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A ready ' Did you mean ...? Known: ...' sentence for an unknown name.

    Args:
        word: the name nobody knows.
        known: the names that exist.
    """
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    return f"{hint} Known: {', '.join(names)}."


def needs_extra(extra: str, what: str) -> None:
    """Refuses where a package that only one command needs is missing; called before any work begins.

    Args:
        extra: one of `EXTRAS`.
        what: what needs it, as the user typed it, such as "`coverfusion search`".

    Raises:
        UserError: a module of the extra is not installed; the message says how to install it.
    """
    for module, product in EXTRAS[extra].items():
        if find_spec(module) is None:
            raise UserError(f"{what} needs {product}: pip install 'coverfusion[{extra}]'")
