# SPDX-License-Identifier: MIT
"""Two busy domains beside one that fires random requests and one that dies and comes again.

The ten minutes that are not part of `make test`:
PINION_SECONDS=600 pytest tests/system/test_domain_hostile.py
"""

import os
import re

import pytest
from conftest import BUILD, COUNTED, boot_modules

KERNEL = BUILD / "domains.elf"
SECONDS = int(os.environ.get("PINION_SECONDS", "0"))
AGAIN = "on-reboot=restart:on-crash=restart"
START = 400  # ms of system time: all are up by then
INTERVAL = SECONDS * 1000 or 600


def test_the_others_get_their_share_and_nothing_is_lost():
    busy = f"job=busy from={START} to={START + INTERVAL}"
    done = boot_modules(
        [
            f"{KERNEL} domain:memory=8M:name=one {busy} linger=200",
            f"{KERNEL} domain:memory=8M:name=two {busy}",
            f"{BUILD / 'guest-fuzz.elf'} domain:memory=32M:name=hostile:{AGAIN} seed=4",
            f"{KERNEL} domain:memory=8M:name=wild:{AGAIN} job=wild self=3 within=100",
        ],
        "audit=exit",
        "guest_loglvl=none",
        memory="160M",
        limit=100 + 2 * SECONDS,
        # Counted instructions repeat; the ten minutes are those of the clock on the wall.
        extra=() if SECONDS else COUNTED,
    )
    assert done.status == 0x10, done.out[-3000:]
    audits = re.findall(r"^\(XEN\) audit: .* before: (.*)$", done.out, re.M)
    assert len(audits) > 2 and set(audits) == {"ok"}, audits
    work = [int(n) for n in re.findall(r"^(?:one|two)\| busy: done=(\d+)", done.out, re.M)]
    run = [int(n) for n in re.findall(r"^(?:one|two)\| busy: .*run=(\d+)", done.out, re.M)]
    assert len(work) == 2, done.out[-3000:]
    assert work[0] == pytest.approx(work[1], rel=0.1), (work, run)
    # Four want the CPU, and a fifth for a while each time that one of them is taken apart.
    for share in run:
        assert share > INTERVAL * 1000 * 0.18, (work, run)
    assert "hostile| fuzz: seed 4 epoch at 0" in done.out
    assert re.search(r"Domain \d+ \(wild\) shut down", done.out)
