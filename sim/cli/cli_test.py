#!/usr/bin/env python3
"""The command line of ksim as a person or a program meets it: exit codes, what is on which stream, files."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

KSIM = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else "build/release/sim/ksim"
SHORT = ["--set", "duration=9s"]
DIGEST = re.compile(r"^digest [0-9a-f]{16}$", re.M)

ONE_BROKER = '[cluster]\nbrokers = 1\ncontrollers = 1\n[[topic]]\nname = "t"\n'
FAULT = '[[fault]]\nkind = "crash"\ntarget = "broker-1"\nat = "1s"\n'


def ksim(*arguments, **options):
    return subprocess.run([KSIM, *arguments], capture_output=True, text=True, timeout=600, **options)


def digest(run):
    return DIGEST.search(run.stdout).group(0)


class CommandLine(unittest.TestCase):
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

    def test_lists(self):
        everything = self.good("list").stdout
        for what, word in [("scenarios", "leader_crash"), ("faults", "power_loss"), ("checkers", "R1"),
                           ("marks", "isr.shrunk")]:
            text = self.good("list", what).stdout
            self.assertIn(word, text)
            self.assertIn(text, everything)
        self.assertIn('did you mean "marks"', self.refused("list", "markz"))

    def test_bad_command_lines(self):
        for arguments in [[], ["nonsense"], ["scenario"], ["scenario", "ping", "pong"], ["scenario", "ping", "--wat"],
                          ["scenario", "ping", "--seed", "-1"], ["scenario", "ping", "--seed", ""],
                          ["scenario", "ping", "--seed", "18446744073709551616"], ["scenario", "ping", "--seeds", "9..1"],
                          ["scenario", "ping", "--seeds", "-1..2"], ["scenario", "ping", "--seeds", "1.."],
                          ["scenario", "ping", "--jobs", "0"], ["scenario", "ping", "--seed", "1", "--seeds", "1..2"],
                          ["scenario", "ping", "--set", "novalue"], ["scenario", "ping", "--set", "no.such.key=1"],
                          ["scenario", "ping", "--set", "duration=soon"], ["scenario", "ping", "--set", "seed=3"],
                          ["scenario", "--plan", "/nowhere"], ["scenario", "--plan", ""], ["scenario", "/"],
                          ["scenario", "quorum", "--set", "fault.9.at=1s"], ["scenario", "quorum", "--set", "a..b=1"],
                          ["scenario", "quorum", "--set", "cluster.controllers=0"],
                          ["scenario", "quorum", "--set", "fault.0.target=broker-7"]]:
            with self.subTest(arguments=arguments):
                self.refused(*arguments)
        self.assertIn('did you mean "leader_crash"', self.refused("scenario", "leder_crash"))

    def test_bad_files(self):
        for name, text in {"syntax": "duration = \n", "unknown key": 'duration = "5s"\nwat = 1\n'}.items():
            with self.subTest(name):
                self.assertRegex(self.refused("scenario", self.file("bad.toml", text)), r"bad\.toml:\d+:\d+: ")
        for text in ["", "[cluster]\nbrokers = 3\n", ONE_BROKER.replace('"t"', '"a b"'),
                     ONE_BROKER + '[[topic]]\nname = "t"\n', ONE_BROKER + 'replication = 2\n',
                     ONE_BROKER + 'config = { "min.insync.replicas" = "many" }\n',
                     ONE_BROKER + 'config = { "no.such.key" = 1 }\n',
                     ONE_BROKER + '[[producer]]\ntopic = "t"\nconfig = { acks = "5" }\n',
                     ONE_BROKER + '[[producer]]\ntopic = "t"\nname = "broker-1"\n',
                     ONE_BROKER + '[[consumer]]\ntopic = "other"\n',
                     ONE_BROKER + FAULT.replace("crash", "crush"), ONE_BROKER + FAULT.replace("broker-1", "leader(t-7)"),
                     ONE_BROKER + FAULT.replace("at =", "when ="), ONE_BROKER + FAULT + 'direction = "in"\n',
                     'buggify = ["no.site"]\n' + ONE_BROKER, "\xff"]:
            with self.subTest(text=text):
                self.refused("scenario", self.file("bad.toml", text))

    def test_seeds_have_64_bits(self):
        self.good("scenario", "quorum", "--seed", "18446744073709551615")
        run = self.good("scenario", "quorum", "--seeds", "18446744073709551614..18446744073709551615", "--json")
        self.assertEqual(json.loads(run.stdout)["seeds"], 2)
        self.assertEqual(digest(self.good("scenario", "quorum")), digest(self.good("scenario", "quorum", "--seed", "1")))

    def test_a_plan_is_the_run(self):
        for scenario, more in [("quorum", []), ("leader_crash", SHORT)]:
            run = self.good("scenario", scenario, "--seed", "5", *more)
            printed = self.good("scenario", scenario, "--seed", "5", *more, "--print-plan").stdout
            plan = self.file("plan.toml", printed)
            self.assertEqual(digest(self.good("scenario", "--plan", plan)), digest(run))
            self.assertEqual(digest(self.good("scenario", plan)), digest(run))
            self.assertEqual(self.good("scenario", "--plan", plan, "--print-plan").stdout, printed)
        self.refused("scenario", plan, "--seed", "5")
        self.refused("scenario", "--plan", plan, "--seeds", "1..2")

    def test_the_report(self):
        run = self.good("scenario", "leader_crash", "--seed", "3", *SHORT)
        self.assertEqual(run.stderr, "")
        self.assertEqual(len(re.findall(r"digest\s+[0-9a-f]", run.stdout)), 1)
        self.assertTrue(DIGEST.search(run.stdout))
        self.assertNotIn("\033", run.stdout)
        self.assertIn("repeat: scripts/ksim scenario leader_crash --set duration=9s --seed 3\n", run.stdout)
        for word in ["broker 1", "unavailable", "acknowledged", "lost", "Checks held", "events/s"]:
            self.assertIn(word, run.stdout)
        for more in [[], ["--seeds", "1..3"], ["--verify"], ["--verify", "--seeds", "1..2"]]:
            text = self.good("scenario", "quorum", "--json", *more).stdout
            self.assertEqual(text.count("\n"), 1)
            self.assertIs(json.loads(text)["holds"], True)

    def test_digests_do_not_depend_on_how_it_runs(self):
        plain = digest(self.good("scenario", "leader_crash", *SHORT))
        for more in [["--no-checkers"], ["--record", self.path("r.sqlite")], ["--verify"]]:
            self.assertEqual(digest(self.good("scenario", "leader_crash", *SHORT, *more)), plain)
        self.assertNotEqual(digest(self.good("scenario", "leader_crash", *SHORT, "--no-faults")), plain)
        for scenario, more in [("quorum", []), ("leader_crash", SHORT)]:
            one = digest(self.good("scenario", scenario, *more, "--seeds", "1..4", "--jobs", "1"))
            self.assertEqual(digest(self.good("scenario", scenario, *more, "--seeds", "1..4", "--jobs", "2")), one)

    def test_a_recording_answers_questions(self):
        path = self.path("run.sqlite")
        for _ in range(2):  # the second one replaces the first
            self.good("scenario", "leader_crash", "--seed", "3", "--set", "duration=14s", "--record", path)
        self.assertEqual(os.listdir(self.directory.name), ["run.sqlite"])
        database = sqlite3.connect(path)
        self.addCleanup(database.close)
        for table in ["run", "config", "op", "record", "event", "fault", "partition_state", "raft_state", "message",
                      "mark"]:
            self.assertGreater(database.execute(f"select count(*) from {table}").fetchone()[0], 0, table)
        for view in ["record_story", "leadership", "acknowledged_but_lost", "timeline", "call", "traffic",
                     "replica_story"]:
            database.execute(f"select * from {view} limit 5").fetchall()
        self.assertEqual(database.execute("select count(*) from message where api = '?'").fetchone()[0], 0)
        answered, asked = database.execute("select sum(fate = 'answered'), count(*) from call").fetchone()
        self.assertGreater(answered, asked * 0.9)
        self.assertGreater(database.execute("select count(*) from call where api = 'Produce'").fetchone()[0], 50)

    def test_recordings_that_cannot_be(self):
        text = self.file("letter.txt", "dear reader")
        for path in ["", "/nowhere/at/all.sqlite", self.directory.name, "/proc/ksim.sqlite", text,
                     self.path("x" * 300), self.path("")]:
            with self.subTest(path=path):
                self.refused("scenario", "quorum", "--record", path)
        fifo = self.path("fifo")
        os.mkfifo(fifo)
        self.refused("scenario", "quorum", "--record", fifo)
        with open(text, encoding="utf-8") as letter:
            self.assertEqual(letter.read(), "dear reader")
        self.assertEqual(sorted(os.listdir(self.directory.name)), ["fifo", "letter.txt"])
        self.good("scenario", "quorum", "--record", self.file("empty", ""))

    def test_streams_that_nobody_reads(self):
        for more in [[], ["--seeds", "1..4"], ["--verify"], ["--record", self.path("r.sqlite")], ["--print-plan"]]:
            command = " ".join([KSIM, "scenario", "quorum", *more])
            for closed in [">&-", ">&- 2>&-", "<&- >&- 2>&-"]:
                run = subprocess.run(f"{command} {closed}", shell=True, capture_output=True, timeout=600)
                self.assertEqual(run.returncode, 0, command)
            read, write = os.pipe()
            os.close(read)
            run = subprocess.run(command.split(), stdout=write, stderr=subprocess.DEVNULL, timeout=600)
            os.close(write)
            self.assertEqual(run.returncode, 0, command)

    def test_an_interrupted_campaign_ends_cleanly(self):
        for number in [signal.SIGINT, signal.SIGTERM]:
            campaign = subprocess.Popen([KSIM, "scenario", "leader_crash", "--seeds", "1..100000", "--jobs", "2"],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
            children = f"/proc/{campaign.pid}/task/{campaign.pid}/children"
            workers = []
            while len(workers) < 2:
                self.assertIsNone(campaign.poll())
                time.sleep(0.01)
                with open(children, encoding="utf-8") as listed:
                    workers = listed.read().split()
            campaign.send_signal(number)
            out, err = campaign.communicate(timeout=60)
            self.assertEqual(campaign.returncode, 130, err)
            self.assertIn("interrupted", err)
            self.assertIn("held ", out)
            self.assertFalse([worker for worker in workers if os.path.exists(f"/proc/{worker}")])


if __name__ == "__main__":
    unittest.main()
