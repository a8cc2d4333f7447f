# SPDX-License-Identifier: MIT
"""Where things are, and what the exit statuses mean."""
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

SUCCESS = 0
USAGE = 2
SKIP = 3
ERROR = 4
FAILURE = 5
CRASH = 6
TIMEOUT = 124

STATUS_NAMES = {
    SUCCESS: "success",
    SKIP: "skip",
    ERROR: "error (the test broke)",
    FAILURE: "failure (the subject broke)",
    CRASH: "crash",
    TIMEOUT: "timeout",
}


class UsageError(Exception):
    """The command line cannot be carried out as it stands."""


class ToolError(Exception):
    """Something this tool needs is not there; the text says what to do."""


class Build:
    """The output directory and the files a run takes from it."""

    def __init__(self, directory=None):
        self.dir = Path(directory or os.environ.get("PINION_BUILD") or ROOT / "build").absolute()
        self.hypervisor = self.dir / "pinion.elf"
        self.guest = self.dir / "guest.elf"
        self.initrd = self.dir / "initrd.cpio"
        self.cache = self.dir / "cache"

    def need(self, path):
        """`path` if it exists; otherwise says how to get it."""
        if not Path(path).is_file():
            raise ToolError(f"{path} is not there (make build)")
        return Path(path)
