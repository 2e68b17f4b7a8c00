#!/usr/bin/env python3
"""Swarms, matrices and campaigns on the command line: what is kept, what goes on, and how they are interrupted."""

import json
import os
import pty
import re
import shlex
import signal
import sqlite3
import subprocess
import time
import unittest

from cli_case import KSIM, CommandLineCase, ksim

# A crash that waits for a mark that is not reached so often.
NEVER = """about = "a crash that does not come"
duration = "2s"
limits = "tiny"
[cluster]
brokers = 1
controllers = 1
[[fault]]
kind = "crash"
target = "here"
when = "vote.granted"
nth = 100000
"""
SCENARIOS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scenarios")
SIGKILLED = "killed by SIGKILL (out of memory?)"


def workers_of(process):
    with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="utf-8") as children:
        return children.read().split()


class Campaigns(CommandLineCase):
    def swarm(self, *arguments, code=0):
        run = ksim("swarm", *arguments, "--json")
        self.assertEqual((run.returncode, run.stdout.count("\n")), (code, 1), run.stderr)
        return json.loads(run.stdout)

    def test_a_swarm_goes_on_from_its_file(self):
        path = self.path("swarm.sqlite")
        first = self.swarm("ping", "quorum", "--seeds", "1..20", "--campaign", path)
        self.assertEqual((first["runs"], first["held"], first["session"]["runs"], first["rechecked"]), (40, 40, 40, 1))
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
        self.assertGreaterEqual(coverage["planned"]["power_loss"], coverage["faults"]["power_loss"])
        self.assertEqual((coverage["planned"]["bit_rot"], first["faults_never"], first["no_effect"]), (0, [], []))
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
        self.assertEqual(os.listdir(self.directory.name), ["swarm.sqlite"])
        run = subprocess.Popen([KSIM, "swarm", "ping", "--until-failure", "--campaign", path], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
        while not workers_of(run):
            self.assertIsNone(run.poll())
        for more in [["--until-failure"], ["--seeds", "1..2", "--fresh"]]:
            self.assertIn(f"{path} is being written by process {run.pid}",
                          self.refused("swarm", "ping", "--campaign", path, *more))
        run.send_signal(signal.SIGINT)
        out, error = run.communicate(timeout=60)
        self.assertEqual(run.returncode, 130)
        self.assertIn("goes on from", error)
        self.assertGreaterEqual(json.loads(self.good("coverage", path, "--json").stdout)["runs"], timed["runs"])
        self.assertEqual(os.listdir(self.directory.name), ["swarm.sqlite"])

    def test_an_old_failure_does_not_end_a_swarm_until_failure(self):
        path = self.path("swarm.sqlite")
        command = ["ping", "--until-failure", "--time", "2s", "--campaign", path]
        first = self.swarm(*command)
        database = sqlite3.connect(path)
        database.executescript("""update run set outcome = 'violated' where number = 0;
                                  insert into failure values (0, 0, 'R1 in orders-0: gone', null);""")
        database.close()
        more = self.swarm(*command, code=1)
        self.assertEqual(more["violated"], 1)
        self.assertGreater(more["session"]["runs"], 1)
        self.assertEqual(more["runs"], first["runs"] + more["session"]["runs"])

    def test_a_scenario_that_was_edited_is_another_campaign(self):
        path, scenario = self.path("swarm.sqlite"), self.path("my.toml")
        self.file("my.toml", NEVER)
        self.swarm(scenario, "--seeds", "1..3", "--campaign", path)
        self.assertEqual(self.swarm(scenario, "--seeds", "1..4", "--campaign", path)["session"]["runs"], 1)
        self.file("my.toml", NEVER.replace('"2s"', '"3s"'))
        error = self.refused("swarm", scenario, "--seeds", "1..60", "--campaign", path)
        self.assertIn(f"a campaign of another text of {scenario}: give another --campaign, or --fresh", error)
        self.swarm(scenario, "--seeds", "1..3", "--campaign", path, "--fresh")

    def test_a_fault_without_effect_fails_a_campaign(self):
        path, scenario = self.path("swarm.sqlite"), self.file("my.toml", NEVER)
        few = self.swarm(scenario, "--seeds", "1..49", "--campaign", path)
        self.assertEqual((few["faults_never"], few["no_effect"], few["holds"]), (["crash"], [], True))
        all_ = self.swarm(scenario, "--seeds", "1..50", "--campaign", path, code=1)
        self.assertEqual((all_["no_effect"], all_["holds"]), ([{"kind": "crash", "planned": 50}], False))
        text = ksim("swarm", scenario, "--seeds", "1..50", "--campaign", path).stdout
        self.assertIn("NO EFFECT: crash was planned in 50 runs and never took effect", text)
        self.assertRegex(text, r"never met: of the faults that were planned crash, and \d+ marks of core")
        coverage = self.good("coverage", path).stdout
        self.assertRegex(coverage, r"(?m)^  crash +0 +50  NEVER$")
        self.assertRegex(coverage, r"(?m)^  pause +0 +0  not planned$")

    def killed(self, *arguments, spared, kills):
        """A swarm of one worker at a time, of which some are spared and so many then killed."""
        run = subprocess.Popen([KSIM, "swarm", "leader_crash", "--set", "duration=120s", "--jobs", "1", "--json", *arguments],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        seen = []
        while len(seen) < spared + kills and run.poll() is None:
            for worker in workers_of(run):
                if worker not in seen:
                    seen.append(worker)
                    if len(seen) > spared:
                        os.kill(int(worker), signal.SIGKILL)
        out, error = run.communicate(timeout=600)
        self.assertEqual(len(seen), spared + kills, error)
        return run.returncode, json.loads(out)

    def test_a_run_whose_worker_dies_is_done_once_more(self):
        path = self.path("swarm.sqlite")
        seeds = ["--seeds", "1..1", "--campaign", path, "--fresh"]
        code, once = self.killed(*seeds, spared=0, kills=1)
        self.assertEqual((code, once["held"], once["died"], once["differences"]), (0, 1, 0, []))
        self.assertEqual([one["how"] for one in once["died_once"]], [SIGKILLED])
        code, twice = self.killed(*seeds, spared=0, kills=2)
        self.assertEqual((code, twice["died"], [cause["complaint"] for cause in twice["causes"]]), (1, 1, [SIGKILLED]))
        again = ksim("swarm", "leader_crash", "--set", "duration=120s", "--seeds", "1..1", "--campaign", path)
        self.assertEqual(again.returncode, 1)
        self.assertIn(f"1 run: {SIGKILLED}\n", again.stdout)
        self.assertNotIn("events)", again.stdout)

    def test_a_second_run_that_dies_is_a_difference(self):
        code, found = self.killed("--seeds", "1..1", "--campaign", self.path("swarm.sqlite"), spared=1, kills=2)
        self.assertEqual((code, found["held"], found["rechecked"]), (3, 1, 1))
        self.assertEqual([one["why"] for one in found["differences"]], [f"the second run died: {SIGKILLED}"])

    def test_failed_runs_are_recorded_each_in_a_file_of_its_own(self):
        """Two scenarios of one name, in directories whose names a shell takes apart."""
        settings = ["--set", "settle=1ms"]
        with open(os.path.join(SCENARIOS, "leader_crash.toml"), encoding="utf-8") as file:
            text = file.read()
        names = []
        for directory, brokers in [("it's one", "3"), ("two", "4")]:
            os.mkdir(self.path(directory))
            names.append(self.file(os.path.join(directory, "lost.toml"), text.replace("brokers = 3", f"brokers = {brokers}")))
        path = self.path("swarm.sqlite")
        found = self.swarm(*names, *settings, "--seeds", "1..2", "--campaign", path, code=1)
        self.assertEqual((found["violated"], found["not_recorded"]), (4, 0))
        database = sqlite3.connect(path)
        rows = database.execute("select scenario, seed, digest, recording from run natural join failure order by number").fetchall()
        database.close()
        self.assertEqual(len({recording for _, _, _, recording in rows}), 4)
        for scenario, seed, run_digest, recording in rows:
            recorded = sqlite3.connect(recording)
            self.assertEqual(recorded.execute("select seed, digest from run").fetchone(), (seed, run_digest), scenario)
            recorded.close()
        text = ksim("swarm", *names, *settings, "--seeds", "1..2", "--campaign", path).stdout
        repeats = re.findall(r"the smallest: scripts/ksim (.*?)   \(\d+ events\)", text)
        self.assertEqual(len(repeats), len(found["causes"]))
        digests = {run_digest for _, _, run_digest, _ in rows}
        for repeat in repeats:
            run = ksim(*shlex.split(repeat))
            self.assertEqual(run.returncode, 1, run.stderr)
            self.assertIn(re.search(r"digest ([0-9a-f]{16})", run.stdout).group(1), digests)

    def test_what_is_not_recorded_is_said(self):
        path = self.path("swarm.sqlite")
        short = ["leader_crash", "--set", "settle=1ms", "--set", "duration=1s", "--seeds", "1..30", "--jobs", "1", "--campaign", path]
        found = self.swarm(*short, code=1)
        recordings = [name for name in os.listdir(self.directory.name) if name != "swarm.sqlite"]
        self.assertEqual(len(recordings) + found["not_recorded"], found["violated"])
        self.assertGreater(found["violated"], 25)
        self.assertIn(len(recordings), range(20, 24))
        self.assertIn(f"  {found['not_recorded']} more were not recorded", ksim("swarm", *short).stdout)

    def test_only_a_campaign_is_replaced_or_gone_on_from(self):
        recording, matrix, other = self.path("run.sqlite"), self.path("m.sqlite"), self.path("other.sqlite")
        self.good("scenario", "smoke", "--record", recording)
        self.good("matrix", "--acks", "all", "--min-insync", "2", "--faults", "partition", "--seeds", "1", "--out", self.path("m"))
        database = sqlite3.connect(other)
        database.executescript("create table mine (a); insert into mine values (1);")
        database.close()
        campaign = self.path("swarm.sqlite")
        self.swarm("ping", "--seeds", "1..40", "--campaign", campaign)
        with open(campaign, "rb") as file:
            image = file.read()
        stray, cut, spoilt = self.path("stray.sqlite"), self.path("cut.sqlite"), self.path("spoilt.sqlite")
        for path, content in [(stray, image), (cut, image[:len(image) // 2]), (spoilt, image[:16] + b"x" * 1000)]:
            with open(path, "wb") as file:
                file.write(content)
        database = sqlite3.connect(stray)
        database.executescript("insert into recheck values (77, '00', 'event 5 differs');")
        database.close()
        for path, words in [(recording, "is a recorded run, not a campaign"), (matrix, "is a matrix, not a campaign"),
                            (other, "is an sqlite file of something else, not a campaign"), (cut, "is damaged ("), (spoilt, "is damaged ("),
                            (stray, "is damaged (it has no run 77, which was done twice)")]:
            with self.subTest(path=path):
                with open(path, "rb") as file:
                    before = file.read()
                error = self.refused("swarm", "ping", "--seeds", "1..2", "--campaign", path)
                self.assertIn(f"{path} {words}", error)
                self.assertIn("give another --campaign", error)
                self.assertIn(f"{path} {words}", self.refused("coverage", path))
                if path not in (stray, cut):
                    self.assertIn(f"{path} {words}", self.refused("swarm", "ping", "--fresh", "--campaign", path))
                with open(path, "rb") as file:
                    self.assertEqual(file.read(), before)
        self.swarm("ping", "--seeds", "1..2", "--campaign", self.file("empty.sqlite", ""))

    def test_one_scenario_is_not_run_twice(self):
        self.assertIn("smoke is named twice", self.refused("swarm", "smoke", "ping", "smoke"))
        mine = self.file("mine.toml", NEVER)
        beside = os.path.join(self.directory.name, ".", "mine.toml")
        self.assertIn("are the same scenario", self.refused("swarm", mine, beside))

    def test_help_says_which_turns_the_storm_has(self):
        self.assertIn("storm", self.good("swarm", "--help").stdout)

    def test_progress_is_a_bar_on_a_terminal(self):
        master, slave = pty.openpty()
        subprocess.run(["stty", "cols", "50"], stdin=slave, check=True)
        run = subprocess.Popen([KSIM, "swarm", "ping", "--time", "2s", "--campaign", self.path("swarm.sqlite")],
                               stdout=subprocess.PIPE, stderr=slave, stdin=subprocess.DEVNULL)
        os.close(slave)
        shown = b""
        while True:
            try:
                piece = os.read(master, 4096)
            except OSError:  # nobody has the other end any more
                break
            if not piece:
                break
            shown += piece
        os.close(master)
        run.communicate(timeout=60)
        lines = shown.decode().split("\r\033[K")
        self.assertTrue([line for line in lines if re.match(r"\[#{5,20} *\] \d+ runs · \d s left", line)], lines)
        self.assertLess(max(len(line) for line in lines), 50)

    def test_progress_is_a_line_now_and_then_elsewhere(self):
        run = self.good("swarm", "ping", "--time", "12s", "--jobs", "1", "--campaign", self.path("swarm.sqlite"))
        self.assertRegex(run.stderr, r"^\d+ runs · \d s left · [0-9.]+ seeds/s · 0 failures of 0 causes\n$")

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
        self.assertEqual({cell["struck_runs"] for cell in made["cells"][2:]}, {2})
        self.assertGreater(made["cells"][2]["lost"], 0)
        self.assertEqual(made["cells"][2]["lost"], made["cells"][2]["permitted_lost"])
        for cell in made["cells"][2:5]:
            witness = cell["witness"]
            run = self.good(*shlex.split(witness["repeat"])[1:])
            self.assertIn(f"digest {witness['digest']}", run.stdout)
            lost = witness["lost"]
            self.assertIn(f", {lost} lost ({lost} permitted)" if lost else ", 0 lost", run.stdout)
            counts = json.loads(self.good(*shlex.split(witness["repeat"])[1:], "--json").stdout)["counts"]
            self.assertEqual((counts["lost"], counts["permitted_lost"]), (lost, lost))
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
        while not workers_of(run):
            self.assertIsNone(run.poll())
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
            workers = []
            wanted = 1 if more else 2  # to verify takes two processes a worker
            deadline = time.monotonic() + 60
            while len(workers) < wanted:
                self.assertIsNone(campaign.poll())
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.01)
                workers = workers_of(campaign)
            campaign.send_signal(number)
            out, err = campaign.communicate(timeout=60)
            self.assertEqual(campaign.returncode, 130, err)
            self.assertIn("interrupted", err)
            self.assertIn("held ", out)
            self.assertFalse([worker for worker in workers if os.path.exists(f"/proc/{worker}")])


if __name__ == "__main__":
    unittest.main()
