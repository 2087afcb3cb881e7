"""A little SVG: rectangles, lines, paths and words, written as text. Nothing to install, sharp at any size."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

FONT = "'Noto Sans', 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', Arial, sans-serif"


class Drawing:
    """A drawing of a size in pixels, the origin at the top left."""

    def __init__(self, width: float, height: float, title: str) -> None:
        """Start with a white sheet; `title` is what screen readers say."""
        self._size = width, height
        self._title = title
        self._parts: list[str] = []

    def line(self, start: tuple[float, float], end: tuple[float, float], color: str, width: float = 1.0) -> None:
        """Draw a straight line."""
        (x1, y1), (x2, y2) = start, end
        self._parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}" stroke-width="{width:g}"/>'
        )

    def curve(
        self, points: Sequence[Sequence[tuple[float, float]]], color: str, width: float = 2.0, dashes: str = ""
    ) -> None:
        """Draw a curve in pieces, with holes between them."""
        data = " ".join(_path(piece) for piece in points if piece)
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        self._parts.append(
            f'<path d="{data}" fill="none" stroke="{color}" stroke-width="{width:g}" stroke-linejoin="round"{dashed}/>'
        )

    def area(self, points: Sequence[tuple[float, float]], color: str, opacity: float = 1.0) -> None:
        """Fill what a closed line goes round."""
        self._parts.append(f'<path d="{_path(points)} Z" fill="{color}" fill-opacity="{opacity:g}"/>')

    def words(
        self,
        at: tuple[float, float],
        text: str,
        color: str,
        size: float = 12.0,
        anchor: str = "start",
        bold: bool = False,
    ) -> None:
        """Write on one line, with a white rim that keeps it legible on curves; `anchor` is start, middle or end."""
        weight = ' font-weight="600"' if bold else ""
        halo = ' paint-order="stroke" stroke="#ffffff" stroke-width="3" stroke-linejoin="round"'
        self._parts.append(
            f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" fill="{color}" font-size="{size:g}" '
            f'text-anchor="{anchor}"{weight}{halo}>'
            f"{escape(text)}</text>"
        )

    def text(self) -> str:
        """Return the whole file."""
        width, height = self._size
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
            f'viewBox="0 0 {width:g} {height:g}" role="img" font-family="{FONT}">\n'
            f"<title>{escape(self._title)}</title>\n"
            f'<rect width="{width:g}" height="{height:g}" fill="#ffffff"/>\n' + "\n".join(self._parts) + "\n</svg>\n"
        )


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
