"""Plants what scripts/tidy forbids, and sees it found. Run by ctest."""

import importlib.machinery
import importlib.util
import os
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
loader = importlib.machinery.SourceFileLoader("tidy", os.path.join(HERE, "tidy"))
tidy = importlib.util.module_from_spec(importlib.util.spec_from_loader("tidy", loader))
loader.exec_module(tidy)


def rules_broken_by(path, text):
    tidy.complaints.clear()
    tidy.hints.clear()
    texts = {path: text}
    tidy.check_includes([path], texts)
    tidy.check_text([path], texts)
    tidy.check_length([path], texts)
    return sorted({rule for _, _, rule, _ in tidy.complaints})


class Includes(unittest.TestCase):
    def test_down_is_allowed_and_up_is_not(self):
        self.assertEqual(rules_broken_by("core/io/x.cpp", '#include "core/base/bytes.h"\n'), [])
        self.assertEqual(rules_broken_by("core/base/x.cpp", '#include "core/io/env.h"\n'), ["includes"])
        self.assertEqual(rules_broken_by("core/storage/x.cpp", '#include "core/broker/isr.h"\n'), ["includes"])

    def test_nothing_in_core_sees_sim_but_tests(self):
        self.assertEqual(rules_broken_by("core/broker/x.cpp", '#include "sim/world.h"\n'), ["includes"])
        self.assertEqual(rules_broken_by("core/broker/x_test.cpp", '#include "sim/world.h"\n'), [])

    def test_pure_parts_see_no_io_and_their_drivers_do(self):
        self.assertEqual(rules_broken_by("core/raft/x.cpp", '#include "core/io/env.h"\n'), ["includes"])
        self.assertEqual(rules_broken_by("core/raft/driver/x.cpp", '#include "core/io/env.h"\n'), [])

    def test_the_production_world_is_not_the_seam(self):
        self.assertEqual(rules_broken_by("core/rpc/x.cpp", '#include "core/io/linux/disk.h"\n'), ["includes"])

    def test_headers_of_the_system_have_their_places(self):
        self.assertEqual(rules_broken_by("core/storage/x.cpp", "#include <unistd.h>\n"), ["includes"])
        self.assertEqual(rules_broken_by("core/io/linux/x.cpp", "#include <unistd.h>\n"), [])
        self.assertEqual(rules_broken_by("core/storage/x.cpp", "#include <thread>\n"), ["includes"])


class Forbidden(unittest.TestCase):
    def test_calls_past_the_seam(self):
        for line in ("std::thread t;", "auto t = std::chrono::steady_clock::now();", "int r = rand();",
                     'auto* home = std::getenv("HOME");', "std::random_device d;", "thread_local int x;",
                     "std::unordered_map<int, int> m;", "std::set<Fiber*> s;", "double d = std::log(x);",
                     "long t = ::time(nullptr);", "try { f(); } catch (...) { }"):
            self.assertEqual(rules_broken_by("core/storage/x.cpp", line + "\n"), ["forbidden"], line)
            self.assertEqual(rules_broken_by("core/io/linux/x.cpp", line + "\n"), [], line)

    def test_words_in_comments_and_texts_are_words(self):
        self.assertEqual(rules_broken_by("core/storage/x.cpp", '// no std::thread here\nf("std::thread");\n'), [])

    def test_names_that_look_alike(self):
        for line in ("x(world.random(), 1);", "const Instant time(0);", "env.clock.now();", "Random random(seed);"):
            self.assertEqual(rules_broken_by("sim/x.cpp", line + "\n"), [], line)

    def test_tests_do_not_sleep(self):
        self.assertEqual(rules_broken_by("core/io/linux/x_test.cpp", "sleep_for(1s);\n"), ["forbidden"])


class Text(unittest.TestCase):
    def test_unfinished_and_disabled(self):
        for line in ("// TO" + "DO: later", "#if 0", "// " + "=" * 30, "// see /wo" + "rk/main"):
            self.assertEqual(rules_broken_by("core/base/x.cpp", line + "\n"), ["text"], line)
        self.assertEqual(rules_broken_by("core/base/x.h", "int x();\n"), ["text"])

    def test_long_functions_are_hints(self):
        body = "void f(int x) {\n" + "  g();\n" * 80 + "}\n"
        self.assertEqual(rules_broken_by("core/base/x.cpp", body), [])
        self.assertEqual(len(tidy.hints), 1)


class Objects(unittest.TestCase):
    def test_symbols_that_reach_the_system(self):
        for name in ("_ZNSt6chrono3_V212steady_clock3nowEv", "_ZSt4cout", "_ZNSt6thread4joinEv",
                     "_ZNSt13random_device9_M_getvalEv", "_ZNSt12__basic_fileIcED1Ev".replace(
                         "12__basic_fileIc", "13basic_filebufIcSt11char_traitsIcEE")):
            self.assertTrue(tidy.TO_THE_SYSTEM.search(name), name)
        for name in ("_ZNSt6vectorIiSaIiEE9push_backEOi", "_Znwm", "__cxa_throw", "_ZSt17__throw_bad_allocv"):
            self.assertTrue(tidy.RUNTIME.match(name), name)
            self.assertFalse(tidy.TO_THE_SYSTEM.search(name), name)
        for name in ("clock_gettime", "open", "getenv", "pthread_create", "read"):
            self.assertFalse(tidy.RUNTIME.match(name), name)
            self.assertFalse(any(p.fullmatch(name) for p, _ in tidy.TABLE.symbols), name)

    def test_instructions(self):
        self.assertTrue(tidy.INSTRUCTION.search("  401000:\tsyscall"))
        self.assertTrue(tidy.INSTRUCTION.search("  401000:\trdtsc"))
        self.assertFalse(tidy.INSTRUCTION.search("  401000:\tcall   1 <syscall_like>"))


if __name__ == "__main__":
    unittest.main()
