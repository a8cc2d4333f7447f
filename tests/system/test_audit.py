# SPDX-License-Identifier: MIT
"""The auditor in the running hypervisor: its option, its key, its line in dumps, and that it sees.

A machine is damaged from outside, by QEMU's gdb stub, while its guest runs in a loop.
"""

import re
import socket
import struct
import subprocess
import sys
import threading
import time

import pytest
from conftest import BUILD, ROOT, boot

sys.path.insert(0, str(ROOT / "scripts"))
from pinion_lib import machine  # noqa: E402

SWITCH = b"\x01\x01\x01"
FRAME_TABLE, M2P = 0xFFFF82E000000000, 0xFFFF828000000000
ALLOCATED = 1 << 48
VERDICT = r"\(XEN\) audit: \d+ frames, \d+ tables, \d+ references, (\d+) checks before: (.*)"
PANIC_STATUS = 0x3F


def verdicts(out):
    return [(int(checks), said) for checks, said in re.findall(VERDICT, out)]


def audited(kernel, word):
    return boot(kernel, f"--hv-option=audit={word}", "--host-memory", "96M")


def test_off_says_nothing(hello):
    assert not verdicts(boot(hello).out)
    assert not verdicts(audited(hello, "off").out)


def test_exit_audits_before_and_after_teardown(hello):
    done = audited(hello, "exit")
    assert done.status == 0, done.err
    assert verdicts(done.out) == [(0, "ok"), (0, "ok")], done.out
    assert "0 tables, 0 references" in done.out


def test_each_audits_before_the_guest_runs_on(hello):
    done = audited(hello, "each")
    assert done.status == 0, done.err
    assert [said for _, said in verdicts(done.out)] == ["ok", "ok"], done.out
    assert all(checks > 0 for checks, _ in verdicts(done.out)), done.out


def test_unprivileged_domain_is_audited_too():
    done = boot(
        BUILD / "hello.elf", "--domu", "--hv-option=audit=each", "--host-memory", "96M", timeout=60
    )
    assert done.status == 0, done.err
    assert [said for _, said in verdicts(done.out)] == ["ok", "ok"], done.out


def test_bad_word_is_reported(hello):
    done = audited(hello, "sometimes")
    assert done.status == 0, done.err
    assert 'Option "audit": bad value "sometimes": ignored' in done.out


@pytest.mark.parametrize("word", ["off", "exit"])
def test_a_crash_dump_says_whether_the_books_are_right(kernels, word):
    done = audited(kernels(FAULT=1), word)
    assert done.status == 6
    dump = done.out[done.out.index("crashed on cpu#") :]
    assert verdicts(dump)[0] == (0, "ok"), done.out


