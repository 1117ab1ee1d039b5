# SPDX-License-Identifier: GPL-2.0
"""
How much of a suite CI runs. docs/long-runs.md records, for each suite, the tree of kmod/ on which all of it passed.
As long as kmod/ is that tree, half of the suite is enough, and the commit decides which half. When it is another tree,
has changes that are not committed, or git cannot say, the whole suite runs.
"""

import contextlib
import datetime
import fcntl
import os
import re
import subprocess
from dataclasses import dataclass

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))))
# 6.1 and 6.12 take opposite halves, so that between them every commit sees each test once.
OPPOSITE = {"6.1": 0, "6.12": 1, "sanitizer": 0}


@dataclass(frozen=True)
class Share:
    half: int | None    # 0 or 1; None for all
    reason: str         # why, for the one who reads the log

    def of(self, items):
        """Every other item of a list, or all of it. Neighbours should cost about the same."""
        return list(items) if self.half is None else list(items)[self.half::2]


class Rotation:
    """The record of one checkout, and what follows from it."""

    def __init__(self, root=ROOT):
        self.root = root
        self.path = os.path.join(root, "docs", "long-runs.md")

    def _git(self, *arguments):
        try:
            done = subprocess.run(["git", "-C", self.root, *arguments], capture_output=True, text=True)
        except OSError:
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    def tree(self):
        """The tree of kmod/, None if git does not know it or something in it is not committed."""
        if self._git("status", "--porcelain", "--", "kmod") != "":
            return None
        return self._git("rev-parse", "--verify", "HEAD:kmod")

    def _row(self, suite):
        return re.compile(rf"^\| `{re.escape(suite)}` \| `(\w+)` \|.*\n", re.M)

    def recorded(self, suite):
        """The tree on which all of the suite passed last, None if there is no such record."""
        try:
            with open(self.path, encoding="utf-8") as f:
                row = self._row(suite).search(f.read())
        except FileNotFoundError:
            return None
        return row.group(1) if row else None

    def share(self, suite, kernel):
        """What to run of a suite on a kernel."""
        tree, recorded = self.tree(), self.recorded(suite)
        if tree is None:
            return Share(None, "all: git knows no tree of kmod/, or it has changes")
        if tree != recorded:
            return Share(None, f"all: kmod/ is {tree[:12]}, all of {suite} passed on {(recorded or 'none')[:12]}")
        commit = self._git("rev-parse", "--verify", "HEAD")
        half = (int(commit[-1], 16) + OPPOSITE.get(kernel, 0)) % 2
        return Share(half, f"half {half + 1} of 2, by commit {commit[:12]}: all of {suite} passed on kmod/ {tree[:12]}")

    def record(self, suite, tree, result):
        """
        Notes that all of the suite passed on a tree, the one from before the run. Returns what there is to say about it.
        """
        if tree is None or tree != self.tree():
            return "not recorded in docs/long-runs.md: kmod/ is not as committed, or git cannot say"
        row = f"| `{suite}` | `{tree}` | {datetime.date.today()} | {result} |\n"
        with self._locked():
            with open(self.path, encoding="utf-8") as f:
                text = f.read()
            if self._row(suite).search(text):
                text = self._row(suite).sub(lambda _: row, text)
            else:
                head = re.search(r"^\| suite \|.*\n\|[ |-]*\n(?:\|.*\n)*", text, re.M)
                if not head:
                    return f"not recorded: {self.path} has no table of suites"
                text = text[:head.end()] + row + text[head.end():]
            new = self.path + ".new"
            with open(new, "w", encoding="utf-8") as f:
                f.write(text)
            os.replace(new, self.path)
        return f"recorded in docs/long-runs.md: all of {suite} passed on kmod/ {tree[:12]}"

    @contextlib.contextmanager
    def _locked(self):
        """Suites of several kernels end side by side."""
        directory = os.open(os.path.dirname(self.path), os.O_RDONLY)
        try:
            fcntl.flock(directory, fcntl.LOCK_EX)
            yield
        finally:
            os.close(directory)
