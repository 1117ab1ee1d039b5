#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""How much of a suite CI runs, in repositories made for it. The last line is `N passed, N failed`."""

import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "harness"))

from rotation import Rotation

PAGE = """# Long runs

| suite | kmod/ | date | result |
| --- | --- | --- | --- |
| `check 6.1` | `1234567` | 2026-01-01 | 1 passed, 0 failed |

The end.
"""


class RotationTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = directory.name
        self.write("kmod/module.c", "one")
        self.write("exporter/Main.java", "one")
        self.write("docs/long-runs.md", PAGE)
        self.rotation = Rotation(self.root)

    def write(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)

    def page(self):
        with open(os.path.join(self.root, "docs/long-runs.md")) as f:
            return f.read()

    def git(self, *arguments):
        return subprocess.run(["git", "-C", self.root, "-c", "user.name=t", "-c", "user.email=t@t", *arguments],
                              check=True, capture_output=True, text=True).stdout

    def commit(self):
        if not os.path.isdir(os.path.join(self.root, ".git")):
            self.git("init", "-q")
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "x")

    def passes(self, suite="check 6.1"):
        return self.rotation.record(suite, self.rotation.tree(), "7 passed, 0 failed")

    def half(self, kernel="6.1"):
        return self.rotation.share(f"check {kernel}", kernel).half

    def test_all_runs_without_git(self):
        self.assertIsNone(self.half())
        self.assertIn("not recorded", self.passes())
        self.assertEqual(self.page(), PAGE)

    def test_all_runs_while_there_is_no_record_of_this_tree(self):
        self.commit()
        self.assertIsNone(self.half())

    def test_half_runs_once_all_passed_and_until_kmod_changes(self):
        self.commit()
        self.assertIn("recorded", self.passes())
        self.commit()
        self.assertIn(self.half(), (0, 1))
        self.write("exporter/Main.java", "two")
        self.commit()
        self.assertIn(self.half(), (0, 1))
        self.write("kmod/module.c", "two")
        self.commit()
        self.assertIsNone(self.half())

    def test_record_of_one_kernel_is_none_of_another(self):
        self.commit()
        self.passes("check 6.1")
        self.assertIsNone(self.half("6.12"))
        self.passes("check 6.12")
        self.assertEqual({self.half("6.1"), self.half("6.12")}, {0, 1})

    def test_both_halves_come_and_a_commit_always_has_the_same(self):
        self.commit()
        self.passes()
        seen = set()
        for _ in range(40):
            self.commit()
            self.assertEqual(self.half(), self.half())
            seen.add(self.half())
        self.assertEqual(seen, {0, 1})

    def test_halves_make_the_whole(self):
        self.commit()
        self.passes("check 6.1")
        self.passes("check 6.12")
        items = list(range(7))
        one, other = (self.rotation.share(f"check {k}", k).of(items) for k in ("6.1", "6.12"))
        self.assertEqual(sorted(one + other), items)
        self.assertLessEqual(abs(len(one) - len(other)), 1)

    def test_changes_that_are_not_committed_run_all_and_are_not_recorded(self):
        self.commit()
        self.passes()
        self.write("kmod/new.c", "")
        self.assertIsNone(self.half())
        before = self.page()
        self.assertIn("not recorded", self.passes())
        self.assertEqual(self.page(), before)

    def test_kmod_that_changes_during_the_run_is_not_recorded(self):
        self.commit()
        tree = self.rotation.tree()
        self.write("kmod/module.c", "two")
        self.commit()
        self.assertIn("not recorded", self.rotation.record("check 6.1", tree, ""))
        self.assertEqual(self.page(), PAGE)

    def test_record_takes_the_place_of_the_one_before_and_leaves_the_rest_of_the_page(self):
        self.commit()
        self.passes("check 6.1")
        self.passes("e2e 6.12")
        self.passes("e2e 6.12")
        tree = self.rotation.tree()
        lines = self.page().splitlines()
        self.assertEqual([line.split(" | ")[:2] for line in lines[4:6]],
                         [["| `check 6.1`", f"`{tree}`"], ["| `e2e 6.12`", f"`{tree}`"]])
        self.assertEqual(lines[:4] + lines[6:], PAGE.splitlines()[:4] + ["", "The end."])

    def test_shallow_clone_has_what_it_needs(self):
        self.commit()
        self.passes()
        self.commit()
        with tempfile.TemporaryDirectory() as clone:
            subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{self.root}", clone], check=True)
            self.assertEqual(Rotation(clone).share("check 6.1", "6.1").half, self.half())


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed", flush=True)
    sys.exit(failed != 0)
