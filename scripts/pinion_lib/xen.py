# SPDX-License-Identifier: MIT
"""Debian's Xen 4.17: fetched without root, unpacked, ready for `qemu -kernel`."""
import gzip
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .config import ToolError

PACKAGE = "xen-hypervisor-4.17-amd64"
IMAGE = "boot/xen-4.17-amd64.gz"


def cache_dir(build):
    """PINION_CACHE keeps downloads over `make clean`."""
    base = os.environ.get("PINION_CACHE")
    return Path(base) / "xen" if base else build.cache / "xen"


def fetch(build, say=print):
    """The path of Xen's ELF image; downloads and unpacks it the first time."""
    home = cache_dir(build)
    image = home / "xen-4.17-amd64"
    if image.is_file():
        return image
    for tool in ("apt-get", "dpkg"):
        if not shutil.which(tool):
            raise ToolError(f"{tool} is missing: Xen comes from Debian's {PACKAGE}")
    home.mkdir(parents=True, exist_ok=True)
    say(f"pinion: fetching Debian's {PACKAGE} (once, about 2 MB)")
    with tempfile.TemporaryDirectory(dir=home) as work:
        deb = download(Path(work))
        subprocess.run(["dpkg", "-x", str(deb), work], check=True)
        unpacked = Path(work) / "xen-elf"
        with gzip.open(Path(work) / IMAGE) as source, unpacked.open("wb") as target:
            shutil.copyfileobj(source, target)
        unpacked.replace(image)
    return image


def download(work):
    """Fetches the package into `work`; says why when it cannot be had."""
    command = ["apt-get", "-o", "APT::Sandbox::User=", "download", PACKAGE]
    done = subprocess.run(
        command, cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    found = list(work.glob("*.deb"))
    if done.returncode or not found:
        reason = done.stdout.strip().splitlines()[-1:] or ["no package came"]
        raise ToolError(
            f"cannot fetch {PACKAGE}: {reason[0]}\n"
            "  It needs network, and package lists (as root: apt-get update)."
        )
    return found[0]
