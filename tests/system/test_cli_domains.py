# SPDX-License-Identifier: MIT
"""Several domains on the command line and in sets: what is refused, and what the hypervisor is told."""

import sys
from pathlib import Path

import pytest
from conftest import ROOT, call

sys.path.insert(0, str(ROOT / "scripts"))
from pinion_lib import domains, ends, iso, machine, runner  # noqa: E402
from pinion_lib.config import CRASH, ERROR, FAILURE, SUCCESS, TIMEOUT, UsageError  # noqa: E402

DEFAULTS = {"memory": "64M"}


@pytest.fixture
def files(tmp_path):
    """Files that exist, which is all that is asked of them before a boot."""
    for name in ("a.elf", "b.elf", "disk.cpio", "odd, name.elf"):
        (tmp_path / name).write_text(name)
    return tmp_path


WRONG = [
    ("kernel={}/none.elf", "no such file"),
    ("kernel={}/a.elf,module={}/none", "no such file"),
    ("name=x", "no kernel=FILE"),
    ("kernel={}/a.elf,kernels=1", "unknown key 'kernels'"),
    ("kernel={}/a.elf,memory=lots", "memory=lots"),
    ("kernel={}/a.elf,memory=", "memory="),
    ("kernel={}/a.elf,vcpus=0", "vcpus=0"),
    ("kernel={}/a.elf,vcpus=9", "vcpus=9"),
    ("kernel={}/a.elf,weight=70000000", "weight=70000000"),
    ("kernel={}/a.elf,role=king", "role=king"),
    ("kernel={}/a.elf,on-reboot=maybe", "on-reboot=maybe"),
    ("kernel={}/a.elf,name=a:b", "name=a:b"),
    ("kernel={}/a.elf,name=", "name="),
    ("kernel={}/a.elf,cmdline=1,2", "not KEY=VALUE at '2'"),
    ('kernel={}/a.elf,cmdline="1,2', "not KEY=VALUE"),
    ("kernel={}/a.elf,name=a,name=b", "name twice"),
    ("", "no kernel=FILE"),
]


@pytest.mark.parametrize("spec,said", WRONG)
def test_wrong_domains(files, spec, said):
    done = call("run", "--domain", spec.replace("{}", str(files)))
    assert done.status == 2, done
    assert said in done.err and "Traceback" not in done.err
    assert not done.out


def test_wrong_together(files):
    one = f"kernel={files}/a.elf"
    for more, said in [
        (["--domain", one + ",name=x", "--domain", one + ",name=x"], "two domains have the name x"),
        (["--domain", one + ",role=initial", "--domain", one + ",role=initial"], "role=initial: a, a-2"),
        (["--domain", one + ",role=store", "--domain", one + ",role=store"], "two domains have role"),
        ([f"{files}/a.elf", "--domain", one + ",role=initial"], "two domains have role=initial"),
        (["--domain", one, "--on", "xen"], "--on xen"),
        (["--domain", one, "--domu"], "belong to a KERNEL"),
        (["--domain", one, "--cmdline", "x"], "belong to a KERNEL"),
        (["--domain", one] * 17, "there can be 16"),
    ]:
        done = call("run", *more)
        assert done.status == 2, (more, done)
        assert said in done.err, (more, done.err)


SETS = [
    ("", "no [domain.NAME]"),
    ("[domain]\n", "no [domain.NAME]"),
    ("[domains.a]\nkernel='a.elf'\n", "unknown table [domains]"),
    ("[domain.a]\nkernel='a.elf'\n[domain.a]\n", "not TOML"),
    ("[domain.a]\nkernel='none.elf'\n", "no such file"),
    ("[domain.a]\nkernel='a.elf'\ncpus=2\n", "unknown key 'cpus'"),
    ("[domain.a]\nkernel='a.elf'\nvcpus=true\n", "neither text nor a number"),
    ("[domain.a]\nkernel='a.elf'\ncmdline='''a\nb'''\n", "one line"),
    ("[machine]\nmemory='1G'\nspeed=9\n[domain.a]\nkernel='a.elf'\n", "unknown key 'speed'"),
    ("domain = 3\n", "domain is no table"),
    ("[domain]\na = 3\n", "a is no table"),
    ("\xff", "not TOML"),
]


@pytest.mark.parametrize("text,said", SETS)
def test_wrong_sets(files, text, said):
    path = files / "set.toml"
    path.write_bytes(text.encode("latin-1"))
    done = call("run", "--domains", path)
    assert done.status == 2, done
    assert said in done.err and "Traceback" not in done.err


def test_missing_set():
    done = call("run", "--domains", "/nonexistent.toml")
    assert done.status == 2
    assert "/nonexistent.toml: No such file" in done.err


