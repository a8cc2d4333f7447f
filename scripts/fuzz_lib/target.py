# SPDX-License-Identifier: MIT
"""The fuzz targets: their programs and files, and packs of inputs."""
import hashlib
import os
import struct
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKS = ROOT / "tests" / "host" / "fuzz" / "corpus"
MAGIC = b"fuzzpack"
# Largest input of each target, bytes.
TARGETS = {
    "memory": 772,
    "elf": 4096,
    "multiboot": 4096,
    "options": 512,
    "decode": 163,
    "map": 256,
    "store": 512,
}
ENVIRONMENT = {
    **os.environ,
    "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}


def fail(text):
    print(f"fuzz: {text}", file=sys.stderr)
    sys.exit(2)


class Target:
    """The files of one target."""

    def __init__(self, name, build, needed=True):
        if name not in TARGETS:
            fail(f"no target '{name}'; there are: {', '.join(TARGETS)}")
        self.name = name
        self.limit = TARGETS[name]
        self.fuzzer = build / "fuzz" / f"{name}-fuzzer"
        self.replay = build / "host" / f"fuzz-{name}"
        self.corpus = build / "fuzz" / "corpus" / name
        self.findings = build / "fuzz" / "findings"
        self.counts = build / "fuzz" / f"{name}.counts"
        self.logs = build / "fuzz" / "log"
        self.words = PACKS.parent / f"{name}.dict"
        self.pack = PACKS / f"{name}.pack"
        for program in (self.fuzzer, self.replay) if needed else ():
            if not program.exists():
                fail(f"{program} is missing: make fuzz-build")
        for folder in (self.corpus, self.findings, self.logs):
            folder.mkdir(parents=True, exist_ok=True)

    def unpack(self):
        """The repository's inputs join what was gathered."""
        for data in pack_read(self.pack):
            path = self.corpus / hashlib.sha1(data).hexdigest()
            if not path.exists():
                path.write_bytes(data)

    def counted(self):
        """(inputs, steps) since the counts were last removed."""
        if not self.counts.exists() or self.counts.stat().st_size != 16:
            return 0, 0
        return struct.unpack("<QQ", self.counts.read_bytes())

    def fails(self, path, describe=False):
        """(it fails, what was printed)"""
        command = [self.replay, *(["-d"] if describe else []), path]
        try:
            done = subprocess.run(
                command, capture_output=True, timeout=60, env=ENVIRONMENT, check=False
            )
        except subprocess.TimeoutExpired:
            return True, "no end within 60 s"
        return done.returncode != 0, (done.stderr + done.stdout).decode(errors="replace")


def pack_read(path):
    if not path.exists():
        return []
    data, at, inputs = path.read_bytes(), len(MAGIC), []
    if not data.startswith(MAGIC):
        fail(f"{path} is not a pack of inputs")
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at) if at + 4 <= len(data) else (1 << 32,)
        at += 4
        if size > len(data) - at:
            fail(f"{path} is cut off")
        inputs.append(data[at : at + size])
        at += size
    return inputs


def pack_write(path, inputs):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(MAGIC + b"".join(struct.pack("<I", len(data)) + data for data in inputs))
