"""Figures whose text is data: a genre is shown as it is called."""

from __future__ import annotations

from typing import Any

from matplotlib import rc_context
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from coverfusion.experiments.drawing.labels import families


class PlainFigure(Figure):
    """A figure outside pyplot, which needs no screen; dollar signs in its text are no mathematics."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        FigureCanvasAgg(self)

    def draw(self, renderer: RendererBase) -> None:
        """As matplotlib's, with text as it is."""
        for text in self.findobj(Text):
            text.set_parse_math(False)
            text.set_fontfamily(list(dict.fromkeys([*text.get_fontfamily(), *families()])))
        with rc_context({"text.parse_math": False}):  # for ticks that are made while it is drawn
            super().draw(renderer)
