"""Draw the page's icons as PNG, for phones and browsers that do not take `logo.svg`; its shapes are the logo's.

python tools/draw_icons.py
"""

from pathlib import Path

from PIL import Image, ImageDraw

STATIC = Path(__file__).parents[1] / "vimix" / "web" / "ui" / "static"
ACCENT, PAPER = (91, 61, 245), (251, 251, 250)
SIDE = 26
"""Units of the logo's view box."""
SUPERSAMPLE = 4
INSET = 3
"""Units of paper around the logo: phones round the corners of an icon."""
SAILS = (((3, 4.5), (13, 13), (3, 21.5)), ((23, 4.5), (13, 13), (23, 21.5)))


def icon(size: int) -> Image.Image:
    """The logo on paper, `size` pixels a side."""
    unit = size * SUPERSAMPLE / (SIDE + 2 * INSET)
    image = Image.new("RGB", (size * SUPERSAMPLE,) * 2, PAPER)
    draw = ImageDraw.Draw(image)

    def at(*points: float) -> list[float]:
        return [(INSET + point) * unit for point in points]

    draw.rounded_rectangle(at(0, 0, 26, 26), radius=8 * unit, fill=ACCENT)
    draw.rounded_rectangle(at(2, 2, 24, 24), radius=6 * unit, fill=PAPER)
    for sail in SAILS:
        draw.polygon([tuple(at(*point)) for point in sail], fill=ACCENT)
    return image.resize((size, size), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    for side in (180, 192):
        icon(side).quantize(32).save(STATIC / f"icon-{side}.png", optimize=True)
