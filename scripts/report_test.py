#!/usr/bin/env python3
"""scripts/report_test.py KSIM [DIRECTORY]: the pages of ksim report in a headless Chromium (Debian's package chromium).

Each loads without a complaint and asks for nothing, in light and dark, narrow and wide; the filters, the zoom and the
keys work. Screenshots stay in DIRECTORY (build/test/report)."""

import json
import os
import re
import shlex
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import browser  # noqa: E402

KSIM = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else "build/release/sim/ksim"
SHOTS = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else "build/test/report"
SHAPES = [("wide-light", 1440, False), ("wide-dark", 1440, True), ("narrow-light", 390, False), ("narrow-dark", 390, True)]
# A topic that loses what it has acknowledged: clean elections, a power loss of everybody, and a checker that is told
# otherwise would be a bug; so the page of a violation is made of a run whose recording is given one.
VIOLATION = """insert into violation select 1, 'R1', 9000000000, partition, 'record ' || id || ' is gone </script>',
  'what is committed stays', id, 3, 'first' || char(10) || '  then <b>' from record limit 1;
  update run set verdict = 'violated';"""
# A campaign in which runs fail in two ways, one of them by ending the process, and one is not the same twice.
FAILURES = """insert into failure values (0, 0, 'R1 in orders-0: record 0001 is gone', 'c.leader_crash.1.sqlite'),
    (2, 0, 'R1 in orders-3: record 0002 is gone </script>', null), (3, 1, 'killed by SIGSEGV', null);
  update run set outcome = 'violated', events = 1000 - number where number in (0, 2); update run set outcome = 'died', virtual_ms = 0, events = 0 where number = 3;
  delete from run_time where number = 3; insert into recheck values (1, '00', 'event 17 differs');"""
# A cell that is safe by the contract, and a run in it that is not.
CONTRADICTION = """update run set outcome = 'violated', complaint = 'R1 in orders-0: record 0001 is gone <b>' where cell = 3 and seed = 2"""
EXPLANATION = """{subject: "record " + recordId(0), headline: "It was on one disk only", steps: [
  {at_ns: 4e9, kind: "sent", node: -1, text: "producer-1 sent it"}, {at_ns: 5e9, kind: "fault", node: 1, text: "broker-1 lost power"}],
  copies: [{node: 1, from_ns: 4e9, synced_ns: null, until_ns: 5e9, gone_by: "a power loss"}, {node: 2, from_ns: 4.1e9, synced_ns: 4.5e9, until_ns: null}],
  culprit: {at_ns: 5e9, kind: "fault", node: 1, text: "broker-1 lost power"}, last_chance: {at_ns: 4.5e9, text: "before that"},
  remedies: [{setting: "min.insync.replicas=2", outcome: "saved", text: "two copies"}], rule: {name: "KIP-966", text: "eligible leaders"},
  repeat: ["ksim explain run.sqlite"]}"""


def ksim(*arguments):
    run = subprocess.run([KSIM, *arguments], capture_output=True, text=True, timeout=600, check=False)
    assert run.returncode == 0, f"{arguments}\n{run.stdout}\n{run.stderr}"


