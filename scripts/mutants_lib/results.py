# SPDX-License-Identifier: MIT
"""Verdicts, kept so that an interrupted run is carried on.

A killed fault stays killed while the file that it changes is the same: tests are only added. One that
survived, everything or the stages so far, is tried again as soon as anything changes.
"""
import hashlib
import json

from .fault import FaultError

VERSION = 1
FINAL = "killed", "no-compile"


def key(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Results:
    def __init__(self, path, tree):
        self.path, self.tree = path, tree
        self.kept = {}

    def load(self):
        if not self.path.is_file():
            return
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise FaultError(f"{self.path}: {error}; --fresh begins anew") from error
        if not isinstance(data, dict) or data.get("version") != VERSION:
            raise FaultError(f"{self.path} is of another version; --fresh begins anew")
        self.kept = data["faults"]

    def save(self):
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps({"version": VERSION, "faults": self.kept}, indent=0))
        new.replace(self.path)

    def find(self, fault, text):
        """The verdict kept for the fault in this text; None when it is to be tried."""
        entry = self.kept.get(fault.name)
        if not entry or entry["text"] != key(fault.apply(text)):
            return None
        if entry["verdict"] not in FINAL and entry["tree"] != self.tree:
            return None
        return entry["verdict"], entry["by"], entry["seconds"]

    def add(self, fault, text, verdict, by, seconds):
        self.kept[fault.name] = {
            "text": key(fault.apply(text)),
            "tree": self.tree,
            "verdict": verdict,
            "by": by,
            "seconds": round(seconds, 2),
        }
        self.save()
