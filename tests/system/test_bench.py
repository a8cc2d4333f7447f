# SPDX-License-Identifier: MIT
"""The benchmark's tools: the kept file, the comparison, the table and the drawings."""

import copy
import json
import sys
import xml.dom.minidom

import pytest
from conftest import ROOT, tool

sys.path.insert(0, str(ROOT / "scripts"))
from bench_lib import chart, check, report, store  # noqa: E402
from bench_lib.rows import ROWS  # noqa: E402

KEPT = ROOT / "tests/bench/baseline.json"


@pytest.fixture(scope="module")
def record():
    return store.load(KEPT)


def bench(*arguments):
    return tool("bench", *arguments)


@pytest.mark.parametrize(
    "text,why",
    [
        ("{", "not JSON"),
        ("[1]", "not a file of kept"),
        ('{"format": "pinion-bench", "version": 1}', "version 1"),
        ('{"format": "pinion-bench", "version": 2}', "`counts` must have"),
        (None, "no figure for yield on xen"),
    ],
)
def test_a_bad_file_of_figures_is_refused(tmp_path, record, text, why):
    if text is None:
        bad = copy.deepcopy(record)
        bad["counts"]["xen"]["yield"] = "many"
        text = json.dumps(bad)
    file = tmp_path / "kept.json"
    file.write_text(text)
    done = bench("--check", "--kept", file)
    assert done.returncode == 2 and why in done.stderr and str(file) in done.stderr


def test_a_missing_file_of_figures_is_refused(tmp_path):
    done = bench("--check", "--kept", tmp_path / "none.json")
    assert done.returncode == 2 and "make bench-keep" in done.stderr


def test_a_row_that_does_not_exist_is_refused():
    done = bench("--profile", "no-such-row")
    assert done.returncode == 4 and "null-hypercall" in done.stderr


def test_growth_of_a_count_fails():
    kept = {"a": 100, "b": 100, "c": 100, "d": 100}
    passed, failures, notes = check.compare(kept, {"a": 105, "b": 105.2, "c": 95, "d": 94})
    assert passed == 3
    assert failures == ["b: 105.2 instructions, kept are 100.0: 5.2% more; 5% is allowed"]
    assert notes == ["d: 94.0 instructions, kept are 100.0: 6.0% less. Keep it: make bench-keep"]


def test_a_row_on_one_side_alone_fails():
    passed, failures, _ = check.compare({"a": 1, "b": 1}, {"b": 1, "c": 1})
    assert passed == 1 and len(failures) == 2
    assert failures[0].startswith("a: is kept") and failures[1].startswith("c: was measured")


def test_a_cost_that_grows_with_the_number_fails():
    points = {"1": {"a": 100, "b": 100}, "8": {"a": 101, "b": 100}, "64": {"a": 101, "b": 103}}
    passed, failures = check.flat("roots", points)
    assert passed == 1 and len(failures) == 1
    assert "b costs 103.0 with 64 of roots, 100.0 with 1" in failures[0]


def test_kept_growth_is_flat(record):
    for kind in ("tables", "roots", "spaces", "memory"):
        assert not check.flat(kind, record["growth"][kind])[1]


def test_the_table_is_the_kept_figures(record):
    text = (ROOT / "docs/bench.md").read_text(encoding="utf-8")
    assert report.markdown(record) in text, "scripts/bench --draw writes it"


@pytest.mark.parametrize("name,draw", [("bench", chart.bars), ("growth", chart.growth)])
def test_the_drawings_are_the_kept_figures(record, name, draw):
    drawing = (ROOT / f"docs/{name}.svg").read_text(encoding="utf-8")
    assert drawing == draw(record), "scripts/bench --draw writes it"
    xml.dom.minidom.parseString(drawing)


def test_every_row_is_measured_on_every_setting(record):
    for setting, rows in record["counts"].items():
        assert set(rows) == set(ROWS), setting
