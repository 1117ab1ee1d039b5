# SPDX-License-Identifier: GPL-2.0
"""The tests there are, and what their head comments say about them."""

import fnmatch
import glob
import os
import re
from dataclasses import dataclass

NOT_GROUPS = {"bench", "guest", "harness", "lib", "modules", "progs", "selftest"}
DEFAULT_TIMEOUT_S = 60
FAULTS = 27             # known ones of the series; a test that shows one absent names it: `fault 7: ...`

ALL_KERNELS = ["all"]


@dataclass
class Test:
    name: str           # group/name
    path: str           # the source
    about: str          # what it checks, in one line
    timeout: int        # seconds, on a kernel without sanitizers
    long: list          # kernels on which it is for `check-long`
    kernels: list       # those on which it runs
    needs: list         # commands of the host that are not in every VM

    def program(self):
        """Its path in the VM."""
        return f"/tests/{self.name}" + (".sh" if self.path.endswith(".sh") else "")


def _head(path):
    """The lines of the file's first comment, without the comment's signs."""
    lines, inside = [], False
    with open(path, encoding="utf-8") as f:
        for line in f:
            text = line.strip()
            if text.startswith("#!") or "SPDX-License" in text:
                continue
            if path.endswith(".sh"):
                if not text.startswith("#"):
                    break
                lines.append(text.lstrip("# "))
                continue
            if not inside and not text.startswith(("/*", "//")):
                break
            inside = text.startswith("/*") or inside
            lines.append(text.strip("/* "))
            if text.endswith("*/"):
                break
    return [line for line in lines if line]


def _read(path, name):
    head = _head(path)
    if not head:
        raise SystemExit(f"{path}: the first comment has to say in one line what the test checks")
    timeout = [int(m.group(1)) for m in (re.fullmatch(r"timeout: (\d+)", line) for line in head) if m]
    kernels = [m.group(1).split() for m in (re.fullmatch(r"kernels: (.+)", line) for line in head) if m]
    long = [ALL_KERNELS if line == "long" else line.split()[1:] for line in head if re.fullmatch(r"long(: .+)?", line)]
    needs = [m.group(1).split() for m in (re.fullmatch(r"needs: (.+)", line) for line in head) if m]
    return Test(name, path, head[0], timeout[0] if timeout else DEFAULT_TIMEOUT_S, long[0] if long else [],
                kernels[0] if kernels else ALL_KERNELS, needs[0] if needs else [])


def read(directory, groups=None):
    """All tests below directory, by name."""
    tests = []
    for path in glob.glob(os.path.join(directory, "*", "*.sh")) + glob.glob(os.path.join(directory, "*", "*.c")):
        group = os.path.basename(os.path.dirname(path))
        if (group in groups) if groups else (group not in NOT_GROUPS):
            tests.append(_read(path, f"{group}/{os.path.splitext(os.path.basename(path))[0]}"))
    return sorted(tests, key=lambda t: t.name)


def faults_without_test(tests):
    """Which of the series' faults, by number, no test names."""
    named = {int(n) for t in tests for n in re.findall(r"\bfaults? (\d+)", t.about)}
    return [n for n in range(1, FAULTS + 1) if n not in named]


def choose(tests, patterns, kernel, long):
    """Those that patterns name; without a pattern the ones that are not long, or only those with long."""
    def listed(kernels):
        return kernels == ALL_KERNELS or kernel in kernels

    chosen = [t for t in tests if listed(t.kernels)]
    if patterns:
        return [t for t in chosen if any(fnmatch.fnmatch(t.name, p) or fnmatch.fnmatch(t.name, p + "/*") for p in patterns)]
    return [t for t in chosen if listed(t.long) == long]
