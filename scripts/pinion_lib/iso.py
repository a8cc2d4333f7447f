# SPDX-License-Identifier: MIT
"""GRUB images that boot a hypervisor with a kernel and its modules."""
import os
import shutil
import subprocess
import time

from .config import ToolError

# What the images need of GRUB; with all of it they are five times as large and slower to boot.
MODULES = "multiboot2 serial terminal normal iso9660 fat part_gpt part_msdos search test echo boot"
PLAIN = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789=,.:/_-+@%^")


def grub_word(word):
    """`word` as GRUB's shell reads it back unchanged."""
    return "".join(c if c in PLAIN else "\\" + c for c in word)


def grub_words(text):
    return " ".join(grub_word(word) for word in text.split())


def grub_config(hv_options, modules):
    """The commands of one boot; `modules` is [(name, words)]. A module's string begins with its name."""
    lines = [
        "serial --unit=0 --speed=115200",
        "terminal_input serial",
        "terminal_output serial",
        f"multiboot2 /boot/pinion.elf {grub_words(hv_options)}",
    ]
    lines += [f"module2 /boot/{name} {name} {grub_words(words)}" for name, words in modules]
    return "\n".join(line.rstrip() for line in lines) + "\nboot\n"


def make(out, tree, hypervisor, hv_options, modules):
    """Writes a bootable image to `out`; `tree` is a directory to stage it in; `modules` is
    [(file, its string behind the name)]."""
    if not shutil.which("grub-mkrescue"):
        raise ToolError("grub-mkrescue is missing (make bootstrap)")
    boot = tree / "boot"
    (boot / "grub").mkdir(parents=True)
    shutil.copyfile(hypervisor, boot / "pinion.elf")
    names = {}  # a file that several domains use is there once
    for source, _ in modules:
        name = "".join(c if c in PLAIN and c not in "/," else "_" for c in source.name)
        if name == "pinion.elf" or name in names.values():
            name = f"{len(names)}-{name}"
        if source not in names:
            shutil.copyfile(source, boot / name)
            names[source] = name
    config = grub_config(hv_options, [(names[source], words) for source, words in modules])
    (boot / "grub" / "grub.cfg").write_text(config)
    # One date for every file, so that the same contents give the same image.
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH", "1700000000"))
    for path in [tree, *tree.rglob("*")]:
        os.utime(path, (epoch, epoch))
    command = ["grub-mkrescue", "-o", str(out), str(tree)]
    command += [f"--install-modules={MODULES}", "--fonts=", "--themes=", "--locales="]
    # It writes the time of day into the image's identity and its FAT; nothing but a stopped clock helps.
    if shutil.which("faketime"):
        stopped = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(epoch))
        command = ["faketime", "-f", stopped, *command]
    command += ["--", "-volume_date", "all_file_dates", f"={epoch}"]
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "TZ": "UTC"},
        check=False,
    )
    if done.returncode or not out.is_file():
        tail = "\n".join(done.stdout.splitlines()[-10:])
        raise ToolError(f"grub-mkrescue failed with {done.returncode}:\n{tail}")