def test_module_lines(files):
    a = domains.from_spec(
        f'kernel={files}/a.elf,module={files}/disk.cpio,cmdline="x=1,2 say ""hi""",weight=512', DEFAULTS
    )
    b = domains.from_spec(f"kernel={files}/a.elf,role=initial,vcpus=2,memory=1G", DEFAULTS)
    domains.name_apart([a, b])
    boot = machine.Boot("hv", None, domains=[a, b])
    assert boot.module_lines() == [
        (files / "a.elf", 'domain:name=a:memory=64M:weight=512:role=domu x=1,2 say "hi"'),
        (files / "disk.cpio", ""),
        (files / "a.elf", "domain:name=a-2:memory=1G:vcpus=2:role=initial"),
    ]
    line = machine.direct(boot, files)
    assert "dom0_mem" not in line[3]
    assert line[-1].startswith(f"{files}/a.elf domain:name=a:")
    assert 'role=domu x=1,,2 say "hi",' in line[-1]
    assert domains.machine_memory([a, b]) == f"{1024 + 64 + 128 + 1}M"  # their files, rounded up


def test_names_are_numbered_around_those_asked_for(files):
    specs = [f"kernel={files}/a.elf", f"kernel={files}/b.elf,name=a", f"kernel={files}/a.elf"]
    found = [domains.from_spec(spec, DEFAULTS) for spec in specs]
    domains.name_apart(found)
    assert [domain.name for domain in found] == ["a-2", "a", "a-3"]


def test_quoted_file_names(files):
    found = domains.from_spec(f'kernel="{files}/odd, name.elf"', DEFAULTS)
    assert found.name == "odd__name"
    line = machine.direct(machine.Boot("hv", None, domains=[found]), files)
    assert line[-1].startswith(f"{files}/odd,,_name.elf domain:")
    assert (files / "odd,_name.elf").read_text() == "odd, name.elf"


def test_links_of_one_name_in_two_folders(files):
    paths = []
    for folder in ("one x", "two x"):
        (files / folder).mkdir()
        (files / folder / "k").write_text(folder)
        paths.append(machine.spaceless(files / folder / "k", files))
    assert [path.read_text() for path in paths] == ["one x", "two x"]


def test_a_set(files):
    path = files / "set.toml"
    path.write_text(
        "[machine]\nmemory = '1G'\noptions = 'audit=exit'\n"
        "[domain.second]\nkernel = 'b.elf'\nvcpus = 2\n"
        "[domain.first]\nkernel = 'a.elf'\nmodule = 'disk.cpio'\ncmdline = 'a, b'\nrole = 'initial'\n"
    )
    found, settings = domains.from_file(path, DEFAULTS)
    assert settings == {"memory": "1G", "options": "audit=exit"}
    assert [domain.name for domain in found] == ["second", "first"]
    assert found[0].words() == "domain:name=second:memory=64M:vcpus=2:role=domu"
    assert found[1].modules == [files / "disk.cpio"] and found[1].cmdline == "a, b"


def test_grub_media_have_each_file_once(files, monkeypatch):
    one = domains.from_spec(f"kernel={files}/a.elf,cmdline=$x", DEFAULTS)
    two = domains.from_spec(f"kernel={files}/a.elf,name=two", DEFAULTS)
    boot = machine.Boot(files / "b.elf", None, domains=[one, two])
    monkeypatch.setattr(iso.shutil, "which", lambda name: None if name == "faketime" else name)
    monkeypatch.setattr(
        iso.subprocess, "run", lambda *_, **__: files.joinpath("out").write_text("") or Finished
    )
    iso.make(files / "out", files / "tree", boot.hypervisor, "opt", boot.module_lines())
    config = (files / "tree/boot/grub/grub.cfg").read_text().splitlines()
    assert config[-3:] == [
        "module2 /boot/a.elf a.elf domain:name=a:memory=64M:role=domu \\$x",
        "module2 /boot/a.elf a.elf domain:name=two:memory=64M:role=domu",
        "boot",
    ]


class Finished:
    """A subprocess that went well."""

    returncode = 0
    stdout = ""


class Known:
    """As much of a Domain as the judge looks at."""

    def __init__(self, name, role="domu"):
        self.name = name
        self.role = role


def ended(names, *lines):
    return ends.of_domains([Known(*name.split(":")) for name in names.split()], lines)


