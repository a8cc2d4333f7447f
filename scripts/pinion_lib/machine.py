# SPDX-License-Identifier: MIT
"""QEMU's command line for one boot of Pinion, or of Xen, with one kernel."""
import itertools
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from . import iso
from .config import ToolError

QEMU = "qemu-system-x86_64"
OVMF = Path("/usr/share/OVMF")
HV_OPTIONS = "console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all noreboot"
# Where Pinion leaves QEMU: it writes N here and QEMU exits with 2N + 1.
EXIT_PORT = 0xF4
GDB_PORT = 1234
CPU = "qemu64"


@dataclass
class Boot:
    """What to boot, and on which machine."""

    hypervisor: Path
    kernel: Path
    cmdline: str = ""
    modules: list = field(default_factory=list)
    on: str = "pinion"
    firmware: str = "direct"
    domu: bool = False
    memory: str = "64M"
    # Several domains (domains.Domain), instead of the one that kernel, cmdline and modules describe.
    domains: list = field(default_factory=list)
    host_memory: str = "512M"
    cpu: str = CPU
    hv_options: list = field(default_factory=list)
    trace: bool = False
    gdb: bool = False
    qemu_args: list = field(default_factory=list)

    def hypervisor_options(self):
        words = [HV_OPTIONS] if self.domains else [HV_OPTIONS, f"dom0_mem={self.memory}"]
        if self.on == "pinion":
            words += ["domu"] if self.domu else []
            words += ["trace"] if self.trace else []
        return " ".join(words + self.hv_options)

    def kernel_cmdline(self):
        return " ".join(filter(None, [self.cmdline, "trace=1" if self.trace else ""]))

    def module_lines(self):
        """[(file, its string behind the name)] in the order in which the hypervisor gets them."""
        if not self.domains:
            return [(self.kernel, self.kernel_cmdline()), *((m, "") for m in self.modules)]
        lines = []
        for domain in self.domains:
            lines += [(domain.kernel, domain.words()), *((m, "") for m in domain.modules)]
        return lines


def comma(text):
    """QEMU reads the list of modules with a doubled comma for a comma."""
    return str(text).replace(",", ",,")


def spaceless(path, work):
    """QEMU ends a module's file name at the first space: link around one."""
    path = Path(path).absolute()
    if " " not in str(path):
        return path
    for number in itertools.count():
        link = work / f"{number or ''}{path.name.replace(' ', '_')}"
        if not link.is_symlink():
            link.symlink_to(path)
        if link.readlink() == path:
            return link


def command(boot, work):
    """The command line. `work` is a directory for files this boot alone needs."""
    if not shutil.which(QEMU):
        raise ToolError(f"{QEMU} is missing (make bootstrap)")
    line = [QEMU, "-m", boot.host_memory, "-cpu", boot.cpu, "-display", "none"]
    line += ["-chardev", "stdio,id=com1,signal=on", "-serial", "chardev:com1"]
    line += ["-monitor", "none", "-nic", "none", "-no-reboot"]
    if boot.on == "pinion":
        line += ["-device", f"isa-debug-exit,iobase={EXIT_PORT:#x},iosize=0x04"]
    if boot.gdb:
        line += ["-gdb", f"tcp:127.0.0.1:{GDB_PORT}", "-S"]
    if boot.firmware == "direct":
        line += direct(boot, work)
    else:
        line += grub(boot, work)
    return line + boot.qemu_args


def direct(boot, work):
    modules = [
        comma(f"{spaceless(path, work)} {words}".rstrip()) for path, words in boot.module_lines()
    ]
    return [
        "-kernel",
        str(boot.hypervisor),
        "-append",
        boot.hypervisor_options(),
        "-initrd",
        ",".join(modules),
    ]


def grub(boot, work):
    image = work / "pinion.iso"
    iso.make(
        image, work / "iso", boot.hypervisor, boot.hypervisor_options(), boot.module_lines()
    )
    line = ["-cdrom", str(image), "-boot", "d"]
    if boot.firmware == "uefi":
        code = OVMF / "OVMF_CODE.fd"
        if not code.is_file():
            raise ToolError(f"{code} is missing: package ovmf (make bootstrap)")
        variables = work / "OVMF_VARS.fd"
        shutil.copyfile(OVMF / "OVMF_VARS.fd", variables)
        line += ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}"]
        line += ["-drive", f"if=pflash,format=raw,unit=1,file={comma(variables)}"]
    return line
