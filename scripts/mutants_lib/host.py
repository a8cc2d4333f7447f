# SPDX-License-Identifier: MIT
"""Kills by the host tests.

hv/ becomes one shared library, so that a fault costs one object (all that include a header), one
link, and the programs until the first that fails. There are three kinds of machine, each with a library
and programs of its own. Two variants of everything: `plain`, quick, and `asan`, with the sanitizers and
the test objects compiled anew, for what survives the first.
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
from dataclasses import dataclass
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


@dataclass
class Kind:
    """A machine that tests run on: how all is compiled for it, and of what its programs are made."""

    name: str
    flags: list
    hv: list
    lib: list
    programs: dict  # name: source

    @property
    def library(self):
        return "hv" if self.name == "full" else f"hv-{self.name}"


def kinds(given):
    """The kinds in the Makefile's lists."""
    words = {name: shlex.split(text) for name, text in given.items()}
    hv = [f"hv/{source}" for source in words["hv"]]
    lib = [f"tests/host/{source}" for source in words["lib"]]
    boot = "tests/host/boot"
    return [
        Kind("full", [], hv, lib, {t: f"tests/host/{t}.c" for t in words["tests"]}),
        Kind(
            "tiny", words["tiny"], hv, lib,
            {f"{t}.tiny": f"tests/host/{t}.c" for t in words["tiny-tests"]},
        ),
        Kind(
            "boot", words["boot"], [f"hv/{source}" for source in words["boot-hv"]],
            [f"{boot}/{source}" for source in words["boot-lib"]],
            {t: f"{boot}/{t}.c" for t in words["boot-tests"]},
        ),
    ]