class Running:
    """A guest in a loop: the serial line, and its memory through the gdb stub."""

    def __init__(self, kernel, folder, *options):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        setup = machine.Boot(BUILD / "pinion.elf", kernel, host_memory="96M")
        setup.hv_options = list(options)
        setup.qemu_args = ["-gdb", f"tcp:127.0.0.1:{self.port}"]
        self.qemu = subprocess.Popen(
            machine.command(setup, folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.out = ""
        threading.Thread(target=self.read, daemon=True).start()
        self.wait("hello")

    def read(self):
        for line in self.qemu.stdout:
            self.out += line.decode(errors="replace").replace("\r", "")

    def wait(self, text):
        end = time.monotonic() + 60
        while not re.search(text, self.out):
            assert time.monotonic() < end, (text, self.out)
            time.sleep(0.02)

    def type(self, keys):
        self.qemu.stdin.write(keys)
        self.qemu.stdin.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.qemu.kill()
        self.qemu.wait()


class Stub:
    """QEMU's gdb stub, as far as reading and writing memory goes. The machine stands still."""

    def __init__(self, port):
        self.line = socket.create_connection(("127.0.0.1", port), timeout=30)

    def ask(self, text):
        """The answer to a packet; QEMU's word that the machine has stopped may come before it."""
        self.line.sendall(b"$%s#%02x" % (text.encode(), sum(text.encode()) % 256))
        answer = rb"\+\$([^#]*)#.."
        got = b""
        while not re.search(answer, got):
            got += self.line.recv(65536)
        self.line.sendall(b"+")
        return re.search(answer, got)[1].decode()

    def words(self, address, count):
        return struct.unpack(f"<{count}Q", bytes.fromhex(self.ask(f"m{address:x},{count * 8:x}")))

    def write(self, address, word):
        assert self.ask(f"M{address:x},8:{struct.pack('<Q', word).hex()}") == "OK"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ask("D")
        self.line.close()


def symbol(name):
    out = subprocess.check_output(["nm", BUILD / "pinion.elf"], text=True)
    return int(re.search(rf"^([0-9a-f]+) . {name}$", out, re.M)[1], 16)


def frame(stub, matches):
    """The first frame whose two words do, and its reference word."""
    for first in range(0, 96 << 8, 64):
        words = stub.words(FRAME_TABLE + first * 16, 128)
        for i in range(64):
            if matches(words[2 * i], words[2 * i + 1]):
                return first + i, words[2 * i], words[2 * i + 1]
    raise AssertionError("no such frame")


def guests(ref, _type):
    return ref >> 32 & 0xFFFF == 0 and ref & ALLOCATED


def free_head(ref, type_word):
    return ref >> 32 & 0xFFFF == 0xFFFF and type_word >> 63


def general_count(stub):
    n, ref, _ = frame(stub, guests)
    stub.write(FRAME_TABLE + n * 16, ref + 1)
    return f"exact-counts: frame {n:x}: general count is {ref % 2**32 + 1:x}"


def type_count(stub):
    n, _, word = frame(stub, guests)
    stub.write(FRAME_TABLE + n * 16 + 8, word + 1)
    return f"exact-counts: frame {n:x}: type count is {word % 2**32 + 1:x}"


def free_block(stub):
    n, _, _ = frame(stub, free_head)
    stub.write(FRAME_TABLE + n * 16 + 8, 0)
    return f"free-list: frame {n:x}: type word of no block is 0"


def m2p_word(stub):
    n, _, _ = frame(stub, free_head)
    stub.write(M2P + n * 8, 7)
    return f"m2p: frame {n:x}: word of nobody's is 7"


@pytest.fixture(name="loop")
def fixture_loop(kernels):
    return kernels(SPIN=1)


def test_the_key(loop, tmp_path):
    with Running(loop, tmp_path) as guest:
        guest.type(SWITCH)
        guest.wait("Serial input to Pinion")
        guest.type(b"h")
        guest.wait(r"\(XEN\)  'A' audit")
        guest.type(b"A")
        guest.wait("audit: .* checks before: ok")
        guest.type(SWITCH)
        guest.wait("Serial input to DOM0")


@pytest.mark.parametrize("damage", [general_count, type_count, free_block, m2p_word])
def test_damage_is_seen_by_the_key(loop, tmp_path, damage):
    with Running(loop, tmp_path) as guest:
        with Stub(guest.port) as stub:
            line = damage(stub)
        guest.type(SWITCH + b"A")
        guest.wait("checks before: [0-9]+ differences")
        assert f"(XEN) audit: {line}" in guest.out, guest.out


def test_damage_ends_the_machine_with_each(loop, tmp_path):
    with Running(loop, tmp_path, "audit=each") as guest:
        at = symbol("free_frames")
        with Stub(guest.port) as stub:
            stub.write(at, stub.words(at, 1)[0] + 1)
        guest.type(b"x")  # an interrupt: a guest in a loop is left alone otherwise
        assert guest.qemu.wait(timeout=60) == PANIC_STATUS
        guest.wait("audit: free-list: allocator 0: number of free frames")
        guest.wait("The books are wrong before d0v0 runs on")
