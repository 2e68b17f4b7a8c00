"""What all tests of the command line of ksim stand on: how it is called, and what any call must be like."""

import os
import re
import subprocess
import sys
import tempfile
import unittest

KSIM = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else "build/release/sim/ksim"
DIGEST = re.compile(r"^digest [0-9a-f]{16}$", re.M)


def ksim(*arguments, **options):
    return subprocess.run([KSIM, *arguments], capture_output=True, text=True, timeout=600, **options)


def digest(run):
    return DIGEST.search(run.stdout).group(0)


class CommandLineCase(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def path(self, name):
        return os.path.join(self.directory.name, name)

    def file(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as out:
            out.write(text)
        return self.path(name)

    def good(self, *arguments, **options):
        run = ksim(*arguments, **options)
        self.assertEqual(run.returncode, 0, f"{arguments}\n{run.stdout}\n{run.stderr}")
        return run

    def refused(self, *arguments):
        """Bad input: one message of at most three lines, nothing else."""
        run = ksim(*arguments)
        self.assertEqual(run.returncode, 2, f"{arguments}\n{run.stdout}\n{run.stderr}")
        self.assertEqual(run.stdout, "")
        self.assertTrue(run.stderr.startswith("ksim: "), run.stderr)
        self.assertLessEqual(run.stderr.count("\n"), 3)
        return run.stderr