class Host:
    """The host build of the tests, and what a fault does to it."""

    def __init__(self, build, work):
        self.build, self.work = build, work
        given = settings(build)
        flags = [f for f in shlex.split(given["cflags"]) if f not in DROPPED]
        flags = [f for f in flags if not f.startswith("-W")]
        self.flags = [f for f in flags if not f.startswith(("-fsanitize", "-fno-sanitize", "-O"))]
        self.kinds = kinds(given)
        self.programs = {program: kind for kind in self.kinds for program in kind.programs}
        self.seconds, self.kills = {}, {}
        self.trees = {}
        self.lock = threading.Lock()

    # ---- building ----

    def compile(self, source, target, variant, kind, tree):
        target.parent.mkdir(parents=True, exist_ok=True)
        command = ["gcc", *self.flags, *VARIANTS[variant], *kind.flags]
        command += ["-MMD", "-MF", f"{target}.d", "-c", "-o", str(target), source]
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
        return done.returncode == 0, done.stderr

    def object(self, variant, kind, source):
        return self.work / variant / kind.name / f"{source}.o"

    def depends(self, target):
        """Files that an object was compiled from, relative to the root."""
        try:
            text = Path(f"{target}.d").read_text(encoding="utf-8")
        except OSError:
            return []
        return [word for word in text.replace("\\\n", " ").split()[1:] if not word.startswith("/")]

    def prepare(self, variant):
        """Everything of a variant without a fault: compiled as far as it is older, linked."""
        stamp = self.work / variant / "digests.json"
        known = json.loads(stamp.read_text()) if stamp.is_file() else {}
        salt = " ".join([*self.flags, *VARIANTS[variant], *[f for k in self.kinds for f in k.flags]])
        jobs = []
        for kind in self.kinds:
            for source in (*kind.hv, *kind.lib, *kind.programs.values()):
                target = self.object(variant, kind, source)
                if not target.is_file() or known.get(str(target)) != self.state(target, salt):
                    jobs.append((source, target, variant, kind, ROOT))
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            for (ok, text), job in zip(pool.map(lambda j: self.compile(*j), jobs), jobs):
                if not ok:
                    raise FaultError(f"{job[0]} does not compile:\n{text}")
        for kind in self.kinds:
            self.link_library(variant, kind, {}, self.work / variant)
            for program, test in kind.programs.items():
                self.link_program(variant, program, {}, self.work / variant)
                for source in (*kind.hv, *kind.lib, test):
                    target = self.object(variant, kind, source)
                    known[str(target)] = self.state(target, salt)
        stamp.write_text(json.dumps(known))

    def state(self, target, salt):
        return digest([ROOT / path for path in self.depends(target)], salt)

    def link(self, variant, command):
        done = subprocess.run(
            ["gcc", *VARIANTS[variant], *command], capture_output=True, text=True, check=False
        )
        return done.returncode == 0, done.stderr

    def link_library(self, variant, kind, changed, to):
        objects = [self.object(variant, kind, s) for s in kind.hv]
        name = to / f"lib{kind.library}.so"
        ok, text = self.link(
            variant, ["-shared", "-o", str(name), *[str(changed.get(o, o)) for o in objects]]
        )
        if not ok and not changed:
            raise FaultError(f"{name.name} does not link:\n{text}")
        return ok

    def link_program(self, variant, program, changed, to):
        kind = self.programs[program]
        objects = [self.object(variant, kind, s) for s in (kind.programs[program], *kind.lib)]
        ok, text = self.link(
            variant,
            ["-rdynamic", "-o", str(to / program), *[str(changed.get(o, o)) for o in objects],
             f"-L{self.work / variant}", f"-l{kind.library}", "-lcmocka"],
        )
        if not ok and not changed:
            raise FaultError(f"{program} does not link:\n{text}")
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
        return any(self.has(kind, file) for kind in self.kinds)

    def has(self, kind, file):
        """Is it part of this kind of machine?"""
        return any(file in self.depends(self.object("plain", kind, s)) for s in kind.hv)

    def learn(self, kept):
        """What caught the faults of earlier runs."""
        for name, entry in kept.items():
            program = entry["by"].partition(":")[0]
            if program in self.programs:
                self.kills.setdefault(name.partition(":")[0], Counter())[program] += 1

    def order(self, file):
        """Programs that have the file, those first that caught most in it, then the quick ones."""
        kills = self.kills.setdefault(file, Counter())
        having = [kind.name for kind in self.kinds if self.has(kind, file)]
        return sorted(
            (p for p, kind in self.programs.items() if kind.name in having),
            key=lambda p: (-kills[p], self.seconds.get(p, 0.0)),
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

    def changed(self, fault, variant, kind, programs, tree, to):
        """Builds what the fault changes: the programs linked anew, None when it does not compile."""
        again = variant == "asan"
        tests = {p: source for p, source in kind.programs.items() if p in programs}
        changed, relinked = {}, set()
        for source in (*kind.hv, *kind.lib, *tests.values()) if again else kind.hv:
            target = self.object(variant, kind, source)
            if fault.file in self.depends(target):
                new = to / f"{kind.name}-{source.replace('/', '-')}.o"
                if not self.compile(source, new, variant, kind, tree)[0]:
                    return None
                changed[target] = new
        if not self.link_library(variant, kind, changed, to):
            return None
        for program, test in tests.items():
            if changed.keys() & {self.object(variant, kind, s) for s in (test, *kind.lib)}:
                self.link_program(variant, program, changed, to)
                relinked.add(program)
        return relinked

    def judge(self, fault, variant, programs, tree, to):
        relinked = {}
        for program in programs:
            kind = self.programs[program]
            if kind.name not in relinked:
                relinked[kind.name] = self.changed(fault, variant, kind, programs, tree, to)
            if relinked[kind.name] is None:
                return "no-compile", ""
            own = to if program in relinked[kind.name] else None
            status, _, which = self.run(program, variant, to, own)
            if status:
                self.check([program])
                with self.lock:
                    self.kills[fault.file][program] += 1
                return "killed", f"{program}: {which}"
        return "survived", ""
