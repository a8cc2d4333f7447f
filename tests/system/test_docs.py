# SPDX-License-Identifier: MIT
"""The documents name files, functions, scenarios and each other: what they name must exist."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md")) + [ROOT / "README.md"]

# docs/paths.md: "| 3 | `pv/bounce.c` | `bounce_page_fault` | what happens |" under "## heading".
HOP = re.compile(r"^\| *\d+ *\| *`([^`]+)` *\| *`([^`]+)` *\|", re.M)


def paths():
    """Each path of docs/paths.md as (heading, [(file, function), ...])."""
    text = (ROOT / "docs/paths.md").read_text()
    for part in re.split(r"^## ", text, flags=re.M)[1:]:
        hops = HOP.findall(part)
        if hops:
            yield part.splitlines()[0], hops


def body(file, function):
    """The text of a C function or an assembly label up to the next one; None when not defined."""
    text = (ROOT / file).read_text()
    if file.endswith(".S"):
        match = re.search(rf"^{function}:.*?(?=^[a-z_]\w*:|\Z)", text, re.M | re.S) or re.search(
            rf"^ENTRY {function},.*$", text, re.M)
    else:
        match = re.search(rf"^[a-z][^\n;=]*\b{function}\([^;{{]*\)\n\{{.*?^\}}", text, re.M | re.S)
    return match.group(0) if match else None


PATHS = list(paths())
SCENARIOS = {
    name
    for file in (ROOT / "tests/scenarios").glob("*.c")
    for name in re.findall(r'^SCENARIO(?:_FLAGS)?\(\w+, "([a-z0-9-]+)"', file.read_text(), re.M)
}


def test_there_are_paths():
    assert len(PATHS) >= 3


@pytest.mark.parametrize("heading,hops", PATHS, ids=[p[0] for p in PATHS])
def test_path_is_true(heading, hops):
    for file, function in hops:
        assert body(file, function), f"{heading}: {file} does not define {function}"
    for (file, function), (next_file, callee) in zip(hops, hops[1:]):
        assert leads_to(file, function, next_file, callee), (
            f"{heading}: {file}: {function} does not lead to {callee}"
        )


# Hops through a table: what the caller's text names instead, and the file whose table has the callee.
THROUGH = {
    "hc_mmu_update": ("hypercall_table", "hv/pv/hypercall.c"),
    "anon_fault": ("->fault(", "guest/mm/region_anon.c"),
    # The way out of a stub: the C function returns to it.
    "exit_full": ("return", "hv/cpu/entry.S"),
}


def leads_to(file, function, next_file, callee):
    """Whether the caller names the callee, itself or in the rest of its file, or through a table."""
    if callee in THROUGH:
        pointer, table = THROUGH[callee]
        return pointer in (ROOT / file).read_text() and callee in (ROOT / table).read_text()
    if callee in body(file, function):
        return True
    # An inner hop is called by a helper of the same file, or by the way back of an entry path.
    return callee in (ROOT / file).read_text()


BUDGET = {"A reflected page fault": (4, 6), "One mmu_update": (5, 7)}


@pytest.mark.parametrize("heading,budget", BUDGET.items())
def test_path_keeps_its_budget(heading, budget):
    hops = dict(PATHS)[heading]
    assert len({file for file, _ in hops}) <= budget[0]
    assert len(hops) <= budget[1]


@pytest.mark.parametrize("doc", DOCS, ids=lambda d: d.name)
def test_links_and_names_exist(doc):
    text = doc.read_text()
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (doc.parent / target).exists(), f"{doc.name}: link to {target}"
    for name in re.findall(r"`((?:hv|guest|shared|scripts|tests|docs)/[\w./-]*\w)`", text):
        assert (ROOT / name).exists(), f"{doc.name}: {name}"
    for name in re.findall(r"→ `([a-z0-9-]+)`", text):
        group = [s for s in SCENARIOS if s == name or s.startswith(name + "-")]
        assert group, f"{doc.name}: scenario {name}"


@pytest.mark.parametrize("doc", DOCS, ids=lambda d: d.name)
def test_host_tests_exist(doc):
    for file, function in re.findall(r"`(test_\w+): (\w+)`", doc.read_text()):
        source = ROOT / f"tests/host/{file}.c"
        assert source.exists(), f"{doc.name}: {source.name}"
        pattern = rf"^static void {function}\(void \*\*state\)"
        assert re.search(pattern, source.read_text(), re.M), f"{doc.name}: {file}: {function}"


def security_classes():
    """P1, H4 and so on of docs/security.md that have a row which says what would notice."""
    text = (ROOT / "docs/security.md").read_text().split("## The classes", 1)[1]
    for row in re.findall(r"^\| ((?:[A-Z]\d+(?: to |, | ))+)[^|]*\|[^|]*\|([^|]*)\|$", text, re.M):
        for first, last in re.findall(r"([A-Z]\d+)(?: to ([A-Z]\d+))?", row[0]):
            numbers = range(int(first[1:]), int((last or first)[1:]) + 1)
            for number in numbers:
                yield f"{first[0]}{number}", row[1]


def test_classes_have_tests():
    classes = list(security_classes())
    assert len(classes) > 60
    assert len({name for name, _ in classes}) == len(classes)
    for name, tests in classes:
        assert "`" in tests, f"{name}: nothing would notice"


def test_planted_faults_are_of_a_class():
    seeded = tomllib.loads((ROOT / "tests/host/mutants/seeded.toml").read_text())
    names = {fault["name"].split("-")[0] for fault in seeded["fault"]}
    assert names <= {name for name, _ in security_classes()}


def test_comments_name_classes():
    classes = {name for name, _ in security_classes()}
    for path in (ROOT / "hv").rglob("*.[chS]"):
        for named in re.findall(r"\bhazards? ((?:[A-Z]\d+(?:, | and )?)+)", path.read_text()):
            for name in re.findall(r"[A-Z]\d+", named):
                assert name in classes, f"{path.relative_to(ROOT)}: hazard {name}"


@pytest.mark.parametrize("doc", DOCS, ids=lambda d: d.name)
def test_make_targets_exist(doc):
    makefiles = [ROOT / "Makefile", *ROOT.glob("tests/**/*.mk")]
    makefile = "\n".join(path.read_text() for path in makefiles)
    for target in re.findall(r"`make ([a-z-]+)", doc.read_text()):
        assert re.search(rf"^{target}:", makefile, re.M), f"{doc.name}: make {target}"
