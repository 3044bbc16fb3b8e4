"""Tables that break lines between words, not inside of them, as long as the screen has the room.

Lives here: how wide each column becomes. Not here: what tables hold (`console.py` and its callers).
"""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Column, Table
from rich.text import Text

_LONG_WORD = 20
"""Longer ones (paths, titles written without spaces) may be broken where the room is short."""


class WholeWordsTable(Table):
    """A table of plain text whose columns get the width of their longest word before any other.

    rich reduces the widest columns alike, whatever stands in them: with 80 columns `weekly_update`
    became `weekly_upda` and `te`. Where the room is short, first the lines get shorter, then the
    space beside the rules goes, then columns are broken that had better stay whole.

    Args:
        title: Above it.
        caption: Below it.
        whole: Names of columns that are rather not broken even between words.
    """

    def __init__(self, title: str, *, caption: str | None = None, whole: Sequence[str] = ()):
        super().__init__(
            title=title,
            title_justify="left",
            title_style="bold",
            caption=caption,
            caption_justify="left",
            header_style="bold cyan",
            show_edge=False,
            pad_edge=False,
        )
        self._whole = frozenset(whole)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table, as wide as the screen lets it be."""
        self._fit(options.max_width)
        yield from super().__rich_console__(console, options)

    def _fit(self, most: int) -> None:
        """Give each column its width, and each rule its space."""
        cells = [_texts(column) for column in self.columns]
        full = [max(cell_len(line) for text in one for line in text.split("\n")) for one in cells]
        words = [max((cell_len(word) for text in one for word in text.split()), default=1)
                 for one in cells]  # fmt: skip
        is_whole = [str(column.header) in self._whole for column in self.columns]
        kept = [f if whole else w for f, w, whole in zip(full, words, is_whole, strict=True)]
        short = [min(width, _LONG_WORD) for width in words]
        rules = len(self.columns) - 1
        for least, pad in ((kept, 1), (kept, 0), (words, 1), (words, 0), (short, 0)):
            room = most - rules * (1 + 2 * pad)
            if sum(least) <= room:
                self.padding = (0, pad)
                for column, width in zip(self.columns, _grown(least, full, room), strict=True):
                    column.width, column.no_wrap = width, False
                return
        self.padding = (0, 0)
        for column, whole in zip(self.columns, is_whole, strict=True):
            column.width, column.no_wrap = None, whole


def _texts(column: Column) -> list[str]:
    """Header and cells of a column as they are shown."""
    return [cell.plain if isinstance(cell, Text) else str(cell)
            for cell in (column.header, *column.cells)]  # fmt: skip


def _grown(least: Sequence[int], full: Sequence[int], room: int) -> list[int]:
    """The widths with what is left of the room, the narrowest of those that need it first."""
    widths = list(least)
    for _ in range(room - sum(least)):
        wanting = [index for index, width in enumerate(widths) if width < full[index]]
        if not wanting:
            break
        widths[min(wanting, key=widths.__getitem__)] += 1
    return widths
