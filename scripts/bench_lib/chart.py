# SPDX-License-Identifier: MIT
"""Draws the figures as SVG: fixed sizes, no date, the same input gives the same bytes."""
import math
from xml.sax.saxutils import escape

from .rows import ROWS

INK, GREY, GRID = "#1b1f24", "#57606a", "#d8dee4"
OURS, THEIRS, AIM = "#1f6feb", "#bc8c5a", "#cf222e"
COLOURS = ("#1f6feb", "#bc8c5a", "#2da44e", "#cf222e", "#8250df", "#0a7e8c", "#9a6700", "#57606a")
FONT = 'font-family="DejaVu Sans, Verdana, sans-serif"'


class Canvas:
    """Collects the elements of one drawing."""

    def __init__(self, width, height, title):
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img" {FONT}>',
            f"<title>{escape(title)}</title>",
            f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        ]

    def text(self, x, y, words, size=13, colour=INK, anchor="start", weight="normal"):
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" '
            f'text-anchor="{anchor}" font-weight="{weight}">{escape(words)}</text>'
        )

    def rect(self, x, y, width, height, colour):
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
            f'fill="{colour}"/>'
        )

    def line(self, x1, y1, x2, y2, colour=GRID, width=1):
        self.parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke="{colour}" stroke-width="{width}"/>'
        )

    def path(self, points, colour):
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(
            f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        for x, y in points:
            self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>')

    def __str__(self):
        return "\n".join([*self.parts, "</svg>"]) + "\n"


def short(value):
    """A label of at most four digits: 12, 345, 6.7k, 89k, 1.2M."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= unit:
            scaled = f"{value / unit:.1f}" if value < 10 * unit else f"{value / unit:.0f}"
            return scaled.removesuffix(".0") + letter
    return f"{value:.0f}"


def decades(low, high):
    return [10**e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]


def bars(record):
    """One group for each row: Pinion, Xen in its fastest setting, the target as a stroke."""
    counts = record["counts"]
    ours, theirs = counts["pinion"], counts["xen"]
    rows = [row for row in ROWS if row in ours]
    left, right, top, step = 190, 150, 78, 40
    width, height = 980, top + step * len(rows) + 46
    ticks = decades(min(ours.values()), max(theirs.values()))
    low, high = math.log10(ticks[0]), math.log10(ticks[-1])
    canvas = Canvas(width, height, "Instructions for one operation, Pinion and Xen")

    def x_of(value):
        return left + (math.log10(value) - low) / (high - low) * (width - left - right)

    canvas.text(20, 28, "Instructions for one operation (logarithmic)", 17, weight="bold")
    for at, (colour, words) in enumerate(
        ((OURS, "Pinion"), (THEIRS, "Xen 4.17, spec-ctrl=no"), (AIM, "target"))
    ):
        canvas.rect(20 + at * 110 + (at > 1) * 110, 42, 12, 12, colour)
        canvas.text(38 + at * 110 + (at > 1) * 110, 53, words)
    bottom = top + step * len(rows)
    for tick in ticks:
        canvas.line(x_of(tick), top - 6, x_of(tick), bottom)
        canvas.text(x_of(tick), bottom + 18, short(tick), 12, GREY, "middle")
    canvas.text(width - 20, top - 10, "Xen : Pinion", 13, GREY, "end")
    for at, row in enumerate(rows):
        y = top + at * step
        canvas.text(left - 10, y + 20, row, 13, anchor="end")
        for offset, colour, value in ((2, OURS, ours[row]), (17, THEIRS, theirs[row])):
            end = x_of(value)
            canvas.rect(left, y + offset, max(end - left, 1), 13, colour)
            canvas.text(end + 5, y + offset + 11, short(value), 12, INK)
        if ROWS[row][1]:
            aim = x_of(ROWS[row][1])
            canvas.line(aim, y - 1, aim, y + 17, AIM, 2)
        canvas.text(width - 20, y + 20, f"{theirs[row] / ours[row]:.1f}×", 14, INK, "end", "bold")
    return str(canvas)


PANELS = (
    ("memory", "memory of the guest, MiB"),
    ("tables", "live L1 tables"),
    ("roots", "pinned L4 tables"),
    ("spaces", "address spaces"),
)


def panel(canvas, left, top, title, series, names):
    """One plot: number (logarithmic) against instructions (logarithmic)."""
    width, height = 400, 250
    numbers = sorted({int(n) for points in series.values() for n in points})
    values = [v for points in series.values() for v in points.values()]
    ticks = decades(min(values), max(values))
    low, high = math.log10(ticks[0]), math.log10(ticks[-1])
    first, last = math.log2(numbers[0]), math.log2(numbers[-1])

    def x_of(number):
        return left + (math.log2(number) - first) / (last - first) * width

    def y_of(value):
        return top + height - (math.log10(value) - low) / (high - low) * height

    canvas.text(left, top - 14, title, 14, weight="bold")
    for tick in ticks:
        canvas.line(left, y_of(tick), left + width, y_of(tick))
        canvas.text(left - 8, y_of(tick) + 4, short(tick), 12, GREY, "end")
    every = math.ceil(len(numbers) / 7)
    for number in numbers[::-every]:
        label = f"{number >> 10}Ki" if number >= 4096 else str(number)
        canvas.text(x_of(number), top + height + 18, label, 12, GREY, "middle")
    for name, points in series.items():
        line = [(x_of(int(n)), y_of(v)) for n, v in sorted(points.items(), key=lambda p: int(p[0]))]
        canvas.path(line, COLOURS[names.index(name) % len(COLOURS)])


def by_row(points):
    """{number: {row: value}} turned round: {row: {number: value}}."""
    found = {}
    for number, rows in points.items():
        for row, value in rows.items():
            found.setdefault(row, {})[number] = value
    return found


def growth(record):
    """Four panels of instructions for one operation, one of the boot, and the key."""
    data = record["growth"]
    names = [row for row in ROWS if row in by_row(data["memory"])]
    canvas = Canvas(980, 1050, "Cost while there is more and more of something")
    canvas.text(20, 28, "Instructions while there is more of something", 17, weight="bold")
    canvas.text(20, 48, "Pinion; both axes logarithmic. Flat lines: the cost does not grow.", 13, GREY)
    for at, (kind, title) in enumerate(PANELS):
        left, top = 60 + at % 2 * 480, 100 + at // 2 * 330
        panel(canvas, left, top, f"one operation, by {title}", by_row(data[kind]), names)
    boot = {"Pinion": data["boot"]["pinion"], "Xen": data["boot"]["xen"]}
    panel(canvas, 60, 760, "boot, by memory of the machine, MiB", boot, list(boot))
    for at, name in enumerate(names):
        canvas.rect(560, 770 + at * 22, 12, 12, COLOURS[at % len(COLOURS)])
        canvas.text(580, 781 + at * 22, name)
    canvas.text(560, 970, "boot:", 13, GREY)
    for at, name in enumerate(boot):
        canvas.rect(610 + at * 90, 959, 12, 12, COLOURS[at])
        canvas.text(630 + at * 90, 970, name)
    return str(canvas)