@unittest.skipUnless(browser.program(), "no Chromium is installed")
class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        os.makedirs(SHOTS, exist_ok=True)
        cls.pages = {}
        for name, scenario, seed in [("run", "power_loss", "7"), ("violated", "leader_crash", "42")]:
            recording = os.path.join(SHOTS, name + ".sqlite")
            ksim("scenario", scenario, "--seed", seed, "--record", recording)
            if name == "violated":
                subprocess.run(["sqlite3", recording, VIOLATION], check=True)
            cls.pages[name] = os.path.join(SHOTS, name + ".html")
            ksim("report", recording, "-o", cls.pages[name])
        campaign = os.path.join(SHOTS, "campaign.sqlite")
        ksim("swarm", "leader_crash", "quorum", "--seeds", "1..4", "--campaign", campaign, "--fresh")
        cls.pages["campaign"] = os.path.join(SHOTS, "campaign.html")
        subprocess.run(["sqlite3", campaign, FAILURES], check=True)
        ksim("report", campaign, "-o", cls.pages["campaign"])
        matrix = os.path.join(SHOTS, "matrix")
        ksim("matrix", "--acks", "1,all", "--min-insync", "2", "--faults", "leader_crash,power_loss_all,slow_disk", "--seeds", "9",
             "--out", matrix, "--fresh")
        subprocess.run(["sqlite3", matrix + ".sqlite", CONTRADICTION], check=True)
        cls.pages["matrix"] = matrix + ".html"
        ksim("report", matrix + ".sqlite", "-o", cls.pages["matrix"])
        cls.browser = browser.Browser()

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()

    def open(self, name, width=1440, dark=False):
        self.browser.open(self.pages[name], width=width, height=900, dark=dark, mobile=width < 600)

    def ask(self, script):
        return self.browser.evaluate(script)

    def do(self, script):
        self.browser.evaluate(script + "; undefined")
        self.browser.settle()

    def test_loads_in_every_shape_without_a_complaint(self):
        for name in self.pages:
            self.assertLess(os.path.getsize(self.pages[name]), 2 << 20)
            for shape, width, dark in SHAPES:
                with self.subTest(page=name, shape=shape):
                    self.open(name, width, dark)
                    self.browser.screenshot(os.path.join(SHOTS, f"{name}-{shape}.png"), whole=True)
                    self.assertEqual(self.browser.complaints(), [])
                    self.assertLessEqual(self.ask("document.documentElement.scrollWidth"), width)
                    if name != "matrix":
                        self.assertGreater(self.ask("document.querySelectorAll('.tiles div').length"), 5)
                    self.assertEqual(self.ask("[...document.querySelectorAll('section')].filter(one => !one.textContent.trim()).length"), 0)

    def test_a_window_without_a_size_is_waited_for(self):
        self.open("run")
        self.do("byId('diagram').style.display = 'none'")
        self.do("byId('diagram').style.display = ''")
        self.assertGreater(self.painted(), 8)
        self.assertEqual(self.browser.complaints(), [])

    def painted(self):
        """How many colours the diagram has."""
        return self.ask("new Set(new Uint32Array(pen.getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size")

    def test_the_diagram_is_painted_and_moves(self):
        self.open("run")
        self.assertGreater(self.painted(), 8)
        whole = self.ask("plot.scale.domain()[1]")
        self.do("byId('zoom-in').click(); byId('zoom-in').click()")
        seen = self.ask("plot.scale.domain()")
        self.assertAlmostEqual(seen[1] - seen[0], whole / 4, delta=whole / 100)
        self.do("canvas.focus()")
        for key, check in [("ArrowRight", lambda now: now[0] > seen[0]), ("0", lambda now: now[0] == 0 and now[1] >= whole * 0.999)]:
            self.browser.call("Input.dispatchKeyEvent", type="keyDown", key=key)
            self.browser.settle()
            self.assertTrue(check(self.ask("plot.scale.domain()")), key)
        self.browser.call("Input.dispatchKeyEvent", type="keyDown", key="n")
        self.browser.settle()
        self.assertTrue(self.ask("byId('details').querySelector('dl') !== null"))
        self.do("byId('zoom-all').click()")
        self.do("byId('list').tBodies[0].rows[0].focus()")
        for key in ("ArrowDown", "Enter"):
            self.browser.call("Input.dispatchKeyEvent", type="keyDown", key=key)
        self.browser.settle()
        self.assertEqual(self.ask("byId('list').querySelector('tr.chosen').sectionRowIndex"), 1)
        self.assertEqual(self.browser.complaints(), [])

    def test_messages_come_on_demand(self):
        self.open("run")
        self.do("byId('with-messages').click()")
        self.assertIn("zoom in", self.ask("byId('messages-said').textContent"))
        self.do("showAround(8e6, 2e5)")
        self.assertRegex(self.ask("byId('messages-said').textContent"), r"^[\d,]+ messages?$")
        self.do("byId('list-kind').value = 'messages'; byId('list-kind').dispatchEvent(new Event('change'))")
        self.assertGreater(self.ask("byId('list').tBodies[0].rows.length"), 3)
        self.assertEqual(self.browser.complaints(), [])

    def search(self, text):
        self.do(f"byId('search').value = {text!r}; byId('search').dispatchEvent(new Event('input'))")

    def test_filters(self):
        self.open("run")
        lanes = self.ask("byId('lanes').children.length")
        self.search("orders-1")
        self.assertLess(self.ask("byId('lanes').children.length"), lanes)
        self.assertEqual(self.ask("byId('partition').selectedOptions[0].text"), "orders-1")
        self.assertIn("p=orders-1", self.ask("location.hash"))
        self.assertTrue(self.ask("[...byId('list').tBodies[0].rows].every(row => !row.textContent.includes('orders-2'))"))
        self.do("byId('clear').click()")
        self.assertEqual(self.ask("byId('lanes').children.length"), lanes)
        self.search("broker-2")
        self.assertEqual(self.ask("filter.machine"), self.ask("data.machines.findIndex(one => one.name === 'broker-2')"))
        self.search("")
        self.do("byId('clear').click()")
        self.search("power_loss")
        self.assertTrue(self.ask("[...byId('list').tBodies[0].rows].every(row => row.textContent.includes('power_loss'))"))
        self.do("byId('clear').click()")
        self.search(self.ask("recordId(5)"))
        self.assertIn("sent", self.ask("byId('details').textContent"))
        self.assertIn(self.ask("recordId(5)"), self.ask("byId('details').textContent"))
        self.do("byId('machine').value = '0'; byId('machine').dispatchEvent(new Event('change'))")
        self.assertEqual(self.ask("filter.machine"), 0)
        self.assertEqual(self.browser.complaints(), [])

    def test_a_violation_and_its_explanation(self):
        self.open("violated")
        self.assertEqual(self.ask("byId('verdict').textContent"), "1 violation")
        self.assertIn("</script>", self.ask("byId('why-body').textContent"))
        self.assertIn("then <b>", self.ask("document.querySelector('#why-body pre').textContent"))
        shown = self.ask("plot.scale.domain()")
        self.assertTrue(shown[0] < 9e6 < shown[1] and shown[1] - shown[0] < 0.7 * self.ask("end"), shown)
        self.do("[...document.querySelectorAll('#why-body button')].find(one => one.textContent.startsWith('Follow')).click()")
        self.assertEqual(self.ask("filter.record"), 0)
        self.do(f"data.explanation = {EXPLANATION}; showWhy(); showRepeat()")
        self.assertIn("It was on one disk only", self.ask("byId('why-body').textContent"))
        self.assertEqual(self.ask("document.querySelectorAll('#why-body .steps li.culprit').length"), 1)
        self.assertGreater(self.ask("document.querySelectorAll('#why-body svg rect').length"), 2)
        self.do("document.documentElement.style.scrollBehavior = 'auto'; scrollTo(0, 0)")
        self.browser.screenshot(os.path.join(SHOTS, "explanation.png"))
        self.assertEqual(self.browser.complaints(), [])

    def test_a_campaign(self):
        self.open("campaign")
        self.assertIn("quorum", self.ask("byId('scenarios-body').textContent"))
        self.search("quorum")
        self.assertNotIn("leader_crash", self.ask("byId('scenarios-body').textContent"))
        self.assertGreater(self.ask("document.querySelectorAll('#pairs-body rect').length"), 20)
        self.assertIn("1 shown", self.ask("byId('failures-note').textContent"))
        self.search("")
        failures = self.ask("byId('failures-body').textContent")
        for words in ["</script>", "2 runs", "scripts/ksim explain leader_crash --seed 2", "R1 is the rule: ", "killed by SIGSEGV", "event 17 differs"]:
            self.assertIn(words, failures)
        self.assertEqual(self.ask("byId('verdict').textContent"), "3 failed runs")
        self.assertEqual(self.browser.complaints(), [])

    def test_how_fast_a_campaign_was(self):
        self.open("campaign")
        self.assertEqual(self.ask("data.speed.runs"), 7)
        self.assertEqual(self.ask("document.querySelectorAll('#speed .charts svg').length"), 4)
        self.assertGreater(self.ask("document.querySelectorAll('#speed .charts rect').length"), 3)
        self.assertIn("7 of 8 runs", self.ask("byId('speed-note').textContent"))
        self.assertIn("--seed", self.ask("byId('speed-slowest').textContent"))
        self.search("quorum")
        self.assertNotIn("leader_crash", self.ask("byId('speed-scenarios').textContent + byId('speed-slowest').textContent"))
        self.do("delete data.speed; showSpeed()")
        self.assertIn("keeps no real times", self.ask("byId('speed-body').textContent"))
        self.assertEqual(self.browser.complaints(), [])

    def seen(self, what):
        """How many of them a person sees."""
        return self.ask(f"[...document.querySelectorAll({what!r})].filter(one => one.checkVisibility({{visibilityProperty: true}})).length")

    def test_a_matrix_is_filtered_by_settings_faults_and_outcomes(self):
        for shape, width, dark in SHAPES:
            with self.subTest(shape=shape):
                self.open("matrix", width, dark)
                self.assertEqual((self.seen("tbody tr"), self.seen("td > a"), self.seen("thead th")), (2, 6, 4))
                box = "[...document.querySelectorAll('label')].find(one => one.textContent === {!r}).click()".format
                self.do(box("1"))
                self.assertEqual((self.seen("tbody tr"), self.seen("td > a")), (1, 3))
                self.do(box("slow disk"))
                self.assertEqual((self.seen("td > a"), self.seen("thead th")), (2, 3))
                self.do(box("lost only beyond the fault budget of the settings"))
                self.assertEqual((self.seen("td > a"), self.seen("td.within > a")), (1, 1))
                self.browser.screenshot(os.path.join(SHOTS, f"matrix-filtered-{shape}.png"))
                self.do("document.querySelector('button[type=reset]').click()")
                self.assertEqual(self.seen("td > a"), 6)
                self.assertEqual(self.browser.complaints(), [])

    def test_a_cell_of_a_matrix_opens_its_witness(self):
        for shape, width, dark in SHAPES:
            with self.subTest(shape=shape):
                self.open("matrix", width, dark)
                self.assertIn("seed 2: R1 in orders-0", self.ask("document.querySelector('.against').textContent"))
                self.assertEqual(self.ask("document.querySelector('td.within > a').textContent"), "violated")
                self.assertEqual(self.seen("section"), 0)
                self.do("document.querySelector('td.permitted > a').click()")
                self.assertEqual(self.seen("section"), 1)
                self.browser.screenshot(os.path.join(SHOTS, f"matrix-cell-{shape}.png"))
                told = "document.querySelector('section:target')"
                self.assertLessEqual(self.ask(f"{told}.getBoundingClientRect().right"), width)
                again, why = self.ask(f"[...{told}.querySelectorAll('pre.command')].map(one => one.textContent)")
                story = self.ask(f"{told}.lastElementChild.textContent")
                self.do(f"{told}.querySelector('.close').click()")
                self.assertEqual(self.seen("section"), 0)
                self.assertEqual(self.ask("location.hash"), "#k0")
                self.assertEqual(self.browser.complaints(), [])
        # What stands there is so: the command does that run again.
        lost = re.search(r"(\d+) acknowledged, (\d+) lost", story)
        self.assertRegex(why, r"^scripts/ksim explain matrix/leader_crash --set .* --seed \d+$")
        run = subprocess.run([KSIM, *shlex.split(again)[1:], "--json"], capture_output=True, text=True, timeout=600, check=True)
        counts = json.loads(run.stdout)["counts"]
        self.assertEqual((counts["acknowledged"], counts["lost"]), (int(lost[1]), int(lost[2])))


if __name__ == "__main__":
    unittest.main()
