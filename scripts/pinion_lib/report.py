# SPDX-License-Identifier: MIT
"""Results for people (a table), and for machines (TAP, JUnit)."""
import xml.etree.ElementTree as xml

from .scenarios import BROKEN, FAIL, MISSING, SKIP


def is_bad(result):
    return result.outcome in (FAIL, BROKEN, MISSING)


def table(platforms, names, results):
    """Scenario by platform; `results` is {(name, platform): Result}, without what is not run there."""
    width = max([len(name) for name in names] + [len("scenario")])
    lines = ["  ".join(["scenario".ljust(width), *platforms])]
    for name in names:
        found = [results.get((name, p)) for p in platforms]
        cells = [(r.outcome if r else "").ljust(len(p)) for p, r in zip(platforms, found)]
        lines.append("  ".join([name.ljust(width), *cells]).rstrip())
    return lines


def counts(results):
    """(passed, failed, skipped)"""
    values = list(results.values())
    failed = sum(map(is_bad, values))
    skipped = sum(value.outcome == SKIP for value in values)
    return len(values) - failed - skipped, failed, skipped


def tap(results):
    lines = [f"1..{len(results)}"]
    for number, ((name, platform), result) in enumerate(results.items(), 1):
        start = "not ok" if is_bad(result) else "ok"
        note = result.reason
        if result.outcome == SKIP and not note.upper().startswith("SKIP"):
            note = f"SKIP {note}".rstrip()
        lines.append(f"{start} {number} - {platform}/{name}{' # ' if note else ''}{note}")
    return lines


def junit(path, results, seconds):
    """Writes `results` as JUnit XML; `seconds` is {platform: time}."""
    passed, failed, skipped = counts(results)
    root = xml.Element(
        "testsuite",
        name="scenarios",
        tests=str(passed + failed + skipped),
        failures=str(failed),
        skipped=str(skipped),
        time=f"{sum(seconds.values()):.3f}",
    )
    for (name, platform), result in results.items():
        case = xml.SubElement(root, "testcase", classname=platform, name=name)
        if is_bad(result):
            tag = "failure" if result.outcome == FAIL else "error"
            xml.SubElement(case, tag, message=result.reason)
        elif result.outcome == SKIP:
            xml.SubElement(case, "skipped", message=result.reason)
    xml.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
