"""The charts of a page: what each says in words."""

from html.parser import HTMLParser


def chart_words(page: str) -> list[str]:
    """The text alternatives of the charts in a page, in order."""
    parser = _Charts()
    parser.feed(page)
    return parser.words


class _Charts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "svg" and "chart" in (named.get("class") or "").split():
            self.words.append(named["aria-label"] or "")
