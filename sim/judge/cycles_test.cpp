// Cycles of dependencies, each with the history that just has none.

#include "sim/judge/test_histories.h"

namespace ksim::judge {
namespace {

Json cycles(const std::string& settings, const std::string& lines) {
  Json found = verdict_of(HistoryText(settings).lines(lines).text())["anomalies"];
  Json cycles = Json::object();
  for (const auto& [code, witnesses] : found.items()) {
    if (code.starts_with("G0") || code.starts_with("G1c")) cycles[code] = witnesses;
  }
  return cycles;
}
Json one(const std::string& code, std::initializer_list<int64_t> ops) {
  return {{code, Json::array({Json{{"ops", ops}}})}};
}

const std::string kTransactions = R"({"txn":true})";
const std::string kWrites = R"({"txn":true,"ww_deps":true})";

TEST(Cycles, OfWrites) {
  // Two transactions, each before the other in one of two logs, open at the same time.
  const auto two = [](int64_t y1, int64_t y2) {
    return R"(1 txn + [["send","x",1],["send","y",1]]
              2 txn + [["send","x",2],["send","y",2]]
              1 txn -ok [["send","x",1,0],["send","y",1,)" +
           std::to_string(y1) + R"(]]
              2 txn -ok [["send","x",2,1],["send","y",2,)" +
           std::to_string(y2) + "]]";
  };
  EXPECT_EQ(cycles(kWrites, two(1, 0)), one("G0", {2, 3}));
  EXPECT_EQ(cycles(kWrites, two(0, 1)), Json::object());
  EXPECT_EQ(cycles(kTransactions, two(1, 0)), Json::object());          // without ww_deps
  EXPECT_EQ(cycles(R"({"ww_deps":true})", two(1, 0)), Json::object());  // each micro-op on its own
  EXPECT_EQ(verdict_of(HistoryText(kWrites).lines(two(1, 0)).text())["valid"], true);
  EXPECT_EQ(verdict_of(HistoryText(R"({"ww_deps":true,"unclean_elections":true,"txn":true})")
                           .lines(two(1, 0))
                           .text())["allowed"],
            Json::parse(R"(["unseen","G0"])"));
}

TEST(Cycles, OfReads) {
  const auto two = [](const std::string& first, const std::string& reader_settings) {
    return cycles("{\"txn\":true" + reader_settings + "}", R"(1 txn + [["send","x",1],["poll"]]
              2 txn + [["send","y",2],["poll"]]
              1 txn -)" + first + R"( [["send","x",1,0],["poll",{"y":[[0,2]]}]]
              2 txn -ok [["send","y",2,0],["poll",{"x":[[0,1]]}]])");
  };
  for (const char* outcome : {"ok", "fail", "info"}) EXPECT_EQ(two(outcome, ""), one("G1c", {2, 3}));
  EXPECT_EQ(two("ok", R"(,"isolation":"read_uncommitted")"), Json::object());
  EXPECT_EQ(two("ok", R"(,"process_isolation":{"2":"read_uncommitted"})"), Json::object());
}

TEST(Cycles, OfOneProcess) {
  // It sent in one order and the log has the other.
  const std::string sends = R"(1 send ok [["send","x",1,5]]
                               1 send ok [["send","x",2,3]])";
  EXPECT_EQ(cycles(R"({"ww_deps":true})", sends), one("G0-process", {1, 3}));
  EXPECT_EQ(cycles(kWrites, sends), one("G0-process", {1, 3}));
  EXPECT_EQ(cycles("{}", sends), Json::object());
  // What is not ok has no edges of time.
  EXPECT_EQ(cycles(R"({"ww_deps":true})", R"(1 send info [["send","x",1,5]]
                                             1 send ok [["send","x",2,3]]
                                             2 poll ok [["poll",{"x":[[3,2],[5,1]]}]])"),
            Json::object());
  // It polled what it sends later.
  EXPECT_EQ(cycles("{}", R"(1 poll ok [["poll",{"x":[[0,1]]}]]
                            1 send ok [["send","x",1,0]])"),
            one("G1c-process", {1, 3}));
  EXPECT_EQ(cycles("{}", R"(1 poll info [["poll",{"x":[[0,1]]}]]
                            1 send ok [["send","x",1,0]])"),
            Json::object());
}

TEST(Cycles, OfTime) {
  EXPECT_EQ(cycles(R"({"ww_deps":true})", R"(1 send ok [["send","x",1,5]]
                                             2 send ok [["send","x",2,3]])"),
            one("G0-realtime", {1, 3}));
  // Invoked before the other completed.
  EXPECT_EQ(cycles(R"({"ww_deps":true})", R"(2 send + [["send","x",2]]
                                             1 send ok [["send","x",1,5]]
                                             2 send -ok [["send","x",2,3]])"),
            Json::object());
  EXPECT_EQ(cycles("{}", R"(1 poll ok [["poll",{"x":[[0,1]]}]]
                            2 send + [["send","x",1]])"),
            one("G1c-realtime", {1, 2}));
  EXPECT_EQ(cycles("{}", R"(2 send + [["send","x",1]]
                            1 poll ok [["poll",{"x":[[0,1]]}]])"),
            Json::object());
  // Through a third one that is between them.
  EXPECT_EQ(cycles("{}", R"(1 poll ok [["poll",{"x":[[0,1]]}]]
                            3 poll ok [["poll",{}]]
                            2 send + [["send","x",1]])"),
            one("G1c-realtime", {1, 4}));
}

TEST(Cycles, WithoutTransactionsMicroOpsAreOnTheirOwn) {
  // As one vertex the first op would depend on the second and the second on the first.
  const std::string both = R"(1 txn + [["send","x",1],["poll"]]
    2 txn + [["send","y",2],["poll"]]
    1 txn -ok [["send","x",1,0],["poll",{"y":[[0,2]]}]]
    2 txn -ok [["send","y",2,0],["poll",{"x":[[0,1]]}]])";
  EXPECT_EQ(cycles("{}", both), Json::object());
  EXPECT_EQ(cycles(kTransactions, both), one("G1c", {2, 3}));
  // Micro-ops of one op have its times: the first is not before the second.
  EXPECT_EQ(cycles(R"({"ww_deps":true})", R"(1 send ok [["send","x",1,5],["send","x",2,3]])"),
            Json::object());
}

TEST(Cycles, NothingThatIsImplied) {
  // Two components: what is found in one says nothing of the other.
  EXPECT_EQ(cycles(kWrites, R"(1 txn + [["send","x",1],["send","y",1]]
                               2 txn + [["send","x",2],["send","y",2]]
                               1 txn -ok [["send","x",1,0],["send","y",1,1]]
                               2 txn -ok [["send","x",2,1],["send","y",2,0]]
                               1 txn ok [["send","z",1,1]]
                               1 txn ok [["send","z",2,0]])"),
            Json({{"G0", {{{"ops", {2, 3}}}}}, {"G0-process", {{{"ops", {5, 7}}}}}}));
  // G1c does not imply G0-process, nor the other way round.
  EXPECT_EQ(cycles(kWrites, R"(1 txn + [["send","x",1],["poll"]]
                               2 txn + [["send","y",2],["poll"]]
                               1 txn -ok [["send","x",1,5],["poll",{"y":[[0,2]]}]]
                               2 txn -ok [["send","y",2,0],["poll",{"x":[[5,1]]}]]
                               1 txn ok [["send","x",3,4]])"),
            Json({{"G1c", {{{"ops", {2, 3}}}}}, {"G0-process", {{{"ops", {2, 5}}}}}}));
}

TEST(Cycles, TheNextValueIsTheNextAtItsLowestOffset) {
  // x: 1 at 0, 2 at 1 and again at 9, 3 at 4: 2 comes before 3.
  EXPECT_EQ(cycles(R"({"ww_deps":true})", R"(1 send ok [["send","x",1,0]]
                                             1 send ok [["send","x",2,9]]
                                             1 send ok [["send","x",3,4]]
                                             2 poll ok [["poll",{"x":[[1,2]]}]])"),
            Json::object());
  EXPECT_EQ(cycles(R"({"ww_deps":true})", R"(1 send ok [["send","x",1,0]]
                                             1 send ok [["send","x",2,9]]
                                             1 send ok [["send","x",3,4]]
                                             2 poll ok [["poll",{"x":[[9,2]]}]])"),
            one("G0-process", {3, 5}));
}

TEST(Cycles, SeveralValuesAtOneOffset) {
  const Json found = cycles(R"({"ww_deps":true})", R"(1 send ok [["send","x",1,5]]
                                                      2 send ok [["send","x",2,5]]
                                                      3 send ok [["send","x",3,3]])");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found["G0-realtime"].size(), 1U);
  EXPECT_EQ(found["G0-realtime"][0]["ops"].size(), 2U);
  // Both of one sender, twice: no op depends on itself.
  EXPECT_EQ(
      cycles(kWrites, R"(1 txn ok [["send","x",1,5],["send","x",2,5],["send","x",3,6],["send","x",4,6]])"),
      Json::object());
}

TEST(Cycles, EachComponentIsReported) {
  EXPECT_EQ(cycles("{}", R"(1 poll ok [["poll",{"x":[[0,1]]}]]
                            1 send ok [["send","x",1,0]]
                            2 poll ok [["poll",{"y":[[0,1]]}]]
                            2 send ok [["send","y",1,0]])"),
            Json({{"G1c-process", {{{"ops", {1, 3}}}, {{"ops", {5, 7}}}}}}));
}

TEST(Cycles, AShortestOneIsShown) {
  // A ring of twelve transactions, each polls what the one before sent; and a short cut.
  std::string lines, done;
  for (int i = 0; i < 12; ++i) {
    const std::string process = std::to_string(i);
    lines += process + " txn + [[\"send\",\"k" + process + "\",1],[\"poll\"]]\n";
    const auto polled = [](int of) { return "\"k" + std::to_string(of) + "\":[[0,1]]"; };
    done += process + " txn -ok [[\"send\",\"k" + process + "\",1,0],[\"poll\",{" + polled((i + 11) % 12) +
            (i == 3 ? "," + polled(5) : "") + "}]]\n";
  }
  EXPECT_EQ(cycles(kTransactions, lines + done), one("G1c", {15, 16, 17}));
}

}  // namespace
}  // namespace ksim::judge
