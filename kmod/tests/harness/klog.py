# SPDX-License-Identifier: GPL-2.0
"""What in the kernel's log means that something is wrong, whatever the test itself says."""

import re

TROUBLE = re.compile("|".join([
    r"\bWARNING: ", r"\bBUG: ", r"kernel BUG at", r"\bOops\b", r"general protection fault", r"Kernel panic", r"\bKASAN\b", r"\bUBSAN\b",
    r"ODEBUG", r"INFO: task .* blocked for more", r"INFO: rcu", r"rcu: INFO", r"possible recursive locking",
    r"possible circular locking", r"inconsistent lock state", r"suspicious RCU usage", r"sleeping function called",
    r"scheduling while atomic", r"soft lockup", r"workqueue lockup", r"refcount_t: ", r"list_(add|del) corruption",
    r"corrupted (list|stack)", r"unreferenced object", r"bad page state", r"invalid opcode", r"divide error", r"Freeing alive",
    r"kobject .* is not initialized", r"sysfs: cannot create duplicate", r"Slab .* Objects remaining", r"stack guard page was hit",
    r"DEBUG_LOCKS_WARN_ON", r"MAX_LOCK", r"lock held when returning to user space", r"still has locks held",
]), re.IGNORECASE)

# Said by a sound kernel too.
HARMLESS = re.compile(r"module verification failed|loading out-of-tree module|CPU feature|mitigat|"
                      r"ommand line: |lockdep is turned off|blkcast-test:|RETBleed|TSC_ADJUST|alg: |unsupported hardware|MP-BIOS bug", re.IGNORECASE)

EXCERPT_LINES = 40


def excerpt(lines):
    """The first trouble in lines and what follows it; empty if all is well."""
    for index, line in enumerate(lines):
        if TROUBLE.search(line) and not HARMLESS.search(line):
            return lines[max(0, index - 2):index + EXCERPT_LINES]
    return []
