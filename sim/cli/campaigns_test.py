#!/usr/bin/env python3
"""Swarms, matrices and campaigns on the command line: what is kept, what goes on, and how they are interrupted."""

import json
import os
import shlex
import signal
import sqlite3
import subprocess
import time
import unittest

from cli_case import KSIM, CommandLineCase, ksim


class Campaigns(CommandLineCase):
    def swarm(self, *arguments, code=0):
        run = ksim("swarm", *arguments, "--json")
        self.assertEqual((run.returncode, run.stdout.count("\n")), (code, 1), run.stderr)
        return json.loads(run.stdout)

    def test_a_swarm_goes_on_from_its_file(self):
        path = self.path("swarm.sqlite")
        first = self.swarm("ping", "quorum", "--seeds", "1..20", "--campaign", path)
        self.assertEqual((first["runs"], first["held"], first["session"]["runs"]), (40, 40, 40))
        more = self.swarm("ping", "quorum", "--seeds", "1..60", "--campaign", path, "--jobs", "1")
        self.assertEqual((more["runs"], more["rechecked"], more["session"]["runs"]), (120, 2, 80))
        self.assertEqual(more["differences"], [])
        database = sqlite3.connect(path)
        digests = dict(database.execute("select seed, digest from run where scenario = 'quorum'"))
        repeated = database.execute("select count(*) from recheck natural join run where difference is null").fetchone()[0]
        real_ms = int(database.execute("select value from swarm where name = 'real_ms'").fetchone()[0])
        timed = database.execute("select count(*), min(real_us), min(cpu_us), max(ended_ms) from run_time").fetchone()
        # The second session goes on where the first one was.
        ends = [database.execute(f"select {which}(ended_ms) from run_time natural join run where seed {seeds} 20").fetchone()[0]
                for which, seeds in (("max", "+ 0 <="), ("min", "+ 0 >"))]
        database.close()
        self.assertEqual(repeated, 2)
        self.assertEqual(timed[0], 120)
        self.assertGreater(min(timed[1:3]), 0)
        self.assertLessEqual(timed[3], real_ms)
        self.assertLess(abs(real_ms - (first["session"]["real_ns"] + more["session"]["real_ns"]) / 1e6), 2000)
        self.assertLessEqual(ends[0], ends[1])
        self.assertIn(f"digest {digests['17']}", self.good("scenario", "quorum", "--seed", "17").stdout)
        coverage = json.loads(self.good("coverage", path, "--json").stdout)
        self.assertEqual(coverage["runs"], 120)
        self.assertGreater(coverage["faults"]["power_loss"], 0)
        self.assertGreater(coverage["pairs"]["power_loss"]["vote.granted"], 0)
        self.assertIn("NEVER", self.good("coverage", path).stdout)
        self.assertIn("another --campaign", self.refused("swarm", "ping", "--seeds", "1..2", "--campaign", path))
        fresh = self.swarm("ping", "--seeds", "1..2", "--campaign", path, "--fresh")
        self.assertEqual(fresh["runs"], 2)

    def test_a_guided_swarm_mutates_what_brought_news(self):
        path = self.path("swarm.sqlite")
        first = self.swarm("quorum", "--guided", "--seeds", "1..40", "--campaign", path)
        more = self.swarm("quorum", "--guided", "--seeds", "1..110", "--campaign", path)
        self.assertEqual((first["runs"], more["runs"], more["rechecked"], more["differences"]), (40, 110, 2, []))
        database = sqlite3.connect(path)
        runs = database.execute("select number, seed, digest, kept from run order by number").fetchall()
        database.close()
        mutated = [run for run in runs if "+" in run[1]]
        self.assertGreater(len(mutated), 40)
        self.assertGreater(sum(kept for _, _, _, kept in runs), 10)
        self.assertGreater(sum(kept for _, _, _, kept in mutated), 2)
        for _, seed, digest, _ in mutated[:3]:
            self.assertIn(f"digest {digest}", self.good("scenario", "quorum", "--seed", seed).stdout)
            plan = self.file("mutated.toml", self.good("scenario", "quorum", "--seed", seed, "--print-plan").stdout)
            self.assertIn(f"digest {digest}", self.good("scenario", "--plan", plan).stdout)
        self.assertIn("another way", self.refused("swarm", "quorum", "--seeds", "1..40", "--campaign", path))

    def test_a_swarm_keeps_its_time_and_what_it_had_when_interrupted(self):
        path = self.path("swarm.sqlite")
        timed = self.swarm("ping", "--time", "1s", "--campaign", path)
        self.assertGreater(timed["runs"], 0)
        self.assertLess(timed["session"]["real_ns"], 6_000_000_000)
        run = subprocess.Popen([KSIM, "swarm", "ping", "--until-failure", "--campaign", path], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
        workers = ""
        while not workers:
            self.assertIsNone(run.poll())
            with open(f"/proc/{run.pid}/task/{run.pid}/children", encoding="utf-8") as children:
                workers = children.read().strip()
        run.send_signal(signal.SIGINT)
        out, error = run.communicate(timeout=60)
        self.assertEqual(run.returncode, 130)
        self.assertIn("goes on from", error)
        self.assertGreaterEqual(json.loads(self.good("coverage", path, "--json").stdout)["runs"], timed["runs"])

    def test_bad_swarms(self):
        for arguments in [["--seeds", "9..1"], ["--seeds", "-1"], ["--time", "10"], ["--time", "0s"], ["--time", "-5s"],
                          ["nosuch"], ["--seeds", "1..2", "--time", "1s"], ["--jobs", "0"], ["--set", "x"],
                          ["--campaign", self.directory.name], ["--campaign", "/nowhere/x"],
                          ["--campaign", self.file("notes.txt", "mine")], ["ping", "--set", "nosuch=1"]]:
            with self.subTest(arguments=arguments):
                self.refused("swarm", *arguments)
        for arguments in [[], ["/nowhere"], [self.file("text", "hello")]]:
            with self.subTest(arguments=arguments):
                self.refused("coverage", *arguments)

    def test_a_matrix_and_its_witnesses(self):
        out = self.path("m")
        cells = ["matrix", "--acks", "1,all", "--min-insync", "2", "--idempotence", "on,off", "--flush", "each",
                 "--faults", "partition,isr_loss", "--out", out]
        made = json.loads(self.good(*cells, "--seeds", "2", "--json").stdout)
        self.assertEqual((made["runs"], len(made["cells"]), made["holds"]), (12, 8, True))
        self.assertEqual([cell["verdict"] for cell in made["cells"]],
                         ["rejected", "rejected", "permitted", "permitted", "never", "never", "never", "never"])
        for cell in made["cells"][2:5]:
            witness = cell["witness"]
            run = self.good(*shlex.split(witness["repeat"])[1:])
            self.assertIn(f"digest {witness['digest']}", run.stdout)
            self.assertIn(f"{witness['lost']} permitted loss", run.stdout)
        self.assertEqual(sorted(os.listdir(self.directory.name)), ["m.csv", "m.html", "m.sqlite"])
        # The same command runs nothing again, and more seeds only what is new.
        self.assertEqual(json.loads(self.good(*cells, "--seeds", "2", "--json").stdout)["cells"], made["cells"])
        more = self.good(*cells, "--seeds", "3", "--cells").stdout
        self.assertIn("matrix · 8 cells, 18 runs", more)
        self.assertIn("the worst: scripts/ksim scenario matrix/partition", more)
        self.assertNotIn("\033", more)
        self.assertIn("flush each", self.good(*cells, "--seeds", "3").stdout)
        self.assertIn("| acks |", self.good(*cells, "--seeds", "3", "--markdown").stdout)
        database = sqlite3.connect(out + ".sqlite")
        self.addCleanup(database.close)
        self.assertEqual(database.execute("select count(*), sum(runs) from cell").fetchone(), (8, 18))
        self.assertIn("other cells", self.refused("matrix", "--out", out, "--seeds", "1"))
        self.good("scenario", "matrix/slow_disk", "--print-plan")
        self.assertIn('did you mean "matrix/slow_disk"', self.refused("scenario", "matrix/slowdisk"))

    def test_an_interrupted_matrix_goes_on(self):
        out = self.path("m")
        command = [KSIM, "matrix", "--seeds", "100000", "--jobs", "1", "--out", out]
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        workers = ""
        while not workers:
            self.assertIsNone(run.poll())
            with open(f"/proc/{run.pid}/task/{run.pid}/children", encoding="utf-8") as children:
                workers = children.read().strip()
        run.send_signal(signal.SIGINT)
        _, error = run.communicate(timeout=60)
        self.assertEqual(run.returncode, 130)
        self.assertIn("goes on from", error)
        database = sqlite3.connect(out + ".sqlite")
        self.addCleanup(database.close)
        self.assertEqual(database.execute("select count(*) from cell").fetchone()[0], 42)

    def test_bad_matrices(self):
        for arguments in [["--acks", "2"], ["--acks", ""], ["--min-insync", "1,1"], ["--replication", "2"],
                          ["--unclean", "yes"], ["--flush", "all"], ["--faults", "meteor"], ["--seeds", "1..20"],
                          ["--seeds", "0"], ["--jobs", "0"], ["--out", ""], ["--out", "/nowhere/m"], ["--wat"],
                          ["--json", "--markdown"]]:
            with self.subTest(arguments=arguments):
                self.refused("matrix", *arguments)
        self.good("swarm", "ping", "--seeds", "1..2", "--campaign", self.path("swarm.sqlite"))
        self.assertIn("is no file of a matrix", self.refused("matrix", "--out", self.path("swarm")))
        self.file("n.csv", "mine")
        self.assertIn("n.csv", self.refused("matrix", "--out", self.path("n")))
        self.assertIn('did you mean "rack_loss"', self.refused("matrix", "--faults", "rack_los"))

    def test_an_interrupted_campaign_ends_cleanly(self):
        for number, more in [(signal.SIGINT, []), (signal.SIGTERM, []), (signal.SIGINT, ["--verify"])]:
            campaign = subprocess.Popen([KSIM, "scenario", "leader_crash", "--seeds", "1..100000", "--jobs", "2", *more],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
            children = f"/proc/{campaign.pid}/task/{campaign.pid}/children"
            workers = []
            wanted = 1 if more else 2  # to verify takes two processes a worker
            deadline = time.monotonic() + 60
            while len(workers) < wanted:
                self.assertIsNone(campaign.poll())
                self.assertLess(time.monotonic(), deadline)
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
