# SPDX-License-Identifier: MIT
"""Debian's packages, fetched without root and unpacked into the cache, once.

A package's folder holds the files that were asked for, under their own paths, and `version`; it
appears when all of it is there. Removing it makes the next run fetch what is newest then.

PACKAGE/SUITE, in apt's way, is of another suite than those this machine's apt knows
(bookworm-backports): its lists are kept beside the packages, from the same mirror.
"""
import fnmatch
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from .config import ToolError

TOOLS = ("apt-get", "apt-cache", "dpkg-deb")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
DEPENDS = re.compile(r"^\s*Depends: (\S+)$", re.MULTILINE)


def cache_dir(build):
    """PINION_CACHE keeps downloads over `make clean`."""
    base = os.environ.get("PINION_CACHE")
    return Path(base) if base else build.cache


def fetch(build, package, wanted, say=print):
    """The folder with `package`'s files that match one of the patterns `wanted`."""
    home = cache_dir(build) / "debian"
    folder = home / package.replace("/", "-")
    if (folder / "version").is_file():
        return folder
    for tool in TOOLS:
        if not shutil.which(tool):
            raise ToolError(f"{tool} is missing: {package} comes from Debian")
    home.mkdir(parents=True, exist_ok=True)
    say(f"pinion: fetching Debian's {package} (once)")
    with tempfile.TemporaryDirectory(dir=home) as work:
        name, _, suite = package.partition("/")
        options = suite_options(Path(work), suite) if suite else []
        deb = download(Path(work), real_name(name, options), options)
        tree = Path(work) / "tree"
        found = unpack(deb, tree, wanted)
        if not found:
            raise ToolError(f"{deb.name} has no {' '.join(wanted)}")
        (tree / "version").write_text(f"{version(deb)}\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        tree.replace(folder)
    return folder


def mirror(suite):
    """Where this machine gets the Debian from that `suite` belongs to."""
    base = suite.partition("-")[0]
    command = ["apt-get", "indextargets", "--format", "$(ORIGIN) $(CODENAME) $(SITE)"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        if line.startswith(f"Debian {base} "):
            return line.split()[2]
    raise ToolError(f"apt's sources here have no Debian {base}, of which {suite} is")


def suite_options(work, suite):
    """Options that make apt use the suite's lists, which are fetched into `work`, and no others."""
    for name in ("state/lists/partial", "cache/archives/partial"):
        (work / "apt" / name).mkdir(parents=True)
    sources = work / "apt/sources.list"
    sources.write_text(f"deb [signed-by={KEYRING}] {mirror(suite)} {suite} main\n")
    settings = {
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
        "Dir::Cache": work / "apt/cache",
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State": work / "apt/state",
    }
    options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
    done = subprocess.run(
        ["apt-get", *options, "update"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = done.stdout.strip().splitlines()[-1:] or ["apt-get update failed"]
        raise ToolError(f"cannot fetch the lists of {suite}: {reason[0]}")
    return options


def real_name(package, options):
    """What `package` stands for: Linux's kernel is a package of its own for each version."""
    if not package.startswith("linux-image-amd64"):
        return package
    command = ["apt-cache", *options, "depends", "--important", package]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    names = DEPENDS.findall(done.stdout)
    if not names:
        raise ToolError(f"Debian's {package} is not known here (as root: apt-get update)")
    return names[0]


def download(work, package, options):
    """Fetches the package into `work`; says why when it cannot be had."""
    command = ["apt-get", "-o", "APT::Sandbox::User=", *options, "download", package]
    done = subprocess.run(
        command, cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    found = list(work.glob("*.deb"))
    if done.returncode or not found:
        reason = done.stdout.strip().splitlines()[-1:] or ["no package came"]
        raise ToolError(
            f"cannot fetch {package}: {reason[0]}\n"
            "  It needs network, and package lists (as root: apt-get update)."
        )
    return found[0]


def version(deb):
    command = ["dpkg-deb", "-f", str(deb), "Package", "Version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return " ".join(line.partition(": ")[2] for line in done.stdout.splitlines())


def unpack(deb, tree, wanted):
    """Writes the package's plain files whose path matches into `tree`; how many they are."""
    found = 0
    command = ["dpkg-deb", "--fsys-tarfile", str(deb)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                if member.isfile() and any(fnmatch.fnmatch(name, text) for text in wanted):
                    target = tree / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with archive.extractfile(member) as source, target.open("wb") as file:
                        shutil.copyfileobj(source, file)
                    target.chmod(member.mode & 0o777)
                    found += 1
    return found
