# SPDX-License-Identifier: MIT
"""The figures as a table: for a terminal, and for docs/bench.md between its markers."""
from .rows import ROWS

BEGIN = "<!-- figures: written by make bench-keep -->"
END = "<!-- end of figures -->"
MISSING = "–"


def number(value):
    """Digits in groups of three; a decimal only where it tells something."""
    if value is None:
        return MISSING
    text = f"{value:,.1f}" if value < 100 and value != round(value) else f"{round(value):,}"
    return text.replace(",", "\u202f")


def ratio(ours, theirs):
    return f"{theirs / ours:.1f}×" if ours and theirs else MISSING


def target(row, ours):
    most = ROWS[row][1]
    if not most:
        return MISSING
    return f"≤ {number(most)}: {'met' if ours <= most else 'missed'}"


def lines_of(record):
    """Each row: what it is, Pinion, Xen, ratio, Xen's defaults, target; then the same in time."""
    counts, times = record.get("counts", {}), record.get("times", {})
    ours, theirs, default = (counts.get(s, {}) for s in ("pinion", "xen", "xen-default"))
    fast, slow = (times.get(s, {}) for s in ("pinion", "xen"))
    for row, (text, _) in ROWS.items():
        if row in ours:
            yield [
                text,
                number(ours[row]),
                number(theirs.get(row)),
                ratio(ours[row], theirs.get(row)),
                number(default.get(row)),
                target(row, ours[row]),
                number(fast.get(row)),
                number(slow.get(row)),
                ratio(fast.get(row), slow.get(row)),
            ]


HEAD = ["one operation", "Pinion", "Xen", "ratio", "Xen, defaults", "target", "ns", "ns, Xen", "ratio"]
SIZES = {
    "image": "image, bytes that the loader copies",
    "frame": "hypervisor's memory for each frame of RAM, bytes",
    "domain": "hypervisor's memory for a domain with one vCPU, bytes",
    "fixed": "hypervisor's memory besides, bytes",
}


def size_lines(record):
    for name, text in SIZES.items():
        found = record.get("sizes", {}).get(name)
        if found:
            yield [text, *(number(found[on]) for on in ("pinion", "xen")),
                   ratio(found["pinion"], found["xen"])]


def noise_line(record):
    noise = record.get("noise")
    if not noise:
        return ""
    return (
        f"Times are the best of {record['rounds']} runs; the median run was slower by "
        + ", ".join(f"{value:.0%} on {name}" for name, value in noise.items())
        + " (median over the rows)."
    )


def markdown(record):
    """The part of docs/bench.md between the markers."""
    def table(head, body):
        yield "| " + " | ".join(head) + " |"
        yield "|---|" + "---:|" * (len(head) - 1)
        yield from ("| " + " | ".join(line) + " |" for line in body)

    parts = [BEGIN, "", *table(HEAD, lines_of(record)), "", noise_line(record), ""]
    parts += [*table(["size", "Pinion", "Xen", "ratio"], size_lines(record)), "", END]
    return "\n".join(parts)


def text(record):
    body = [HEAD, *lines_of(record)]
    widths = [max(len(line[i]) for line in body) for i in range(len(HEAD))]
    for line in body:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
        yield "  ".join(cells)
    for line in size_lines(record):
        yield f"{line[0]}: Pinion {line[1]}, Xen {line[2]} ({line[3]})"
    if noise_line(record):
        yield noise_line(record)


def replace(document, record):
    """The document with the figures between its markers."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + markdown(record) + after
