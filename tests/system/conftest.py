# SPDX-License-Identifier: MIT
"""What the system tests share: scripts/pinion, tiny kernels, and boots."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("PINION_BUILD") or ROOT / "build")
HERE = Path(__file__).resolve().parent
# QEMU's clock counts instructions: the time that a domain sees does not go on while the machine stands.
COUNTED = ("-icount", "shift=0,sleep=off")

sys.path.insert(0, str(ROOT / "scripts"))
from pinion_lib import machine  # noqa: E402


@dataclass
class Done:
    """A finished scripts/pinion: exit status, serial output, and its own words."""

    status: int
    out: str
    err: str

    @property
    def panics(self):
        """The line after each `Panic on CPU 0:`, which says what is wrong."""
        lines = self.out.splitlines()
        return [
            lines[i + 1].removeprefix("(XEN) ")
            for i, line in enumerate(lines[:-1])
            if "Panic on CPU 0:" in line
        ]


def call(*arguments, limit=150, **options):
    """Runs scripts/pinion as a user would."""
    done = subprocess.run(
        [ROOT / "scripts" / "pinion", "--build", BUILD, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=limit,
        check=False,
        **options,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def tool(name, *arguments):
    """Runs another of the tools in scripts/, as a user would."""
    return subprocess.run(
        [ROOT / "scripts" / name, "--build", BUILD, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def boot(kernel, *arguments, timeout=30):
    """One boot of `kernel` on Pinion."""
    return call("run", kernel, "--timeout", timeout, *arguments)


def boot_modules(modules, *options, memory="96M", limit=60, text=b"", extra=()):
    """One boot of Pinion from module lines as they are: output, and the reason with which it left
    QEMU (0x10 poweroff, 0x11 reboot, 0x13 crash, 0x1f the hypervisor's own failure)."""
    line = [machine.QEMU, "-m", memory, "-cpu", "qemu64", "-display", "none", "-monitor", "none"]
    line += ["-serial", "stdio", "-nic", "none", "-no-reboot", *extra]
    line += ["-device", f"isa-debug-exit,iobase={machine.EXIT_PORT:#x},iosize=0x04"]
    line += ["-kernel", BUILD / "pinion.elf", "-append", " ".join([machine.HV_OPTIONS, *options])]
    line += ["-initrd", ",".join(machine.comma(module) for module in modules)]
    done = subprocess.run(line, input=text, capture_output=True, timeout=limit, check=False)
    out = done.stdout.decode(errors="replace").replace("\r", "")
    return Done(done.returncode >> 1, out, done.stderr.decode(errors="replace"))


@pytest.fixture(scope="session")
def kernels(tmp_path_factory):
    """Makes tiny kernels from kernel.S: kernels(MESSAGE, REASON) or with SPIN=1, FAULT=1."""
    folder = tmp_path_factory.mktemp("kernels")
    made = {}

    def make(message="hello\\n", reason=0, **defines):
        key = (message, reason, *sorted(defines.items()))
        if key not in made:
            target = folder / f"kernel{len(made)}.elf"
            line = ["gcc", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none"]
            line += ["-Wl,--no-warn-rwx-segments", "-T", HERE / "kernel.lds"]
            line += [f'-DMESSAGE="{message}"', f"-DREASON={reason}"]
            line += [f"-D{name}={value}" for name, value in defines.items()]
            subprocess.run([*line, "-o", target, HERE / "kernel.S"], check=True)
            made[key] = target
        return made[key]

    return make


@pytest.fixture(scope="session")
def hello(kernels):
    """A kernel that says hello and powers off."""
    return kernels()
