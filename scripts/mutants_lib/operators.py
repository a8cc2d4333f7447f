# SPDX-License-Identifier: MIT
"""The generic faults: every small change of a kind at every place of a function.

A place is named FILE:FUNCTION:OPERATOR#N, the N-th of its kind in the function, so that a name
stands as long as the function does.
"""
import re
from collections import Counter

from .fault import ROOT, Fault, source

ROOMS = ("hv/pt", "hv/mm", "hv/pv")

# What a comment, a string, a log line or an assertion says is not changed.
QUIET = re.compile(
    r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\b(?:trace|ASSERT|printk|guest_printk|_Static_assert)\s*\(', re.S
)
BODY = re.compile(r"^\{$.*?^\}$", re.M | re.S)

COUNTED = re.compile(r"_(?:put|get|free|release|insert|remove|again|unlock)\b|_put_")
BELOW, ABOVE = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}, {"==": "!=", "!=": "=="}


def closing(text, start):
    """Index of the parenthesis that closes the one at start."""
    depth = 0
    for i in range(start, len(text)):
        depth += (text[i] == "(") - (text[i] == ")")
        if not depth:
            return i
    return len(text) - 1


def masked(text):
    """The same text with blanks for all that is no code."""
    out, at = list(text), 0
    while match := QUIET.search(text, at):
        end = match.end()
        if match.group().endswith("("):
            end = closing(text, end - 1) + 1
        for i in range(match.start(), end):
            if out[i] != "\n":
                out[i] = " "
        at = end
    return "".join(out)


def functions(mask):
    """(name, start, end) of each body."""
    for match in BODY.finditer(mask):
        head = mask[: match.start()].rstrip()
        head = head[max(head.rfind("\n\n"), head.rfind(";\n"), head.rfind("}\n")) + 1 :]
        names = [n for n in re.findall(r"\b([a-z]\w*)\(", head) if n != "format"]
        if names:
            yield names[0], match.start(), match.end()


def conditions(mask, start, end, words="if|while"):
    """(start, end) of the text within the parentheses of each, unless it is about a log line alone."""
    for match in re.finditer(rf"\b(?:{words}) \(", mask[start:end]):
        open_at = start + match.end() - 1
        close = closing(mask, open_at)
        if mask[close + 1 : mask.find(";", close)].strip():
            yield open_at + 1, close


def operands(mask, start, end):
    """Operands of the && and || at the top of an expression, with their operators between."""
    depth, cut = 0, []
    for i in range(start, end):
        depth += (mask[i] == "(") - (mask[i] == ")")
        if not depth and mask[i : i + 2] in ("&&", "||"):
            cut.append(i)
    edges = [start, *[c + 2 for c in cut]], [*cut, end]
    return list(zip(*edges)) if cut else []


def whole(operator, replacement):
    """A change maker for a pattern: each match is replaced."""

    def make(mask, start, end):
        for match in operator.finditer(mask, start, end):
            text = replacement(match) if callable(replacement) else replacement
            if text is not None:
                yield match.start(), match.end(), text

    return make


def calls(mask, start, end):
    """(start, end, name) of each statement that is a call."""
    for match in re.finditer(r"^ +(?:\(void\))?([a-z_]\w*)\(", mask[start:end], re.M):
        open_at = start + match.end() - 1
        close = closing(mask, open_at)
        if mask[close + 1] == ";" and match[1] not in ("if", "while", "for", "switch", "return"):
            yield start + match.start(), close + 2, match[1]


def call_drop(mask, start, end):
    for at, to, name in calls(mask, start, end):
        if not name.startswith(("guest_access", "__builtin_ia32", "hook_shared")):
            yield at, to, " ;"


def call_twice(mask, start, end):
    for at, to, name in calls(mask, start, end):
        if COUNTED.search(name) and not name.startswith("guest_"):  # that is a store
            yield at, to, f"{{ {mask[at:to]} {mask[at:to]} }}"


