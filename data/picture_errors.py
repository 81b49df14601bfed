"""Why a file gives no picture."""

from __future__ import annotations


class PictureError(ValueError):
    """This file is no usable picture; the message is the reason."""


class UndecidedPictureError(PictureError):
    """This file gave no picture now; on an idler machine it may, so that nobody should remember it."""


class PictureMemoryError(UndecidedPictureError):
    """It asked for more memory than there was."""
