# SPDX-License-Identifier: MIT
"""Lines and branches of hv/ that the small corpora reach."""
import os
import shutil
import subprocess

from .target import ENVIRONMENT, fail


def tool(name):
    """An LLVM tool, also under the name that Debian gives one of several versions."""
    found = shutil.which(name) or next(
        (shutil.which(f"{name}-{version}") for version in range(20, 13, -1)
         if shutil.which(f"{name}-{version}")), None
    )
    return found or fail(f"{name} is missing: apt-get install llvm")


def coverage(targets, build):
    """For each file of hv/: lines and branches reached by the small corpora, and the ones missed."""
    folder = build / "fuzz" / "cover"
    programs = [build / "fuzz" / f"{target.name}-cover" for target in targets]
    for program in programs:
        if not program.exists():
            fail(f"{program} is missing: make fuzz-coverage")
    profiles = []
    for target, program in zip(targets, programs):
        profile = folder / f"{target.name}.profraw"
        gathered = sorted(target.corpus.iterdir()) if os.environ.get("FUZZ_GATHERED") else []
        subprocess.run(
            [program, *gathered],
            check=True,
            stdout=subprocess.DEVNULL,
            env={**ENVIRONMENT, "LLVM_PROFILE_FILE": str(profile)},
        )
        profiles.append(profile)
    merged = folder / "all.profdata"
    subprocess.run([tool("llvm-profdata"), "merge", "-o", merged, *profiles], check=True)
    objects = [word for program in programs[1:] for word in ("-object", program)]
    base = [programs[0], *objects, f"-instr-profile={merged}"]
    report = subprocess.run(
        [tool("llvm-cov"), "export", "-format=lcov", *base], check=True, capture_output=True
    ).stdout.decode()
    (folder / "all.lcov").write_text(report)
    missed_print(report)
    print(f"annotated source: {tool('llvm-cov')} show {' '.join(map(str, base))}")


def missed_print(report):
    """The table, from lcov's records: DA:line,count and BRDA:line,block,branch,count."""
    name, rows = "", []
    for line in report.splitlines():
        if line.startswith("SF:"):
            name, lines, branches = line[3:].split("/hv/", 1)[-1], {}, {}
        elif line.startswith("DA:"):
            number, count = line[3:].split(",")[:2]
            lines[int(number)] = count != "0"
        elif line.startswith("BRDA:"):
            number, block, branch, count = line[5:].split(",")
            branches[int(number), block, branch] = count not in ("0", "-")
        elif line == "end_of_record":
            rows.append((name, lines, branches))
    print("file                    lines           branches        missed at line")
    for name, lines, branches in sorted(rows):
        missed = sorted({key[0] for key, reached in branches.items() if not reached})
        print(
            f"{name:22} {sum(lines.values()):4} of {len(lines):4}    "
            f"{sum(branches.values()):4} of {len(branches):4}    {' '.join(map(str, missed))}"
        )
