# SPDX-License-Identifier: MIT
"""The kept figures: one JSON file with a format and a version."""
import json

from .rows import ROWS, SETTINGS

FORMAT = "pinion-bench"
VERSION = 2


class StoreError(Exception):
    """The kept file is not what this version reads and writes."""


def load(path):
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}; `make bench-keep` writes it") from None
    except ValueError as error:
        raise StoreError(f"{path}: not JSON: {error}") from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise StoreError(f"{path}: not a file of kept benchmark figures")
    if record.get("version") != VERSION:
        raise StoreError(
            f"{path}: version {record.get('version')}, this tool reads version {VERSION}; "
            "`make bench-keep` writes it anew"
        )
    counts = record.get("counts")
    if not isinstance(counts, dict) or set(counts) != set(SETTINGS):
        raise StoreError(f"{path}: `counts` must have {', '.join(SETTINGS)}")
    for setting, rows in counts.items():
        for row in ROWS:
            value = rows.get(row) if isinstance(rows, dict) else None
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
                raise StoreError(f"{path}: no figure for {row} on {setting}; `make bench-keep`")
    return record


def save(path, record):
    whole = {**record, "format": FORMAT, "version": VERSION}
    path.write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n", encoding="utf-8")
