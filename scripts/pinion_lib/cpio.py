# SPDX-License-Identifier: MIT
"""newc cpio archives, as ramdisks are, whose bytes depend on nothing but what is put in.

Times, owners and inode numbers are fixed; nothing needs root, device nodes included.
"""
import stat
from dataclasses import dataclass

EXECUTABLE = stat.S_IFREG | 0o755


@dataclass(frozen=True)
class Member:
    """One name in the archive; `device` is the (major, minor) of a node."""

    name: str
    data: bytes = b""
    mode: int = EXECUTABLE
    device: tuple = (0, 0)


def directory(name):
    return Member(name, mode=stat.S_IFDIR | 0o755)


def link(name, target):
    return Member(name, target.encode(), stat.S_IFLNK | 0o777)


def node(name, major, minor):
    return Member(name, mode=stat.S_IFCHR | 0o600, device=(major, minor))


def entry(inode, member):
    """Header, name and contents, each padded to 4 bytes."""
    encoded = member.name.encode() + b"\0"
    fields = (inode, member.mode, 0, 0, 1, 0, len(member.data), 0, 0, *member.device)
    header = b"070701" + b"".join(b"%08x" % field for field in (*fields, len(encoded), 0)) + encoded
    return header + bytes(-len(header) % 4) + member.data + bytes(-len(member.data) % 4)


def archive(members):
    """The members sorted by name: a directory comes before what is in it."""
    ordered = sorted(members, key=lambda member: member.name)
    parts = [entry(inode, member) for inode, member in enumerate(ordered, 1)]
    parts.append(entry(0, Member("TRAILER!!!", mode=0)))
    data = b"".join(parts)
    return data + bytes(-len(data) % 512)
