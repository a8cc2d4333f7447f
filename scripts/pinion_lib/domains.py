# SPDX-License-Identifier: MIT
"""Several domains of one machine: `--domain` and sets in TOML files, checked before anything starts.

A domain reaches the hypervisor as a module, its kernel, whose string says what it is to be:
`NAME domain:KEY=VALUE:... COMMAND LINE`; the module behind it is its ramdisk.
"""
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from .config import UsageError

ROLES = ("initial", "domu", "store")
SIZE = re.compile(r"([0-9]+)([kKmMgG]?)")
UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
NAME = re.compile(r"[A-Za-z0-9._-]{1,31}")
# KEY=VALUE or KEY="VALUE", where "" stands for a quote; then a comma or the end.
WORD = re.compile(r'([^=,"]+)=(?:"((?:[^"]|"")*)"|([^",]*))(?:,|$)')
# What goes to the hypervisor as it is, and what it may be.
PASSED = {
    "memory": SIZE,
    "max-memory": SIZE,
    "vcpus": re.compile("[1-8]"),
    "weight": re.compile(r"[1-9][0-9]{0,4}"),
    "role": re.compile("|".join(ROLES)),
    "on-reboot": re.compile("restart|destroy"),
    "on-crash": re.compile("destroy|restart"),
}
KEYS = ("kernel", "module", "cmdline", "name", *PASSED)
MACHINE_KEYS = ("memory", "cpu", "options")
RESERVE = 128 << 20  # of the machine, for the hypervisor and the modules themselves
LEAST = 512 << 20
STORE_MEMORY = "32M"
MOST = 16  # domains: the hypervisor's limit


@dataclass
class Domain:
    """One domain. `passed` is what the hypervisor is told beside the name: {key: text}."""

    kernel: Path
    name: str
    cmdline: str
    modules: list
    passed: dict
    named: bool = True  # by the user

    @property
    def role(self):
        return self.passed.get("role", "domu")

    def words(self):
        """The module's string behind its first word."""
        pairs = {"name": self.name, **self.passed, "role": self.role}
        said = ":".join(f"{key}={value}" for key, value in pairs.items())
        return f"domain:{said} {self.cmdline}".rstrip()


def size_bytes(text):
    number, unit = SIZE.fullmatch(text).groups()
    return int(number) * UNITS[unit.lower()]


def machine_memory(domains):
    """What a machine with these domains should have, in QEMU's spelling."""
    need = RESERVE + sum(size_bytes(d.passed["memory"]) for d in domains)
    need += sum(path.stat().st_size for d in domains for path in (d.kernel, *d.modules))
    return f"{max(LEAST, need) + (1 << 20) - 1 >> 20}M"


def from_keys(where, keys, defaults, folder=Path()):
    """A Domain from {key: text}, every value checked; `where` begins each complaint. `defaults` has
    what the hypervisor is to be told, and under "store" the store's own kernel."""
    for key, value in keys.items():
        if key not in KEYS:
            raise UsageError(f"{where}: unknown key {key!r}; known are {', '.join(KEYS)}")
        if key in PASSED and not PASSED[key].fullmatch(value):
            raise UsageError(f"{where}: {key}={value} is not possible")
    passed = {key: text for key, text in defaults.items() if key in PASSED}
    if keys.get("role") == "store":
        passed["memory"] = STORE_MEMORY
    if keys.get("kernel"):
        kernel = folder / keys["kernel"]
    elif keys.get("role") == "store" and "store" in defaults:
        kernel = defaults["store"]
    else:
        raise UsageError(f"{where}: no kernel=FILE")
    name = keys.get("name")
    if name is None:
        name = re.sub("[^A-Za-z0-9._-]", "_", kernel.stem)[:31]
    if not NAME.fullmatch(name):
        raise UsageError(f"{where}: name={name} is not 1 to 31 of A-Z a-z 0-9 . _ -")
    module = keys.get("module")
    for path in filter(None, [kernel, module and folder / module]):
        if not path.is_file():
            raise UsageError(f"{where}: {path}: no such file")
    cmdline = keys.get("cmdline", "")
    if "\n" in cmdline:
        raise UsageError(f"{where}: a command line is one line")
    passed.update({key: keys[key] for key in PASSED if key in keys})
    modules = [folder / module] if module else []
    return Domain(kernel, name, cmdline, modules, passed, "name" in keys)


def from_spec(text, defaults):
    """A Domain from the argument of --domain."""
    where = f"--domain {text}"
    keys, at = {}, 0
    while at < len(text):
        word = WORD.match(text, at)
        if not word:
            raise UsageError(
                f"{where}: not KEY=VALUE at {text[at:]!r}"
                ' (a value with a comma or a quote in it: KEY="a,b ""c""")'
            )
        key, quoted, plain = word.groups()
        if key in keys:
            raise UsageError(f"{where}: {key} twice")
        keys[key] = plain if quoted is None else quoted.replace('""', '"')
        at = word.end()
    return from_keys(where, keys, defaults)


def from_file(path, defaults):
    """([Domain], {machine key: value}) from a set in a TOML file; its paths are relative to it."""
    try:
        with open(path, "rb") as file:
            tables = tomllib.load(file)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not TOML: {error}") from None
    for key in tables:
        if key not in ("machine", "domain"):
            raise UsageError(f"{path}: unknown table [{key}]; known are machine, domain.NAME")
    machine = table_of(path, "machine", tables.get("machine", {}))
    for key in machine:
        if key not in MACHINE_KEYS:
            raise UsageError(f"{path}: machine: unknown key {key!r}; known: {', '.join(MACHINE_KEYS)}")
    found = []
    for name, table in table_of(path, "domain", tables.get("domain", {})).items():
        where = f"{path}: domain.{name}"
        keys = {key: text_of(where, key, v) for key, v in table_of(path, name, table).items()}
        found.append(from_keys(where, {"name": name, **keys}, defaults, Path(path).parent))
    if not found:
        raise UsageError(f"{path}: no [domain.NAME] in it")
    return found, machine


def table_of(path, name, value):
    if not isinstance(value, dict):
        raise UsageError(f"{path}: {name} is no table")
    return value


def text_of(where, key, value):
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise UsageError(f"{where}: {key} is neither text nor a number")
    return str(value)


def name_apart(domains):
    """Numbers domains that did not ask for the name that they share with another."""
    used = {domain.name for domain in domains if domain.named}
    for domain in filter(lambda domain: not domain.named, domains):
        base, number = domain.name, 1
        while domain.name in used:
            number += 1
            domain.name = f"{base[:31 - len(str(number)) - 1]}-{number}"
        used.add(domain.name)


def want_store(domains):
    """True for a set with domains that look for a store, and without one."""
    roles = {domain.role for domain in domains}
    return "domu" in roles and "store" not in roles


def check(domains):
    """What only the whole set shows."""
    if len(domains) > MOST:
        counted = f"{len(domains)} domains"
        if any(domain.role == "store" for domain in domains):
            counted += " with the store (--no-store leaves it out)"
        raise UsageError(f"{counted}: there can be {MOST}")
    names = [domain.name for domain in domains]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two domains have the name {name}")
    for role in ("initial", "store"):
        those = [domain.name for domain in domains if domain.role == role]
        if len(those) > 1:
            raise UsageError(f"two domains have role={role}: {', '.join(those)}")
