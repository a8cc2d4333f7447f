# SPDX-License-Identifier: MIT
"""What became of each domain, from the serial line of a machine that had several.

With several domains, each line that a domain writes begins with `NAME| `.
"""
import itertools
import re
from dataclasses import dataclass, field

from .config import CRASH, ERROR, FAILURE, SKIP, SUCCESS

RESULT = re.compile(r"^Test result: (SUCCESS|SKIP|ERROR|FAILURE)\s*$")
RESULT_STATUS = {"SUCCESS": SUCCESS, "SKIP": SKIP, "ERROR": ERROR, "FAILURE": FAILURE}
PLAN = re.compile(r"^1\.\.\d+")
PREFIX = re.compile(r"^([A-Za-z0-9._-]+)\| ?")
SHUT_DOWN = re.compile(r"^\(XEN\) (?:\[[^]]*\] )?Domain (\d+) \(([^)]*)\) shut down: (\w+)")
HARDWARE = re.compile(r"^\(XEN\) (?:\[[^]]*\] )?Hardware Dom0 (halted|shutdown|crashed)")
HARDWARE_REASON = {"halted": "poweroff", "shutdown": "reboot", "crashed": "crash"}
# From the best to the worst.
ORDER = [SUCCESS, SKIP, ERROR, FAILURE, CRASH]


@dataclass
class End:
    """One domain's: why it shut down, as often as it did, and what it said of its own tests."""

    name: str
    reasons: list = field(default_factory=list)
    verdict: str = ""
    planned: bool = False

    @property
    def status(self):
        if self.reasons and self.reasons[-1] in ("crash", "watchdog"):
            return CRASH
        if self.verdict:
            return RESULT_STATUS[self.verdict]
        return ERROR if self.planned else SUCCESS

    def __str__(self):
        times = [(reason, len(list(same))) for reason, same in itertools.groupby(self.reasons)]
        said = ", ".join(f"{reason} {n} times" if n > 1 else reason for reason, n in times)
        said = said or "was running when the machine ended"
        if self.verdict:
            said += f"; Test result: {self.verdict}"
        elif self.planned:
            said += "; a test plan without a test result"
        return f"{self.name}: {said}"


def of_domains(domains, lines):
    """[End] in the order of `domains`."""
    ends = {domain.name: End(domain.name) for domain in domains}
    initial = next((domain.name for domain in domains if domain.role == "initial"), None)
    alone = domains[0].name if len(domains) == 1 else None
    for line in lines:
        shut, hardware, prefix = SHUT_DOWN.match(line), HARDWARE.match(line), PREFIX.match(line)
        if shut and shut[2] in ends:
            if shut[1] != "0" or not ends[shut[2]].reasons:
                ends[shut[2]].reasons.append(shut[3])
        elif hardware and initial and not ends[initial].reasons:
            ends[initial].reasons.append(HARDWARE_REASON[hardware[1]])
        elif prefix and prefix[1] in ends:
            hear(ends[prefix[1]], line[prefix.end() :])
        elif alone:
            hear(ends[alone], line)
    return list(ends.values())


def hear(end, line):
    """One line that the domain wrote."""
    result = RESULT.match(line)
    if result:
        end.verdict = result[1]
    elif PLAN.match(line):
        end.planned = True


def worst(ends):
    return max((end.status for end in ends), key=ORDER.index)
