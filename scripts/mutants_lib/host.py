# SPDX-License-Identifier: MIT
"""Kills by the host tests.

hv/ becomes one shared library, so that a fault costs one object (all that include a header), one
link, and the programs until the first that fails. Two variants of everything: `plain`, quick, and
`asan`, with the sanitizers and the test objects compiled anew, for what survives the first.
"""
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .fault import ROOT, FaultError, source

# Arguments swapped that are of other kinds do not compile.
WARN = ["-Werror=int-conversion", "-Werror=incompatible-pointer-types"]
PLAIN = ["-O1", "-g0", *WARN, "-fPIC"]
ASAN = ["-O1", "-g", *WARN, "-fPIC", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
VARIANTS = {"plain": PLAIN, "asan": ASAN}
LONG = 1.5  # seconds; programs that take longer have a stage of their own, without sanitizers
DROPPED = ("-Werror", "-g", "-MMD", "-MP")


def settings(build):
    """The Makefile's lists and flags of the host tests."""
    done = subprocess.run(
        ["make", "-s", "--no-print-directory", f"BUILD={build}", "mutants-settings"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )
    if done.returncode:
        raise FaultError(f"make mutants-settings: {done.stderr.strip()}")
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def digest(paths, salt=""):
    total = hashlib.sha256(salt.encode())
    for path in paths:
        total.update(str(path).encode())
        try:
            total.update(Path(path).read_bytes())
        except OSError:
            total.update(b"?")
    return total.hexdigest()


def refresh(source, target):
    """target becomes a copy; a file that is the same already keeps its date, which make looks at."""
    wanted = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    for path in [p for p in target.rglob("*") if p.is_file() and p.relative_to(target) not in wanted]:
        path.unlink()
    for name in wanted:
        new = (source / name).read_bytes()
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if not (target / name).is_file() or (target / name).read_bytes() != new:
            (target / name).write_bytes(new)


def make_tree(tree):
    """A tree that looks like the project's root: hv/ is a copy, the rest is linked."""
    tree.mkdir(parents=True, exist_ok=True)
    for path in ROOT.iterdir():
        link = tree / path.name
        if path.name in ("hv", "build") or path.name.startswith("."):
            continue
        if not link.is_symlink():
            link.symlink_to(path)
    refresh(ROOT / "hv", tree / "hv")
    return tree


class Host:
    """The host build of the tests, and what a fault does to it."""

    def __init__(self, build, work):
        self.build, self.work = build, work
        given = settings(build)
        flags = [f for f in shlex.split(given["cflags"]) if f not in DROPPED]
        flags = [f for f in flags if not f.startswith("-W")]
        self.flags = [f for f in flags if not f.startswith(("-fsanitize", "-fno-sanitize", "-O"))]
        self.tiny = shlex.split(given["tiny"])
        self.hv, self.lib = given["hv"].split(), given["lib"].split()
        self.programs = [*given["tests"].split()]
        self.programs += [f"{name}.tiny" for name in given["tiny-tests"].split()]
        self.seconds, self.kills = {}, {}
        self.trees = {}
        self.lock = threading.Lock()

    # ---- building ----

    def compile(self, source, target, variant, tiny, tree):
        target.parent.mkdir(parents=True, exist_ok=True)
        command = ["gcc", *self.flags, *VARIANTS[variant], *(self.tiny if tiny else [])]
        command += ["-MMD", "-MF", f"{target}.d", "-c", "-o", str(target), source]
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
        return done.returncode == 0, done.stderr

    def object(self, variant, tiny, source):
        return self.work / variant / ("tiny" if tiny else "full") / f"{source}.o"

    def depends(self, target):
        """Files that an object was compiled from, relative to the root."""
        try:
            text = Path(f"{target}.d").read_text(encoding="utf-8")
        except OSError:
            return []
        return [word for word in text.replace("\\\n", " ").split()[1:] if not word.startswith("/")]

    def sources(self, tiny):
        programs = [p for p in self.programs if p.endswith(".tiny") == tiny]
        tests = [f"tests/host/{p.removesuffix('.tiny')}.c" for p in programs]
        return [f"hv/{s}" for s in self.hv], [f"tests/host/{s}" for s in self.lib], tests

    def prepare(self, variant):
        """Everything of a variant without a fault: compiled as far as it is older, linked."""
        stamp = self.work / variant / "digests.json"
        known = json.loads(stamp.read_text()) if stamp.is_file() else {}
        salt = " ".join([*self.flags, *VARIANTS[variant], *self.tiny])
        jobs = []
        for tiny in (False, True):
            for source in [s for group in self.sources(tiny) for s in group]:
                target = self.object(variant, tiny, source)
                if not target.is_file() or known.get(str(target)) != self.state(target, salt):
                    jobs.append((source, target, variant, tiny, ROOT))
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            for (ok, text), job in zip(pool.map(lambda j: self.compile(*j), jobs), jobs):
                if not ok:
                    raise FaultError(f"{job[0]} does not compile:\n{text}")
        for tiny in (False, True):
            hv, lib, tests = self.sources(tiny)
            self.link_library(variant, tiny, {}, self.work / variant)
            for test in tests:
                self.link_program(variant, tiny, test, lib, {}, self.work / variant)
                for source in (*hv, *lib, test):
                    target = self.object(variant, tiny, source)
                    known[str(target)] = self.state(target, salt)
        stamp.write_text(json.dumps(known))

    def state(self, target, salt):
        return digest([ROOT / path for path in self.depends(target)], salt)

    def link(self, variant, command):
        done = subprocess.run(
            ["gcc", *VARIANTS[variant], *command], capture_output=True, text=True, check=False
        )
        return done.returncode == 0, done.stderr

    def link_library(self, variant, tiny, changed, to):
        objects = [self.object(variant, tiny, s) for s in self.sources(tiny)[0]]
        name = to / f"libhv{'-tiny' if tiny else ''}.so"
        ok, text = self.link(
            variant, ["-shared", "-o", str(name), *[str(changed.get(o, o)) for o in objects]]
        )
        if not ok and not changed:
            raise FaultError(f"{name.name} does not link:\n{text}")
        return ok

    def link_program(self, variant, tiny, test, lib, changed, to):
        name = to / (Path(test).stem + (".tiny" if tiny else ""))
        objects = [self.object(variant, tiny, s) for s in (test, *lib)]
        ok, text = self.link(
            variant,
            ["-rdynamic", "-o", str(name), *[str(changed.get(o, o)) for o in objects],
             f"-L{self.work / variant}", f"-lhv{'-tiny' if tiny else ''}", "-lcmocka"],
        )
        if not ok and not changed:
            raise FaultError(f"{test} does not link:\n{text}")
        return ok

    # ---- running ----

    def run(self, program, variant, library, programs=None):
        """(status, seconds of CPU, the test that failed) of one program with a folder's library."""
        path = (programs or self.work / variant) / program
        slower = 1 if variant == "plain" else 8
        limit = 2 + int(4 * slower * self.seconds.get(program, 30.0))
        output = self.work / f"out-{threading.get_ident()}"
        with output.open("w") as file:
            # A limit on its CPU time: how busy the machine is does not matter.
            process = subprocess.Popen(
                ["sh", "-c", f"ulimit -t {limit}; exec stdbuf -oL {path}"],
                stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                env={
                    **os.environ,
                    "LD_LIBRARY_PATH": str(library),
                    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1"
                    ":verify_asan_link_order=0",
                },
            )
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        lines = output.read_text(errors="replace").splitlines()
        which = [line.split()[-1] for line in lines if line.startswith("[  FAILED  ]")]
        which += [line.split()[-1] for line in reversed(lines) if line.startswith("[ RUN ")]
        hangs = process.returncode in (-signal.SIGXCPU, -signal.SIGKILL)
        name = which[0] if which else f"status {process.returncode}"
        name = re.sub(r"[^\w .-]", "?", name)[:60]
        return process.returncode, used.ru_utime + used.ru_stime, f"{name}{' hangs' if hangs else ''}"

    def check(self, programs=None):
        """Without a fault everything passes; how long each program takes then."""
        for program in programs or self.programs:
            if program in self.seconds:
                continue
            status, seconds, which = self.run(program, "plain", self.work / "plain")
            if status:
                raise FaultError(f"{program} fails without any fault ({which})")
            self.seconds[program] = seconds

    def knows(self, file):
        """Is the file part of the host build?"""
        return any(file in self.depends(self.object("plain", False, f"hv/{s}")) for s in self.hv)

    def learn(self, kept):
        """What caught the faults of earlier runs."""
        for name, entry in kept.items():
            program = entry["by"].partition(":")[0]
            if program in self.programs:
                self.kills.setdefault(name.partition(":")[0], Counter())[program] += 1

    def order(self, file):
        """Programs, those first that caught most in this file, then the quick ones."""
        kills = self.kills.setdefault(file, Counter())
        return sorted(
            self.programs, key=lambda p: (-kills[p], self.seconds.get(p, 0.0))
        )

    def tree(self, job):
        with self.lock:
            if job not in self.trees:
                self.trees[job] = make_tree(self.work / f"job{job}" / "tree")
                (self.trees[job] / "build").mkdir(exist_ok=True)
            return self.trees[job]

    def attempt(self, fault, stage, job):
        """(verdict, by, seconds): killed, survived, or no-compile. stage: plain, long or asan."""
        variant = "asan" if stage == "asan" else "plain"
        tree, to = self.tree(job), self.work / f"job{job}" / variant
        shutil.rmtree(to, ignore_errors=True)
        to.mkdir(parents=True)
        text = source(fault.file)
        (tree / fault.file).write_text(fault.apply(text), encoding="utf-8")
        start = time.monotonic()
        programs = [
            p for p in self.order(fault.file)
            if (self.seconds.get(p, 0.0) < LONG) == (stage != "long")
        ]
        try:
            verdict, by = self.judge(fault, variant, programs, tree, to)
        finally:
            (tree / fault.file).write_text(text, encoding="utf-8")
        return verdict, by, time.monotonic() - start

    def changed(self, fault, variant, tiny, programs, tree, to):
        """Builds what the fault changes: the programs linked anew, None when it does not compile."""
        again = variant == "asan"
        hv, lib, tests = self.sources(tiny)
        tests = [t for t in tests if Path(t).stem + (".tiny" if tiny else "") in programs]
        changed, relinked = {}, set()
        for source in (*hv, *lib, *tests) if again else hv:
            target = self.object(variant, tiny, source)
            if fault.file in self.depends(target):
                new = to / f"{'tiny-' if tiny else ''}{source.replace('/', '-')}.o"
                if not self.compile(source, new, variant, tiny, tree)[0]:
                    return None
                changed[target] = new
        if not self.link_library(variant, tiny, changed, to):
            return None
        for test in tests:
            if changed.keys() & {self.object(variant, tiny, s) for s in (test, *lib)}:
                self.link_program(variant, tiny, test, lib, changed, to)
                relinked.add(Path(test).stem + (".tiny" if tiny else ""))
        return relinked

    def judge(self, fault, variant, programs, tree, to):
        relinked = {}
        for program in programs:
            tiny = program.endswith(".tiny")
            if tiny not in relinked:
                relinked[tiny] = self.changed(fault, variant, tiny, programs, tree, to)
            if relinked[tiny] is None:
                return "no-compile", ""
            own = to if program in relinked[tiny] else None
            status, _, which = self.run(program, variant, to, own)
            if status:
                self.check([program])
                with self.lock:
                    self.kills[fault.file][program] += 1
                return "killed", f"{program}: {which}"
        return "survived", ""
