# SPDX-License-Identifier: MIT
"""Debian's Xen 4.17: fetched without root, unpacked, ready for `qemu -kernel`."""
import gzip
import os
import shutil

from . import debian

PACKAGE = "xen-hypervisor-4.17-amd64"
IMAGE = "boot/xen-4.17-amd64.gz"


def fetch(build, say=print):
    """The path of Xen's ELF image; downloads and unpacks it the first time."""
    image = debian.cache_dir(build) / "xen" / "xen-4.17-amd64"
    if image.is_file():
        return image
    folder = debian.fetch(build, PACKAGE, [IMAGE], say)
    image.parent.mkdir(parents=True, exist_ok=True)
    half = image.with_suffix(f".{os.getpid()}")
    with gzip.open(folder / IMAGE) as source, half.open("wb") as target:
        shutil.copyfileobj(source, target)
    half.replace(image)
    return image