def if_negate(mask, start, end):
    for at, to in conditions(mask, start, end):
        yield at, to, f"!({mask[at:to]})"


def if_never(mask, start, end):
    for at, to in conditions(mask, start, end, "if"):
        yield at, to, f"({mask[at:to]}) && 0"


def operand_drop(mask, start, end):
    spans = list(conditions(mask, start, end))
    spans += [
        (start + m.start(1), start + m.end(1))
        for m in re.finditer(r"\breturn ([^;]*);", mask[start:end])
    ]
    for at, to in spans:
        parts = operands(mask, at, to)
        for left, right in parts:
            beside = mask[right : right + 2] if right != to else mask[left - 2 : left]
            yield left, right, " 1 " if beside == "&&" else " 0 "


def arguments_swap(mask, start, end):
    plain = r"[a-z][\w.>-]*"
    for match in re.finditer(rf"\b[a-z_]\w*\((?:[^()]*, )?({plain}), ({plain})\b(?=[,)])", mask[start:end]):
        if match[1] != match[2]:
            yield start + match.start(1), start + match.end(2), f"{match[2]}, {match[1]}"


FLAG = r"[A-Z][A-Z0-9_]{2,}"
OPERATORS = {
    "call-drop": call_drop,
    "call-twice": call_twice,
    "if-negate": if_negate,
    "if-never": if_never,
    "operand-drop": operand_drop,
    "bound": whole(re.compile(r" (<=|>=|<|>) (?=[\w(&*])"), lambda m: f" {BELOW[m[1]]} "),
    "equal": whole(re.compile(r" (==|!=) "), lambda m: f" {ABOVE[m[1]]} "),
    "one-off": whole(re.compile(r" [+-] 1\b(?!u?l* <<)"), ""),
    "level": whole(
        re.compile(r"\blevel (==|>|<) (\d)\b|\bPT_L([1-4])\b|\blevel - 1\b"),
        lambda m: f"level {m[1]} {int(m[2]) + 1}"
        if m[1]
        else f"PT_L{int(m[3]) % 4 + 1}"
        if m[3]
        else "level",
    ),
    "return-ok": whole(
        re.compile(r"\breturn (?:-E[A-Z]+|rc|refuse\([^;]*\)|fail\([^;]*\));"), "return 0;"
    ),
    "return-flip": whole(
        re.compile(r"\breturn (true|false);"),
        lambda m: f"return {'false' if m[1] == 'true' else 'true'};",
    ),
    "flag-drop": whole(
        re.compile(rf"\b{FLAG} \| (?={FLAG})|(?<=[A-Z0-9_]) \| {FLAG}\b| & ~\(?{FLAG}\b(?! \|)"),
        lambda m: None if m[0].startswith(" & ~(") else "",
    ),
    "store-drop": whole(
        re.compile(r"^ +(?:\*\w+|\w+(?:->|\.)[\w.>\[\]-]+|\*&?\w[\w.>-]*) [|&+-]?= [^;{}]*;", re.M),
        " ;",
    ),
    "arguments-swap": arguments_swap,
}


def of_file(path):
    name = str(path.relative_to(ROOT))
    text = source(name)
    mask = masked(text)
    for function, start, end in functions(mask):
        count = Counter()
        for operator, make in OPERATORS.items():
            for at, to, replacement in sorted(set(make(mask, start, end))):
                count[operator] += 1
                # What was quoted in full has its strings back.
                replacement = replacement.replace(mask[at:to], text[at:to])
                yield Fault(
                    name=f"{name}:{function}:{operator}#{count[operator]}",
                    operator=operator,
                    file=name,
                    start=at,
                    end=to,
                    replacement=replacement,
                )


def generic():
    """Every generic fault of the rooms, in a fixed order."""
    for room in ROOMS:
        for path in sorted((ROOT / room).glob("*.[ch]")):
            yield from of_file(path)
