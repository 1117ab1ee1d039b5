#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs the tests of this directory, most of which go wrong, and checks what the harness makes of them."""

import os
import re
import subprocess
import sys

EXPECTED = {    # name: word in the summary, what its diagnostics have to contain
    "a_pass": ("pass", ""),
    "b_fail": ("FAIL", "got -EINVAL, expected -ENOENT"),
    "c_crash": ("FAIL", "killed by signal 11"),
    "d_hang": ("FAIL", "timeout: not finished"),
    "e_skip": ("SKIP", "no such device here"),
    "f_warn": ("FAIL", "WARNING: CPU: 0 PID: 1 at selftest"),
    "g_oops": ("FAIL", "sysrq triggered crash"),
    "h_stuck": ("FAIL", "cannot be killed"),
    "i_devices": ("pass", ""),
    "j_clean": ("pass", ""),
}


def main():
    here = os.path.dirname(os.path.realpath(__file__))
    argv = [sys.executable, os.path.join(here, "..", "harness", "run.py"), "--selftest", *sys.argv[1:]]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True)
    sys.stdout.write(done.stdout)
    problems, diagnostics = [], {}
    pending = []
    for line in done.stdout.splitlines():
        if line.startswith("# "):
            pending.append(line)
        match = re.match(r"(?:not )?ok \d+ - selftest/(\w+):", line)
        if match:
            diagnostics[match.group(1)], pending = "\n".join(pending) + line, []
    words = dict(reversed(m) for m in re.findall(r"^(pass|FAIL|SKIP) selftest/(\w+) ", done.stdout, re.M))
    for name, (word, text) in EXPECTED.items():
        if words.get(name) != word:
            problems.append(f"{name}: {words.get(name)} instead of {word}")
        if text not in diagnostics.get(name, ""):
            problems.append(f"{name}: its diagnostics lack '{text}'")
    passed = sum(w == "pass" for w, _ in EXPECTED.values())
    failed = sum(w == "FAIL" for w, _ in EXPECTED.values())
    if done.stdout.rstrip().splitlines()[-1:] != [f"{passed} passed, {failed} failed"]:
        problems.append("the last line does not count them right")
    if done.returncode == 0:
        problems.append("exit status 0 in spite of failures")
    print("selftest: " + ("; ".join(problems) if problems else "the harness tells right from wrong"))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
