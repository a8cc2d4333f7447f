# SPDX-License-Identifier: MIT
"""One planted fault, and the seeded ones, which are data: tests/host/mutants/seeded.toml."""
import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SEEDED = ROOT / "tests/host/mutants/seeded.toml"
SURVIVORS = ROOT / "tests/host/mutants/survivors.toml"


class FaultError(Exception):
    """The data are wrong, or a text that a fault replaces is not there any more."""


@dataclass
class Fault:
    """A change of one place of one file."""

    name: str  # P6-flush-skipped, or FILE:FUNCTION:OPERATOR#N
    operator: str  # "seeded" or the generic operator
    file: str  # relative to the root
    start: int
    end: int
    replacement: str
    says: str = ""
    quick: bool = False

    def apply(self, text):
        return text[: self.start] + self.replacement + text[self.end :]

    def line(self, text):
        """The line that changes first, as it is in the source."""
        begin = text.rfind("\n", 0, self.start) + 1
        return text[begin : text.find("\n", self.start)].strip()


@lru_cache(maxsize=None)
def source(file):
    """A file as it was when the run began: whoever edits it meanwhile does not move the faults."""
    return (ROOT / file).read_text(encoding="utf-8")


def read_toml(path):
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise FaultError(f"{path.name}: {error}") from error


def anchor(find):
    """A pattern for the text, whatever its line breaks and indentation are by now."""
    words = find.split()
    return re.compile(r"\s+".join(map(re.escape, words)).replace(r"\(\s+", r"\(\s*"))


def place(entry):
    """The Fault of one entry of seeded.toml."""
    missing = {"name", "file", "find", "replace", "says"} - entry.keys()
    if missing:
        raise FaultError(f"{entry.get('name', '?')}: without {', '.join(sorted(missing))}")
    path = ROOT / entry["file"]
    if not path.is_file():
        raise FaultError(f"{entry['name']}: there is no {entry['file']}")
    text = source(entry["file"])
    found = list(anchor(entry["find"]).finditer(text))
    if len(found) != 1:
        raise FaultError(
            f"{entry['name']}: its text is {len(found)} times in {entry['file']}: {entry['find'].strip()}"
        )
    return Fault(
        name=entry["name"],
        operator="seeded",
        file=entry["file"],
        start=found[0].start(),
        end=found[0].end(),
        replacement=entry["replace"].strip(),
        says=" ".join(entry["says"].split()),
        quick=entry.get("quick", False),
    )


def seeded():
    """(faults, complaints): those that have their place, and why the others have none."""
    faults, complaints, names = [], [], set()
    for entry in read_toml(SEEDED).get("fault", []):
        try:
            fault = place(entry)
        except FaultError as error:
            complaints.append(str(error))
            continue
        if fault.name in names:
            complaints.append(f"{fault.name}: twice")
        names.add(fault.name)
        faults.append(fault)
    return faults, complaints


def explained():
    """{name: (line, why)} of survivors that were looked at and change nothing."""
    entries = read_toml(SURVIVORS).get("survivor", [])
    for entry in entries:
        missing = {"name", "line", "why"} - entry.keys()
        if missing:
            raise FaultError(f"{SURVIVORS.name}: an entry without {', '.join(sorted(missing))}")
    return {entry["name"]: (entry["line"], entry["why"]) for entry in entries}
