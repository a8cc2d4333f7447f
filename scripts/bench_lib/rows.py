# SPDX-License-Identifier: MIT
"""What each row is, and the instructions it may cost Pinion at most."""

# name: (what one operation is, target or None)
ROWS = {
    "null-hypercall": ("null hypercall (`xen_version`)", 40),
    "yield": ("`sched_op` yield, alone on the CPU", 200),
    "event-to-self": ("event sent to oneself: hypercall, upcall, `iret`", None),
    "timer-tick": ("timer tick: interrupt, upcall, `iret`", None),
    "update-va-pair": ("`update_va_mapping`, unmap + map", 300),
    "update-va-pair-invlpg": ("the same with `INVLPG`", 320),
    "mmu-update-pair": ("`mmu_update`, one entry: unmap + map", 340),
    "mmu-update-1-same": ("`mmu_update`, batch of 1 unchanged, per entry", None),
    "mmu-update-8-same": ("… of 8", None),
    "mmu-update-64-same": ("… of 64", None),
    "mmu-update-512-same": ("… of 512", 35),
    "mmu-update-1-pair": ("`mmu_update`, batch of 1 unmap + 1 map, per pair", None),
    "mmu-update-8-pair": ("… of 8 + 8", None),
    "mmu-update-64-pair": ("… of 64 + 64", None),
    "mmu-update-512-pair": ("… of 512 + 512", 150),
    "store-xchg-mov": ("store to a live L1 as if to memory: `XCHG` out, `MOV` in", None),
    "store-cmpxchg": ("… two `LOCK CMPXCHG`", None),
    "store-bits": ("… `LOCK BTR`, `LOCK BTS`", None),
    "store-protect": ("… `LOCK AND`, `LOCK OR` of one byte", None),
    "demand-fault": ("demand fault of the kernel, L1 there", 400),
    "demand-fault-mov-cr2": ("the same, CR2 read by `mov` and so emulated", None),
    "demand-fault-new-l1": ("demand fault, new L1: read-only, pin, hook, map", 1800),
    "user-fault": ("demand fault of a user process, to its next instruction", None),
    "evict-return": ("page evicted and faulted back in", None),
    "copy-on-write-512": ("copy on write of 512 pages, per page", None),
    "process-64-pages": ("process made, 64 pages touched, destroyed", None),
    "pin-unpin-l4": ("pin + unpin of a new L4", 2400),
    "pin-unpin-l4-1-l1": ("… with 1 full L1 of its own", None),
    "pin-unpin-l4-16-l1": ("… with 16", None),
    "pin-unpin-l4-256-l1": ("… with 256", None),
    "baseptr-pair": ("`NEW_BASEPTR` there and back", 260),
    "boot": ("boot, hypervisor's entry to guest's first instruction", 20_000_000),
}

# The settings of a run: (name, hypervisor, its options).
SETTINGS = {
    "pinion": ("pinion", []),
    "xen": ("xen", ["spec-ctrl=no"]),
    "xen-default": ("xen", []),
}
TITLES = {
    "pinion": "Pinion",
    "xen": "Xen 4.17, spec-ctrl=no",
    "xen-default": "Xen 4.17, defaults",
}

# Not figures for a table: what the kernel tells on the side.
ASIDE = ("tsc-khz", "read-of-the-clock", "timer-tick-best")
