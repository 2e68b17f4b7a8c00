#!/usr/bin/env python3
"""The command line of ksim as a person or a program meets it: exit codes, what is on which stream, files."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import time
import unittest

from cli_case import DIGEST, KSIM, CommandLineCase, digest, ksim

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHORT = ["--set", "duration=9s"]

ONE_BROKER = '[cluster]\nbrokers = 1\ncontrollers = 1\n[[topic]]\nname = "t"\n'
FAULT = '[[fault]]\nkind = "crash"\ntarget = "broker-1"\nat = "1s"\n'


class CommandLine(CommandLineCase):
    def test_lists(self):
        everything = self.good("list").stdout
        for what, word in [("scenarios", "leader_crash"), ("faults", "power_loss"), ("checkers", "R1"),
                           ("marks", "isr.shrunk"), ("predicates", "isr_of_one"), ("sites", "log.rolled_early")]:
            text = self.good("list", what).stdout
            self.assertIn(word, text)
            self.assertIn(text, everything)
        self.assertIn('did you mean "marks"', self.refused("list", "markz"))

    def test_the_front_page_counts_the_scenarios(self):
        with open(os.path.join(TOP, "README.md"), encoding="utf-8") as page:
            said = re.search(r"swarm · (\d+) scenarios", page.read())[1]
        lines = self.good("list", "scenarios").stdout.splitlines()
        self.assertEqual(int(said), len([line for line in lines if not line.startswith("matrix/")]))

    def test_every_key_of_a_scenario_is_explained(self):
        with open(os.path.join(TOP, "sim", "plan", "parse.cpp")) as file:
            code = file.read()
        with open(os.path.join(TOP, "scenarios", "README.md")) as file:
            page = file.read()
        keys = set(re.findall(r'(?:section|root|from|cluster)\.\w+\("(\w+)"', code))
        keys |= set(re.findall(r'optional_duration\(section, "(\w+)"\)', code))
        self.assertGreater(len(keys), 50)
        for key in keys:
            self.assertRegex(page, rf"[`\[.]{key}[`\] ]", key)

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

    def test_what_is_wrong_stands_somewhere(self):
        producer = '[[producer]]\ntopic = "t"\n'
        for text, place, words in [
                (ONE_BROKER + producer.replace('"t"', '"T"'), "7:9", 'did you mean "t"'),
                (ONE_BROKER + producer + 'config = { "akcs" = 1 }\n', "8:21", 'did you mean "acks"'),
                (ONE_BROKER + '[[consumer]]\ntopic = "t"\nconfig = { "auto.ofset.reset" = "latest" }\n', "8:33",
                 'did you mean "auto.offset.reset"'),
                (ONE_BROKER + 'config = { "min.insync.replica" = 1 }\n', "6:35", 'did you mean "min.insync.replicas"'),
                ('buggify = ["no.site"]\n' + ONE_BROKER, "1:11", "no site"),
                (ONE_BROKER.replace('"t"', '"a b"') + FAULT.replace("broker-1", "leader(a b-0)"), "5:8", "topic"),
                (ONE_BROKER + FAULT.replace("broker-1", "broker-7"), "8:10", 'did you mean "broker-1"'),
                (ONE_BROKER + FAULT.replace("crash", "partition") + 'peer = "broker-99"\n', "10:8", "no target"),
                (ONE_BROKER + producer + FAULT.replace("crash", "slow_disk").replace("broker-1", "producer"), "10:10",
                 "is a client"),
                (ONE_BROKER + FAULT.replace("crash", "disk_error") + 'what = "wipe"\n', "10:8", "read, write, sync, all"),
                (ONE_BROKER + FAULT.replace("crash", "clock_drift") + "ppm = 60000\n", "10:7", "50000"),
                (ONE_BROKER + '[[raw_driver]]\ntopic = "t"\nname = "broker-1"\n', "8:8", "two machines"),
                (ONE_BROKER + producer + "record_bytes = 2000000000\n", "8:16", "from 8 to 67108864"),
                (ONE_BROKER + producer + "count = 99999\n", "8:9", "from 0 to 10000"),
                (ONE_BROKER + producer + "burst = 10000\nrecord_bytes = 60000000\n", "6:1", "1 GiB"),
                ('scenario = "a\\nb\\u001b[31m"\n' + ONE_BROKER, "1:12", "letters, digits"),
                (ONE_BROKER + producer + 'name = "a b"\n', "8:8", "letters, digits"),
                ('scenario = "ping"\n' + ONE_BROKER, "1:12", "no topics"),
                (ONE_BROKER + "[explore]\nchange_points = 99999999999\n", "7:17", "from 0 to 4294967295")]:
            with self.subTest(text=text):
                message = self.refused("scenario", self.file("bad.toml", text))
                self.assertIn(f"bad.toml:{place}: ", message)
                self.assertIn(words, message)

    def test_near_misses(self):
        self.assertIn('did you mean "leader_crash"', self.refused("scenario", "LEADER_CRASH"))
        self.assertIn('no option "--sed"; did you mean "--seed', self.refused("scenario", "ping", "--sed", "1"))
        self.assertIn("18446744073709551615", self.refused("scenario", "ping", "--seeds", "1..18446744073709551616"))
        for seed in ["-1", "1.5", "", "x", "18446744073709551616", "+1", "1+", "1+x", "0x10", " 1"]:
            self.assertIn(f"--seed {seed}: a seed is", self.refused("scenario", "ping", "--seed", seed))
        for more in [["--json"], ["--record", self.path("r")], ["--verify"]]:
            self.assertIn("runs nothing", self.refused("scenario", "ping", "--print-plan", *more))

    def test_a_full_disk_is_told(self):
        for more in [[], ["--print-plan"], ["--json"], ["--seeds", "1..2"]]:
            with open("/dev/full", "w", encoding="utf-8") as full:
                run = subprocess.run([KSIM, "scenario", "quorum", *more], stdout=full, stderr=subprocess.PIPE, text=True,
                                     timeout=600)
            self.assertEqual(run.returncode, 3, more)
            self.assertIn("standard output: No space left on device", run.stderr)

    def faults(self, *faults, scenario="leader_crash"):
        """The rows of these faults in place of a scenario's own."""
        plan = self.good("scenario", scenario, "--seed", "42", "--print-plan").stdout
        head, _, rest = plan.partition("[[fault]]")
        text = head + "".join(f"[[fault]]\n{fault}\n" for fault in faults) + rest[rest.index("[network]"):]
        return json.loads(self.good("scenario", self.file("plan.toml", text), "--json").stdout)["faults"]

    def test_a_fault_says_what_it_really_did(self):
        rows = self.faults('kind = "crash"\ntarget = "broker-1"\nat = "1000s"',
                           'kind = "crash"\ntarget = "broker-1"\nwhen = "records.deleted"',
                           'kind = "crash"\ntarget = "broker-1"\nwhen = "leader.became"\nnth = 999',
                           'kind = "crash"\ntarget = "producer-1"\nat = "6s"\nlasts = "2s"',
                           'kind = "pause"\ntarget = "broker-1"\nat = "8s"\nlasts = "10s"',
                           'kind = "crash"\ntarget = "broker-1"\nat = "9s"\nlasts = "1s"',
                           'kind = "partition"\ntarget = "broker-2"\npeer = "consumer-1"\nat = "12s"\nlasts = "4s"')
        row = {fault["cause"] if fault["kind"] != "pause" else "pause": fault for fault in rows}
        self.assertEqual(len(row), 7)
        for cause, words in [("at 1000s", "before it was due"), ("on records.deleted #1", "never reached"),
                             ("on leader.became #999", "and not 999")]:
            self.assertFalse(row[cause]["took_effect"])
            self.assertIn(words, row[cause]["effect"])
        self.assertEqual(row["at 6s"]["effect"], "producer-1 died; started producer-1")
        self.assertIn("broker-1 died frozen", row["pause"]["effect"])
        self.assertEqual(row["pause"]["ended_ns"], 9_000_000_000)
        self.assertIn("did not get through", row["at 12s"]["effect"])

    def test_log_directories(self):
        self.good("scenario", "leader_crash", *SHORT, "--set", 'cluster.config."log.dirs"="a,b"')

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
        self.assertRegex(self.good("scenario", "quorum", "--verify").stdout, r"\nverified: .*\ndigest [0-9a-f]{16}\n$")
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
        clients = {row[0] for row in database.execute("select distinct client from op")}
        self.assertEqual(clients, {"admin", "producer-1", "producer-2", "producer-3", "consumer-1", "consumer-2"})
        kinds = {row[0] for row in database.execute("select distinct kind from op")}
        self.assertEqual(kinds, {"create_topics", "send", "poll", "read", "assign", "list_offsets", "offsets_for_times"})
        self.assertEqual(database.execute(
            "select count(*) from event where subject is null and name like 'broker.%'").fetchone()[0], 0)
        self.assertEqual(database.execute("select count(*) from event where name = 'log.loaded' and at_ns < 2000000000 "
                                          "and not json_extract(detail, '$.clean')").fetchone()[0], 0)

    def test_sql(self):
        run = self.path("run.sqlite")
        self.good("scenario", "smoke", "--seed", "3", "--record", run)
        views = self.good("sql", run, "--views").stdout
        self.assertIn("timeline (", views)
        self.assertIn("What was acknowledged but is not readable at the end?", views)
        lines = views.splitlines()
        for line, under in zip(lines, lines[1:]):
            if line.startswith("  ") and not line.startswith("   "):
                self.assertTrue(under.startswith("      "), f"without a word: {line}")
        # A campaign has a table of the same name, and it is another one.
        self.good("swarm", "ping", "--seeds", "1..2", "--campaign", self.path("swarm.sqlite"))
        self.assertIn("Every seed that was run.", self.good("sql", self.path("swarm.sqlite"), "--views").stdout)
        os.remove(self.path("swarm.sqlite"))
        shown = self.good("sql", run, "select 'x' as name, 7 as n union select 'yy', 10 order by n").stdout
        self.assertEqual(shown, "name   n\nx      7\nyy    10\n")
        counted = json.loads(self.good("sql", run, "select count(*) as n from op", "--json").stdout)
        self.assertGreater(counted[0]["n"], 10)
        typed = "select 7 as n, 0.5 as half, 'x' as word, '7' as digits, null as no_value"
        self.assertEqual(json.loads(self.good("sql", run, typed, "--json").stdout),
                         [{"n": 7, "half": 0.5, "word": "x", "digits": "7", "no_value": None}])
        self.assertEqual(json.loads(self.good("sql", run, "select 1 as id, 2 as id", "--json").stdout), [{"id": 1, "id:1": 2}])
        # Of no rows the names of the columns, for a person.
        self.assertEqual(self.good("sql", run, "select checker, at_ns from violation").stdout, "checker  at_ns\n")
        self.assertEqual(json.loads(self.good("sql", run, "select * from violation", "--json").stdout), [])
        for query, words in [("select 1; drop table run", "one statement at a time"), (";", "no statement"),
                             (" ", "no statement"), ("drop table run", "only reads"),
                             (f"attach '{self.path('x.sqlite')}' as x", "only reads"),
                             (f"vacuum into '{self.path('x.sqlite')}'", "only reads")]:
            with self.subTest(query=query):
                self.assertIn(words, self.refused("sql", run, query))
        self.assertEqual(os.listdir(self.directory.name), ["run.sqlite"])
        self.assertIn("no such table: opp", self.refused("sql", run, "select * from opp"))
        self.assertIn("--views", self.refused("sql", run))
        self.refused("sql", self.file("no.sqlite", "not at all"), "--views")
        self.refused("sql", self.path("missing.sqlite"), "select 1")

    def test_why_it_came_so(self):
        """A page on a loss, from its recording and from its seed alike; what averts it is found by running again."""
        path = self.path("run.sqlite")
        self.good("scenario", "unclean_leader_election", "--seed", "1", "--record", path)
        page = json.loads(self.good("explain", path, "--no-trials", "--json").stdout)
        self.assertEqual(list(page), ["subject", "headline", "steps", "copies", "culprit", "last_chance", "remedies",
                                      "rule", "repeat"])
        database = sqlite3.connect(path)
        if database.execute("select count(*) from record where lost").fetchone()[0]:
            leader = database.execute("select node from node_event where node = ?", [page["culprit"]["node"]]).fetchone()
            self.assertIsNotNone(leader)
        database.close()
        tried = json.loads(self.good("explain", "leader_crash", "--seed", "3", *SHORT, "--of", "partition:orders-0", "--json").stdout)
        self.assertEqual(tried["subject"], "partition orders-0")
        if tried["culprit"]:
            self.assertIn("no restart", [remedy["setting"] for remedy in tried["remedies"]])
        text = self.good("explain", "steady", "--seed", "1", *SHORT, "--no-trials").stdout
        self.assertIn("all held", text)
        self.assertIn("nobody sent", self.refused("explain", path, "--of", "record:1"))
        self.assertIn("expected record:ID", self.refused("explain", path, "--of", "topic:orders"))
        self.assertIn("no recorded run", self.refused("explain", self.file("no.sqlite", "not at all")))
        self.refused("explain")

    def changed(self, path, sql):
        """A copy of a recording, changed."""
        other = self.path("changed.sqlite")
        shutil.copy(path, other)
        database = sqlite3.connect(other)
        database.executescript(sql)
        database.close()
        return other

    def test_recordings_of_others(self):
        """What cannot be read is refused by name, and what is left out of a page is told."""
        path, page = self.path("run.sqlite"), self.path("run.html")
        self.good("scenario", "kip966_last_replica_standing", "--seed", "2", "--record", path)
        other = self.changed(path, "update run set plan = 'wat = 1' || char(10) || plan, version = '9.9'")
        self.assertIn("The culprit", self.good("explain", other, "--no-trials").stdout)
        told = ksim("explain", other, "--json")
        self.assertEqual(told.returncode, 0)
        self.assertIn('ksim 9.9 recorded: run.plan:1:1: unknown key "wat"', json.loads(told.stdout)["untried"])
        self.assertIn("ksim: no remedies tried: this build cannot read the plan", told.stderr)
        told = ksim("report", other, "-o", page)
        self.assertEqual(told.returncode, 0)
        self.assertIn("the page is without what other settings would have done", told.stderr)
        other = self.changed(path, "update run set digest = '0123456789abcdef'")
        self.assertIn("makes another run", json.loads(ksim("explain", other, "--json").stdout)["untried"])
        other = self.changed(path, "drop table batch")
        self.assertIn(f"{other}: has no table batch", self.refused("explain", other))
        told = ksim("report", other, "-o", page)
        self.assertEqual(told.returncode, 0)
        self.assertIn("the page is without the explanation: has no table batch", told.stderr)
        with open(page, encoding="utf-8") as file:
            self.assertIn('"explanation":"has no table batch', file.read())
        other = self.changed(path, "update partition_state set isr = 'x,y'")
        for command in [["explain", other], ["report", other, "-o", page]]:
            self.assertIn(f'{other}: table partition_state, column isr, row 1: expected ids of nodes', self.refused(*command))
        other = self.path("other.sqlite")
        database = sqlite3.connect(other)
        database.execute("create table t (x)")
        database.commit()
        database.close()
        self.assertIn(f"{other}: is no recorded run (ksim scenario NAME --record FILE)", self.refused("explain", other))

    def test_a_run_shrinks_and_two_are_bisected(self):
        """A run that is given no time to heal fails, and is a small one at the end."""
        hasty = ["--set", "settle=1ms", "--set", "duration=9s"]
        small = self.path("small.toml")
        shrunk = self.good("shrink", "leader_crash", "--seed", "1", *hasty, "-o", small)
        self.assertIn("what must go on: L in ", shrunk.stderr)
        with open(small, encoding="utf-8") as text:
            plan = text.read()
        self.assertEqual(ksim("scenario", "--plan", small).returncode, 1)
        whole = self.good("scenario", "leader_crash", "--seed", "1", *hasty, "--print-plan").stdout
        self.assertLess(plan.count("[["), whole.count("[["))
        patient = self.file("patient.toml", plan.replace('settle = "1ms"', 'settle = "60s"').replace(
            'latency = "local"', 'latency = "datacenter"'))
        said = self.good("bisect", "--plan", small, "--plan", patient).stdout
        self.assertIn("1 decides", said)
        self.assertIn("settle: 1ms -> 60s", said)
        self.assertIn("nothing to shrink", self.refused("shrink", "smoke", "--seed", "1", "--of", "violation"))
        self.assertIn("nothing to shrink", self.refused("shrink", "smoke", "--seed", "1", "--outage", "100s"))
        self.assertIn("violates L", self.refused("shrink", "leader_crash", "--seed", "1", *hasty, "--of", "R1"))
        self.assertIn("--seed", self.refused("shrink"))
        self.assertIn("twice", self.refused("bisect", "--plan", small))
        self.assertIn("the same", self.refused("bisect", "--plan", small, "--plan", small))

    def test_what_is_lost_or_waits_is_shrunk_and_bisected_too(self):
        """Settings that the contract lets lose records are what a person looks for."""
        def plan(name, *more):
            return self.file(name, self.good("scenario", *more, "--print-plan").stdout)
        lossy = ["matrix/partition", "--set", "producer.writer.config.acks=1", "--seed", "3"]
        one, every = plan("one.toml", *lossy), plan("all.toml", "matrix/partition", "--seed", "3")
        lost = json.loads(self.good("scenario", *lossy, "--json").stdout)["counts"]["lost"]
        self.assertGreater(lost, 0)
        said = self.good("bisect", "--plan", one, "--plan", every).stdout
        self.assertTrue(said.startswith("compared: loss\n"), said)
        self.assertRegex(said, rf"one\.toml: loses {lost} of \d+ acknowledged records, the culprit: leader_alone\n")
        self.assertRegex(said, r"all\.toml: loses none of \d+ acknowledged records\n")
        self.assertIn("writer-1: acks: 1 -> all\n", said)
        parsed = json.loads(self.good("bisect", "--plan", every, "--plan", one, "--of", "loss", "--json").stdout)
        self.assertEqual((parsed["of"], {decides["what"].rpartition(" ")[2] for decides in parsed["deciding"]}),
                         ("loss", {"acks"}))
        self.assertIn("violation: none", self.refused("bisect", "--plan", one, "--plan", every, "--of", "violation"))
        small = self.path("small.toml")
        shrunk = self.good("shrink", *lossy, "--time", "2s", "-o", small)
        self.assertIn("what must go on: acknowledged records are lost, the culprit: leader_alone (--of loss)", shrunk.stderr)
        self.assertGreater(json.loads(self.good("scenario", "--plan", small, "--json").stdout)["counts"]["lost"], 0)
        self.assertIn("loses no acknowledged record", self.refused("shrink", "--plan", every, "--of", "loss"))
        # A controller that waits long for a dead leader.
        crash = ["matrix/leader_crash", "--seed", "3"]
        waits = plan("waits.toml", *crash, "--set", 'cluster.config."broker.session.timeout.ms"=18000')
        soon = plan("soon.toml", *crash)
        said = self.good("bisect", "--plan", waits, "--plan", soon).stdout
        self.assertTrue(said.startswith("compared: outage\n"), said)
        self.assertRegex(said, r"waits\.toml: orders-\d could not be written for \d+\.\d{3} s\n")
        self.assertIn("cluster: broker.session.timeout.ms: 18000 -> 1000\n", said)
        self.assertIn("outage: none", self.refused("bisect", "--plan", waits, "--plan", soon, "--outage", "1000s"))
        self.assertIn("could write every partition again within 1000s",
                      self.refused("shrink", "--plan", waits, "--of", "outage", "--outage", "1000s"))
        for more in [["--of", "losses"], ["--of", "loss", "--outage", "5s"], ["--outage", "500ms"], ["--outage", "soon"]]:
            with self.subTest(more=more):
                self.refused("shrink", "--plan", one, *more)
                self.refused("bisect", "--plan", one, "--plan", every, *more)

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

    def check(self, text, code):
        """The verdict on a history, from a file and from standard input."""
        path = self.file("history.jsonl", text)
        run = ksim("check", path)
        self.assertEqual((run.returncode, run.stderr), (code, ""), run.stdout)
        self.assertEqual(run.stdout.count("\n"), 1)
        piped = subprocess.run([KSIM, "check", "-"], input=text, capture_output=True, text=True, timeout=600)
        self.assertEqual((piped.returncode, piped.stdout), (code, run.stdout))
        return json.loads(run.stdout)

    def test_histories_are_judged(self):
        header = '{"ksim_history":1,"settings":{}}\n'
        event = '{"index":%d,"time_ns":%d,"process":1,"type":"%s","f":"poll","value":[["poll"%s]]}\n'
        invoked = event % (0, 0, "invoke", "")
        self.assertEqual(self.check(header, 1), {"valid": "unknown", "anomalies": {}, "allowed": []})
        self.assertEqual(self.check(header + invoked + event % (1, 0, "ok", ",{}"), 0),
                         {"valid": True, "anomalies": {}, "allowed": []})
        verdict = self.check(header + invoked + event % (1, 0, "ok", ',{"x":[[3,"a"]]}'), 1)
        self.assertEqual(verdict["anomalies"], {"unsent-read": [{"key": "x", "value": "a", "op": 1}]})
        self.assertIs(verdict["valid"], False)

    def test_bad_histories(self):
        header = '{"ksim_history":1,"settings":{}}\n'
        for text, line in [("", 1), ("{}\n", 1), (header + "{\n", 2), (header + header, 2), (header + "\n", 2),
                           ('{"ksim_history":1,"settings":{"txm":true}}', 1), (header + "\0", 2), (header + "\u00e9", 2)]:
            with self.subTest(text=text):
                error = self.refused("check", self.file("history.jsonl", text))
                self.assertIn(f": line {line}: ", error)
                self.assertEqual(error.count("\n"), 1)
        for arguments in [["check"], ["check", "/nowhere"], ["check", self.directory.name], ["check", "a", "b"], ["check", ""],
                          ["export"], ["export", "--history", "/nowhere"], ["export", "--history", self.file("empty", "")],
                          ["export", "--history", self.file("text", "SQLite format 3" + "x" * 500)]]:
            with self.subTest(arguments=arguments):
                self.refused(*arguments)

    def test_a_recording_is_judged(self):
        """What clients saw of runs that hold is valid; what a run lost is seen."""
        path = self.path("run.sqlite")
        for scenario, seed in [("steady", 1), ("leader_crash", 3), ("network_partition", 2), ("power_loss", 7),
                               ("unclean_leader_election", 2), ("rolling_restart", 4)]:
            with self.subTest(scenario=scenario):
                self.good("scenario", scenario, "--seed", str(seed), "--record", path)
                history = self.good("export", "--history", path).stdout
                self.assertEqual(self.good("export", "--history", path).stdout, history)
                verdict = self.check(history, 0)
                self.assertIs(verdict["valid"], True)
                database = sqlite3.connect(path)
                sent = database.execute("select count(*) from op where kind = 'send'").fetchone()[0]
                self.assertEqual(history.count('"type":"invoke","f":"send"'), sent)
                polled = database.execute("select count(*) from op where kind = 'read'").fetchone()[0]
                database.close()
                events = [json.loads(line) for line in history.splitlines()[1:]]
                self.assertEqual(sum(len(records) for event in events if event["f"] == "poll" and event["type"] == "ok"
                                     for records in event["value"][0][1].values()), polled)

    def test_a_history_that_is_spoilt_is_seen_through(self):
        path = self.path("run.sqlite")
        self.good("scenario", "steady", "--seed", "2", *SHORT, "--record", path)
        lines = self.good("export", "--history", path).stdout.splitlines(keepends=True)
        polls = [i for i, line in enumerate(lines) if '"ok","f":"poll"' in line and line.count("],[") > 2]
        event = json.loads(lines[polls[len(polls) // 2]])
        key, records = max(event["value"][0][1].items(), key=lambda entry: len(entry[1]))
        del records[len(records) // 2]
        lines[polls[len(polls) // 2]] = json.dumps(event) + "\n"
        found = self.check("".join(lines), 1)["anomalies"]
        self.assertTrue({"lost-write", "int-poll-skip", "poll-skip"} & found.keys(), found)

    def test_a_recording_has_the_plan_that_was_played(self):
        recording = self.path("run.sqlite")
        run = self.good("scenario", "leader_crash", "--seed", "42", *SHORT, "--no-faults", "--record", recording)
        database = sqlite3.connect(recording)
        plan = database.execute("select plan from run").fetchone()[0]
        database.close()
        self.assertEqual(digest(self.good("scenario", "--plan", self.file("plan.toml", plan))), digest(run))

    def test_a_report_is_one_page(self):
        recording, page = self.path("run.sqlite"), self.path("run.html")
        self.good("scenario", "leader_crash", "--seed", "42", *SHORT, "--record", recording)
        run = self.good("report", recording, "-o", page)
        self.assertEqual(run.stdout, "")
        with open(page, encoding="utf-8") as file:
            html = file.read()
        data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S).group(1))
        self.assertEqual(data["run"]["seed"], "42")
        # What was set on the command line, a recording does not say: only the plan repeats it.
        commands = [one["command"] for one in data["commands"]]
        self.assertIn("scripts/ksim scenario --plan plan.toml", commands)
        self.assertFalse([command for command in commands if "--seed" in command])
        again = self.good("scenario", "--plan", self.file("plan.toml", data["run"]["plan"])).stdout
        self.assertIn("digest " + data["run"]["digest"], again)
        self.good("report", recording, "-o", page)  # a page may be replaced
        self.good("swarm", "ping", "quorum", "--seeds", "1..2", "--campaign", self.path("swarm.sqlite"))
        self.good("report", self.path("swarm.sqlite"), "-o", self.path("swarm.html"))
        for arguments in [["report"], ["report", recording], ["report", "/nowhere", "-o", page],
                          ["report", recording, "-o", recording], ["report", recording, "-o", "/nowhere/x"],
                          ["report", self.file("text", "words"), "-o", page], ["report", recording, "-o", page, "--wat"]]:
            with self.subTest(arguments=arguments):
                self.refused(*arguments)
        empty = sqlite3.connect(self.path("empty.sqlite"))
        empty.execute("create table t (x)")
        empty.commit()
        empty.close()
        self.assertIn("ksim swarm", self.refused("report", self.path("empty.sqlite"), "-o", page))

    def test_a_replay_is_the_same_run(self):
        chosen = ["leader_crash", "--seed", "42", *SHORT]
        plain = digest(self.good("scenario", *chosen))
        shown = self.good("replay", *chosen, "--log", "broker-2:replica=debug", "--print", "messages", "--print", "state")
        self.assertEqual(digest(shown), plain)
        self.assertIn("replica.high_watermark", shown.stdout)
        self.assertNotIn("broker-1        replica.", shown.stdout)
        self.assertRegex(self.good("replay", *chosen, "--until", "5s").stdout, r"Stopped at 5\.000000 s, after \d+ events")
        broken = self.good("replay", *chosen, "--break", "leader(orders-0) changes")
        self.assertRegex(broken.stdout, r"Stopped at \d+\.\d{6} s, .*: leader of orders-0: ")
        # No time to heal in: the story of what is found is told.
        violated = self.good("replay", *chosen, "--set", "settle=1ms", "--break", "violation").stdout
        self.assertIn("events of the simulator: L in orders-", violated)
        self.assertIn("What decided it:", violated)
        lines = [json.loads(line) for line in self.good("replay", *chosen, "--until", "4s", "--json").stdout.splitlines()]
        self.assertEqual(lines[-1]["kind"], "end")
        self.assertTrue(all(line["at_ns"] <= 4_000_000_000 for line in lines))
        for more, words in [(["--until", "soon"], "12.4s"), (["--break", "leader(orders-77) changes"], 'did you mean "orders-'),
                            (["--break", "isr_of_on"], 'did you mean "isr_of_one"'), (["--log", "broker-9"], "no machine"),
                            (["--log", "broker-1=loud"], "debug, info"),
                            (["--log", "broker-1:nosuch=debug"], "there are broker, checker, client"),
                            (["--print", "all"], "messages"),
                            (["--diff", "x.toml", "--until", "1s"], "goes without"), (["--diff", "/nowhere"], "/nowhere"),
                            (["--break", "violation"], "did not happen")]:
            with self.subTest(more=more):
                self.assertIn(words, self.refused("replay", *chosen, *more))
        self.assertIn("no cluster", self.refused("replay", "ping"))
        # What writes log lines is a component as well.
        there_are = self.refused("replay", *chosen, "--log", "all:nosuch").rpartition("there are ")[2].strip().split(", ")
        for top, _, files in [found for place in ["core", "sim"] for found in os.walk(os.path.join(TOP, place))]:
            for name in files:
                if not name.endswith(".cpp") or name.endswith("_test.cpp") or "apps" in top:
                    continue
                with open(os.path.join(top, name), encoding="utf-8") as file:
                    for module in re.findall(r'LogLine\{\d, "(\w+)"', file.read()):
                        self.assertIn(module, there_are, os.path.join(top, name))

    def test_two_plans_part_where_they_differ(self):
        first = self.file("a.toml", self.good("scenario", "leader_crash", "--seed", "42", *SHORT, "--print-plan").stdout)
        self.assertIn("the same, event for event: digest ", self.good("replay", "--plan", first, "--diff", first).stdout)
        with open(first, encoding="utf-8") as file:
            text = file.read()
        second = self.file("b.toml", text.replace('kind = "crash"', 'kind = "pause"'))
        shown = self.good("replay", "--plan", first, "--diff", second).stdout
        self.assertIn("are the same, then", shown)
        self.assertIn("In the simulator the runs part at event", shown)
        self.assertIn("fault.began", shown)
        parsed = json.loads(self.good("replay", "--plan", first, "--diff", second, "--json").stdout)
        self.assertTrue(parsed["differs"])
        self.assertGreater(parsed["same_lines"], 100)

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



if __name__ == "__main__":
    unittest.main()
