# SPDX-License-Identifier: MIT
"""Somebody at a terminal: runs scripts/pinion, waits for what is shown, types."""

import os
import re
import select
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("PINION_BUILD") or ROOT / "build")


class Terminal:
    """`pinion run` with its input and output. As a context manager it ends with the test."""

    def __init__(self, *arguments, limit=120):
        line = [sys.executable, ROOT / "scripts/pinion", "--build", BUILD, "run", *arguments]
        line += ["--input", "--timeout", str(limit)]
        self.end = time.monotonic() + limit + 10
        self.shown = ""
        self.seen = 0
        self.process = subprocess.Popen(
            [str(word) for word in line],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()
        self.process.stdout.close()

    def read(self):
        """What is there by now; False at the end."""
        left = self.end - time.monotonic()
        assert left > 0, f"nothing more is shown after:\n{self.shown[-3000:]}"
        if not select.select([self.process.stdout], [], [], left)[0]:
            return True
        data = os.read(self.process.stdout.fileno(), 65536)
        self.shown += data.decode(errors="replace").replace("\r", "")
        return bool(data)

    def wait(self, pattern):
        """The match, behind what was waited for before."""
        while not (found := re.compile(pattern, re.M).search(self.shown, self.seen)):
            assert self.read(), f"ended without {pattern}:\n{self.shown[-3000:]}"
        self.seen = found.end()
        return found

    def type(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def status(self):
        """Waits for the end; the exit status."""
        while self.read():
            pass
        return self.process.wait()
