"""The one look of all plots: quiet, readable at 900 pixels, safe for colour-blind readers.

Lives here: colours, an empty figure with its axes, a figure as PNG. Not here: any data. Only
matplotlib's figure objects are used: pyplot keeps global state, which threads would share.
"""

from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL.Image import Image

BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
RED = "#D55E00"
SKY = "#56B4E9"
GREY = "#8A9099"
PALE = "#D7DCE2"
INK = "#2B3038"
"""Okabe and Ito's palette (2008), told apart with every common colour vision; greys for context."""

WIDTH_INCHES = 9.0
DOTS_PER_INCH = 100
TEXT_POINTS = 11
TITLE_POINTS = 14


def new_figure(title: str, *, height: float, columns: int = 1) -> "tuple[Figure, list[Axes]]":
    """A figure 900 pixels wide with a title and axes side by side.

    Args:
        title: What the picture says, as a sentence where it can be one.
        height: Height in inches of 100 pixels.
        columns: Number of axes.

    Returns:
        The figure and its axes from left to right.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(
        figsize=(WIDTH_INCHES, height),
        dpi=DOTS_PER_INCH,
        layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12),
        facecolor="white",
    )
    figure.suptitle(title, fontsize=TITLE_POINTS, color=INK, x=0.02, ha="left", weight="bold")
    axes = [figure.add_subplot(1, columns, number + 1) for number in range(columns)]
    for one in axes:
        style_axes(one)
    return figure, axes


def style_axes(axes: "Axes") -> None:
    """Readable ticks, no frame but the lower and left lines."""
    axes.tick_params(labelsize=TEXT_POINTS, colors=INK, length=3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("bottom", "left"):
        axes.spines[side].set_color(GREY)
    axes.set_axisbelow(True)


def label_axes(axes: "Axes", *, x: str = "", y: str = "", title: str = "") -> None:
    """Axis labels and a small title, in the theme's sizes."""
    axes.set_xlabel(x, fontsize=TEXT_POINTS, color=INK)
    axes.set_ylabel(y, fontsize=TEXT_POINTS, color=INK)
    if title:
        axes.set_title(title, fontsize=TEXT_POINTS + 1, color=INK, loc="left")


def light_grid(axes: "Axes", along: str) -> None:
    """Pale lines to read values by, at the ticks of one axis (`x`, `y`) or `both`."""
    axes.grid(visible=True, axis=along, color=PALE, linewidth=0.8)  # pyright: ignore[reportArgumentType]


def films_shown(shown: int, films: int | None) -> str:
    """How many films a picture shows, and of how many they are a sample where they are one."""
    if films is None or films <= shown:
        return f"{shown:,} films"
    return f"a sample of {shown:,} of {films:,} films"


def add_legend(axes: "Axes | Figure", **placement: Any) -> None:
    """A legend without a frame, placed as matplotlib's `legend` takes it."""
    axes.legend(frameon=False, fontsize=TEXT_POINTS - 1, labelcolor=INK, **placement)


def whole_numbers(axes: "Axes", which: str) -> None:
    """Ticks of an axis (`x` or `y`) at whole numbers only: counts and years have no halves."""
    from matplotlib.ticker import MaxNLocator

    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(MaxNLocator(nbins="auto", integer=True))


def as_dollars(amount: float) -> str:
    """A dollar amount in three characters or so: `$950k`, `$12M`, `$1.2B`."""
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(amount) >= size * 0.9995:
            scaled = amount / size
            is_whole = abs(scaled - round(scaled)) < 0.05 or abs(scaled) >= 10
            return f"${scaled:.0f}{unit}" if is_whole else f"${scaled:.1f}{unit}"
    return f"${amount:.0f}"


def dollar_axis(axes: "Axes", which: str) -> None:
    """Label the ticks of an axis (`x` or `y`) in dollars."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(FuncFormatter(lambda amount, _: as_dollars(amount)))
    axis.set_minor_formatter(NullFormatter())


def to_png(figure: "Figure") -> bytes:
    """The figure as PNG, reduced to 64 colours: a third of the size, the same to the eye."""
    from PIL import Image

    small = BytesIO()
    # Not by way of `savefig`: writing one PNG only to read it again took a quarter of the time.
    _pixels(figure).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(
        small, format="PNG", compress_level=9
    )
    return small.getvalue()


def _pixels(figure: "Figure") -> "Image":
    """The drawn figure, in the size and resolution of `new_figure`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.frombuffer("RGBA", canvas.get_width_height(), bytes(canvas.buffer_rgba()))


def no_data_yet(what: str) -> bytes:
    """The picture of a table that is still empty.

    Args:
        what: What will be shown, for instance `ratings`.
    """
    figure, (axes,) = new_figure("No data yet", height=1.6)
    axes.set_axis_off()
    axes.text(0, 0.5, f"There are no {what} to show.", fontsize=TEXT_POINTS + 1, color=GREY)
    return to_png(figure)


def shorten(text: object, length: int) -> str:
    """A text of at most so many characters; the last one is an ellipsis where it was cut."""
    plain = " ".join(str(text).split()).replace("$", r"\$")
    return plain if len(plain) <= length else plain[: length - 1].rstrip() + "…"