def test_ends_of_domains():
    a, b, c = ended(
        "a b:initial c",
        "a| 1..1",
        "a| Test result: SUCCESS",
        "(XEN) Domain 1 (a) shut down: reboot",
        "(XEN) [    1.234567] Domain 3 (a) shut down: poweroff",
        "(XEN) Hardware Dom0 crashed: 'noreboot' set - not rebooting.",
    )
    assert str(a) == "a: reboot, poweroff; Test result: SUCCESS" and a.status == SUCCESS
    assert str(b) == "b: crash" and b.status == CRASH
    assert str(c) == "c: was running when the machine ended" and c.status == SUCCESS
    assert ends.worst([a, b, c]) == CRASH


def test_domains_that_say_nothing_of_their_tests_or_fail_them():
    a, b = ended("a b", "a| 1..3", "b| Test result: FAILURE", "c| Test result: ERROR")
    assert a.status == ERROR and b.status == FAILURE
    assert ends.worst([a, b]) == FAILURE


def test_a_domain_cannot_speak_for_another():
    a, b = ended("a b", "a| b| Test result: FAILURE", "a| (XEN) Domain 2 (b) shut down: crash")
    assert not a.verdict and not b.verdict and not b.reasons


def test_the_initial_domain_has_one_end():
    (a, _) = ended(
        "a:initial b",
        "(XEN) Domain 0 (a) shut down: poweroff",
        "(XEN) Hardware Dom0 halted: halting machine",
    )
    assert a.reasons == ["poweroff"]


def test_equal_ends_are_counted():
    again = ["(XEN) Domain 1 (a) shut down: crash"] * 3
    (a,) = ended("a", *again, "(XEN) Domain 2 (a) shut down: poweroff")
    assert str(a) == "a: crash 3 times, poweroff"


def test_a_single_domain_has_no_prefix():
    (a,) = ended("a", "1..1", "Test result: SUCCESS", "(XEN) Domain 1 (a) shut down: poweroff")
    assert a.status == SUCCESS and a.verdict == "SUCCESS"


@pytest.mark.parametrize(
    "code,lines,status",
    [
        (0x21, ["a| Test result: FAILURE"], FAILURE),
        (0x21, ["(XEN) Domain 1 (a) shut down: crash"], CRASH),
        (0x21, ["(XEN) Domain 1 (a) shut down: poweroff"], SUCCESS),
        (0x3F, ["(XEN) Panic on CPU 0:", "(XEN) bad"], CRASH),
        (0x3F, ["a| Test result: SUCCESS"], CRASH),
        (1, [], ERROR),
    ],
)
def test_status_of_a_run(code, lines, status):
    serial = runner.Serial(False, None)
    serial.feed("".join(line + "\n" for line in lines).encode())
    outcome = runner.judge(code, serial, False, 1, "", [Known("a"), Known("b")])
    assert outcome.status == status
    assert len(outcome.ends) == 2


def test_a_late_machine_is_a_timeout():
    serial = runner.Serial(False, None)
    serial.feed(b"(XEN) Domain 1 (a) shut down: crash\n")
    outcome = runner.judge(-9, serial, True, 1, "", [Known("a")])
    assert outcome.status == TIMEOUT and outcome.ends[0].status == CRASH


def test_a_set_gets_a_store_where_somebody_looks_for_one(files):
    def roles(*specs):
        return domains.want_store([domains.from_spec(spec, DEFAULTS) for spec in specs])

    a = f"kernel={files}/a.elf"
    assert roles(a) and roles(a, f"{a},role=initial")
    assert not roles(f"{a},role=initial") and not roles(a, f"{a},role=store") and not roles()


def test_the_store_is_left_out_on_demand(hello):
    line = ["run", "--domain", f"kernel={hello},memory=8M,name=a"]
    done = call(*line, "--no-store")
    assert "No store domain" in done.out and "domain store" not in done.out + done.err
    done = call(*line)
    assert "No store domain" not in done.out and "domain store: was running" in done.out + done.err


def test_the_store_has_a_kernel_of_its_own(files):
    with pytest.raises(UsageError, match="no kernel"):
        domains.from_spec("role=store", DEFAULTS)
    store = {**DEFAULTS, "store": files / "b.elf"}
    found = domains.from_spec("role=store", store)
    assert found.kernel == files / "b.elf" and found.role == "store"
    assert found.passed["memory"] == "32M"
    assert domains.from_spec("role=store,memory=48M", store).passed["memory"] == "48M"
    assert domains.from_spec(f"role=store,kernel={files}/a.elf", store).name == "a"


def test_defaults_of_a_domain(files):
    with pytest.raises(UsageError, match="no kernel"):
        domains.from_keys("x", {}, {})
    found = domains.from_keys("x", {"kernel": "a.elf"}, DEFAULTS, Path(files))
    assert (found.name, found.role, found.modules, found.cmdline) == ("a", "domu", [], "")
