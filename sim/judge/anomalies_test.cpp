// For each sentence of HISTORY.md a history that shows it, and one that just does not.

#include "sim/judge/test_histories.h"

namespace ksim::judge {
namespace {

struct Case {
  std::string_view about;
  std::string settings;
  std::string lines;
  std::string anomalies;  // without `unseen`, where the case has no final polls
};

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.about);
    const HistoryText history = HistoryText(c.settings).lines(c.lines);
    Json verdict = verdict_of(history.text());
    if (verdict.is_null()) continue;
    if (c.settings.find("final_polls") == std::string::npos) verdict["anomalies"].erase("unseen");
    EXPECT_EQ(verdict["anomalies"], Json::parse(c.anomalies)) << history.text() << verdict;
  }
}

const std::string kTxn = R"({"txn":true})";

TEST(Anomalies, UnsentRead) {
  check({
      {"nobody sent it", "{}", R"(1 poll ok [["poll",{"x":[[0,7]]}]])",
       R"({"unsent-read":[{"key":"x","value":7,"op":1}]})"},
      {"of any outcome", "{}", R"(1 poll fail [["poll",{"x":[[0,7]]}]])",
       R"({"unsent-read":[{"key":"x","value":7,"op":1}]})"},
      {"each op, once", "{}", R"(1 poll ok [["poll",{"x":[[0,7]]}],["poll",{}]]
                                 1 poll ok [["poll",{"x":[[1,8]]}]]
                                 2 poll ok [["poll",{"x":[[0,7]]}]])",
       R"({"unsent-read":[{"key":"x","value":7,"op":1},{"key":"x","value":8,"op":3},{"key":"x","value":7,"op":5}]})"},
      {"sent to another key", "{}",
       "1 send ok [[\"send\",\"y\",7,0]]\n1 poll ok [[\"poll\",{\"x\":[[0,7]]}]]",
       R"({"unsent-read":[{"key":"x","value":7,"op":3}]})"},
      {"a number is no text", "{}",
       "1 send ok [[\"send\",\"x\",\"7\",0]]\n1 poll ok [[\"poll\",{\"x\":[[0,\"7\"],[1,7]]}]]",
       R"({"unsent-read":[{"key":"x","value":7,"op":3}]})"},
      {"sent by an op that never completes", "{}",
       "1 send + [[\"send\",\"x\",7]]\n2 poll ok [[\"poll\",{\"x\":[[0,7]]}]]", "{}"},
      {"sent later", "{}",
       "2 poll + [[\"poll\"]]\n1 send + [[\"send\",\"x\",7]]\n2 poll -ok [[\"poll\",{\"x\":[[0,7]]}]]", "{}"},
  });
}

TEST(Anomalies, InconsistentOffsets) {
  const std::string both = R"(1 send info [["send","x",1]]
                               4 send info [["send","x",2]]
)";
  check({
      {"two polls", "{}", both + R"(2 poll ok [["poll",{"x":[[0,1]]}]]
                                    3 poll ok [["poll",{"x":[[0,2]]}]])",
       R"({"inconsistent-offsets":[{"key":"x","offset":0,"values":[1,2]}]})"},
      {"a poll that failed tells of the log as well", "{}", both + R"(2 poll fail [["poll",{"x":[[0,2]]}]]
                 3 poll ok [["poll",{"x":[[0,1]]}]])",
       R"({"inconsistent-offsets":[{"key":"x","offset":0,"values":[1,2]}]})"},
      {"a poll and a send", "{}", R"(1 send ok [["send","x",1,0]]
                                     3 send info [["send","x",2]]
                                     2 poll ok [["poll",{"x":[[0,2]]}]])",
       R"({"inconsistent-offsets":[{"key":"x","offset":0,"values":[1,2]}],
           "lost-write":[{"key":"x","value":1,"writer":1}]})"},
      {"two sends; numbers come before texts", "{}", R"(1 send ok [["send","x","b",3]]
                                                        1 send ok [["send","x",10,3]]
                                                        1 send ok [["send","x",9,3]])",
       R"({"inconsistent-offsets":[{"key":"x","offset":3,"values":[9,10,"b"]}],
           "nonmonotonic-send":[{"key":"x","ops":[1,3],"values":["b",10],"delta":0},
                                {"key":"x","ops":[3,5],"values":[10,9],"delta":0}]})"},
      {"a send that failed, and one that nobody saw, are not in the log", "{}",
       R"(1 send ok [["send","x",1,0]]
          1 send fail [["send","x",2,0]]
          1 send info [["send","x",3,0]])",
       "{}"},
      {"other keys", "{}", "1 send ok [[\"send\",\"x\",1,0],[\"send\",\"y\",2,0]]", "{}"},
  });
}

TEST(Anomalies, CommittedSends) {
  check({
      {"without transactions a send whose own value was polled", "{}",
       R"(1 send ok [["send","x",1,0],["send","y",1,0]]
          1 send info [["send","x",2,0],["send","y",2,0]]
          2 poll ok [["poll",{"x":[[5,2]]}]])",
       R"({"duplicate":[{"key":"x","value":2,"offsets":[0,5]}],
           "inconsistent-offsets":[{"key":"x","offset":0,"values":[1,2]}],
           "lost-write":[{"key":"x","value":1,"writer":1}],
           "nonmonotonic-send":[{"key":"x","ops":[1,3],"values":[1,2],"delta":0}]})"},
      {"with transactions all sends of one of which a value was", kTxn,
       R"(1 send ok [["send","y",1,0]]
          1 send info [["send","x",2,0],["send","y",2,0]]
          2 poll ok [["poll",{"x":[[0,2]]}]])",
       R"({"inconsistent-offsets":[{"key":"y","offset":0,"values":[1,2]}],
           "nonmonotonic-send":[{"key":"y","ops":[1,3],"values":[1,2],"delta":0}]})"},
      {"but not by a poll that failed", kTxn,
       R"(1 send ok [["send","y",1,0]]
          1 send info [["send","x",2,0],["send","y",2,0]]
          2 poll info [["poll",{"x":[[0,2]]}]])",
       "{}"},
      {"nor by an uncommitted reader", R"({"txn":true,"process_isolation":{"2":"read_uncommitted"}})",
       R"(1 send ok [["send","y",1,0]]
          1 send info [["send","x",2,0],["send","y",2,0]]
          2 poll ok [["poll",{"x":[[0,2]]}]])",
       "{}"},
      {"without transactions readers commit whatever their isolation", R"({"isolation":"read_uncommitted"})",
       R"(1 send ok [["send","y",1,0]]
          1 send info [["send","y",2,0]]
          2 poll ok [["poll",{"y":[[1,2]]}]])",
       R"({"duplicate":[{"key":"y","value":2,"offsets":[0,1]}],
           "inconsistent-offsets":[{"key":"y","offset":0,"values":[1,2]}],
           "lost-write":[{"key":"y","value":1,"writer":1}],
           "nonmonotonic-send":[{"key":"y","ops":[1,3],"values":[1,2],"delta":0}]})"},
  });
}

TEST(Anomalies, Duplicate) {
  const std::string sent = "1 send ok [[\"send\",\"x\",1,0]]\n";
  check({
      {"twice in the log", "{}", sent + R"(2 poll ok [["poll",{"x":[[0,1],[4,1]]}]])",
       R"({"duplicate":[{"key":"x","value":1,"offsets":[0,4]}]})"},
      {"sent and polled elsewhere", "{}", sent + R"(2 poll ok [["poll",{"x":[[4,1]]}]])",
       R"({"duplicate":[{"key":"x","value":1,"offsets":[0,4]}]})"},
      {"one offset polled twice", "{}", sent + R"(2 poll ok [["poll",{"x":[[0,1]]}]]
                                                  3 poll ok [["poll",{"x":[[0,1]]}]])",
       "{}"},
  });
}

TEST(Anomalies, AbortedRead) {
  const std::string aborted = "1 send fail [[\"send\",\"x\",1]]\n";
  check({
      {"an ok op polled it", "{}", aborted + R"(2 poll ok [["poll",{"x":[[0,1]]}]])",
       R"({"G1a":[{"key":"x","value":1,"writer":1,"reader":3}]})"},
      {"no other op counts", "{}", aborted + R"(2 poll info [["poll",{"x":[[0,1]]}]]
                                                2 poll fail [["poll",{"x":[[0,1]]}]])",
       "{}"},
      {"nor does an uncommitted reader", R"({"txn":true,"isolation":"read_uncommitted"})",
       aborted + R"(2 poll ok [["poll",{"x":[[0,1]]}]])", "{}"},
      {"without transactions all readers count", R"({"isolation":"read_uncommitted"})",
       aborted + R"(2 poll ok [["poll",{"x":[[0,1]]}]])",
       R"({"G1a":[{"key":"x","value":1,"writer":1,"reader":3}]})"},
      {"sent by an op whose outcome is not known", "{}",
       "1 send info [[\"send\",\"x\",1]]\n"
       R"(2 poll ok [["poll",{"x":[[0,1]]}]])",
       "{}"},
  });
}

TEST(Anomalies, PrecommittedRead) {
  for (const std::string outcome : {"ok", "info", "fail"}) {
    const std::string own = "1 txn " + outcome + R"( [["send","x",1,0],["poll",{"x":[[0,1]]}]])";
    check({{"an op of any outcome", kTxn, own, R"({"precommitted-read":[{"key":"x","value":1,"op":1}]})"},
           {"not without transactions", "{}", own, "{}"},
           {"not by an uncommitted reader", R"({"txn":true,"isolation":"read_uncommitted"})", own, "{}"},
           {"by the exception among uncommitted readers",
            R"({"txn":true,"isolation":"read_uncommitted","process_isolation":{"1":"read_committed"}})", own,
            R"({"precommitted-read":[{"key":"x","value":1,"op":1}]})"}});
  }
}

TEST(Anomalies, LostWrite) {
  const std::string three = R"(1 send ok [["send","x",1,0]]
                               1 send ok [["send","x",2,1]]
                               1 send ok [["send","x",3,2]]
)";
  const std::string lost = R"({"lost-write":[{"key":"x","value":1,"writer":1}]})";
  check({
      {"others were polled behind it", "{}", three + R"(2 poll ok [["poll",{"x":[[1,2]]}]])", lost},
      {"nothing was polled behind it", "{}", three + R"(2 poll ok [["poll",{"x":[[0,1]]}]])", "{}"},
      {"polls that are not ok say nothing", "{}", three + R"(2 poll info [["poll",{"x":[[1,2]]}]])", "{}"},
      {"and do not find it", "{}", three + R"(2 poll info [["poll",{"x":[[0,1]]}]]
                                              3 poll ok [["poll",{"x":[[1,2]]}]])",
       lost},
      {"another process polled it", "{}", three + R"(2 poll ok [["poll",{"x":[[1,2]]}]]
                                                     3 poll ok [["poll",{"x":[[0,1]]}]])",
       "{}"},
      {"where it was acknowledged nobody knows", "{}",
       R"(1 send ok [["send","x",1,null]]
          1 send ok [["send","x",2,1]]
          2 poll ok [["poll",{"x":[[1,2]]}]])",
       "{}"},
      {"what was polled counts at its lowest offset", "{}",
       R"(1 send ok [["send","x",1,0]]
          1 send ok [["send","x",2,3]]
          2 poll ok [["poll",{"x":[[0,1]]}]]
          3 poll ok [["poll",{"x":[[5,1]]}]])",
       R"({"duplicate":[{"key":"x","value":1,"offsets":[0,5]}]})"},
      {"and what was not at its highest", "{}",
       R"(1 send ok [["send","x",1,0]]
          1 send ok [["send","x",2,1]]
          2 poll fail [["poll",{"x":[[3,1]]}]]
          3 poll ok [["poll",{"x":[[1,2]]}]])",
       R"({"duplicate":[{"key":"x","value":1,"offsets":[0,3]}]})"},
      {"at the same offset as the highest", "{}",
       R"(1 send ok [["send","x",1,0]]
          1 send ok [["send","x",2,0]]
          2 poll ok [["poll",{"x":[[0,2]]}]])",
       R"({"inconsistent-offsets":[{"key":"x","offset":0,"values":[1,2]}],
           "nonmonotonic-send":[{"key":"x","ops":[1,3],"values":[1,2],"delta":0}],
           "lost-write":[{"key":"x","value":1,"writer":1}]})"},
      {"the rest of a transaction of which something was polled", kTxn,
       R"(1 send info [["send","x",1,0],["send","y",1,0]]
          1 send ok [["send","x",2,1]]
          2 poll ok [["poll",{"x":[[1,2]],"y":[[0,1]]}]])",
       lost},
      {"below a trim", "{}", three + "3 trim ok {\"x\":1}\n" + R"(2 poll ok [["poll",{"x":[[1,2]]}]])", "{}"},
      {"at the start that a trim left", "{}",
       three + "3 trim ok {\"x\":0}\n" + R"(2 poll ok [["poll",{"x":[[1,2]]}]])", lost},
      {"a later trim is one as well, also one whose outcome is not known", "{}",
       three + R"(2 poll ok [["poll",{"x":[[1,2]]}]]
                  3 trim info {"x":1})",
       "{}"},
      {"or that never completed", "{}", three + R"(2 poll ok [["poll",{"x":[[1,2]]}]]
                                                   3 trim + {"x":1})",
       "{}"},
      {"one that failed is not", "{}", three + R"(2 poll ok [["poll",{"x":[[1,2]]}]]
                                                  3 trim fail {"x":1})",
       lost},
      {"nor one of another key", "{}", three + R"(2 poll ok [["poll",{"x":[[1,2]]}]]
                                                  3 trim ok {"y":1})",
       lost},
      {"in a compacted key", R"({"compacted":["x"]})", three + R"(2 poll ok [["poll",{"x":[[1,2]]}]])", "{}"},
      {"in another", R"({"compacted":["y"]})", three + R"(2 poll ok [["poll",{"x":[[1,2]]}]])", lost},
      {"uncommitted readers poll as well", R"({"txn":true,"isolation":"read_uncommitted"})",
       three + R"(2 poll ok [["poll",{"x":[[0,1],[1,2]]}]])", "{}"},
  });
}

TEST(Anomalies, Unseen) {
  const std::string final_polls = R"({"final_polls":true})";
  check({
      {"nobody polled them", final_polls,
       R"(1 send ok [["send","x",1,0],["send","x",2,null],["send","y","a",0]])",
       R"({"unseen":[{"key":"x","values":[1,2]},{"key":"y","values":["a"]}]})"},
      {"a poll that was not ok is none", final_polls,
       "1 send ok [[\"send\",\"x\",1,0]]\n2 poll info [[\"poll\",{\"x\":[[0,1]]}]]",
       R"({"unseen":[{"key":"x","values":[1]}]})"},
      {"an ok poll is one", final_polls,
       "1 send ok [[\"send\",\"x\",1,0]]\n2 poll ok [[\"poll\",{\"x\":[[0,1]]}]]", "{}"},
      {"sends that are not ok need not be seen", final_polls,
       "1 send info [[\"send\",\"x\",1,0]]\n1 send fail [[\"send\",\"x\",2,1]]\n1 send + "
       "[[\"send\",\"x\",3]]",
       "{}"},
      {"not even those of a transaction of which something was", R"({"txn":true,"final_polls":true})",
       "1 send info [[\"send\",\"x\",1,5],[\"send\",\"y\",1,0]]\n2 poll ok [[\"poll\",{\"y\":[[0,1]]}]]",
       "{}"},
      {"below a trim", final_polls,
       "1 send ok [[\"send\",\"x\",1,0],[\"send\",\"x\",2,1]]\n2 trim ok {\"x\":1}",
       R"({"unseen":[{"key":"x","values":[2]}]})"},
      {"with unknown offset in a trimmed key", final_polls,
       "1 send ok [[\"send\",\"x\",1,null]]\n2 trim ok {\"x\":0}", "{}"},
      {"unknown, but a poll that failed saw it", final_polls,
       "1 send ok [[\"send\",\"x\",1,null]]\n2 trim ok {\"x\":1}\n3 poll fail [[\"poll\",{\"x\":[[1,1]]}]]",
       R"({"unseen":[{"key":"x","values":[1]}]})"},
      {"in a compacted key", R"({"final_polls":true,"compacted":["x"]})", "1 send ok [[\"send\",\"x\",1,0]]",
       "{}"},
  });
}

// Five records and whoever polls them in what order; process 9 sees all, so that nothing is lost.
const std::string kFive =
    R"(1 send ok [["send","x",1,0],["send","x",2,2],["send","x",3,4],["send","x",4,5],["send","x",5,6]]
  9 poll ok [["poll",{"x":[[0,1],[2,2],[4,3],[5,4],[6,5]]}]]
)";

TEST(Anomalies, PollSkip) {
  const std::string skip = R"({"poll-skip":[{"key":"x","ops":[5,7],"skipped":[2,3]}]})";
  const std::string first = "2 poll ok [[\"poll\",{\"x\":[[0,1]]}]]\n";
  const std::string fourth = "2 poll ok [[\"poll\",{\"x\":[[5,4]]}]]\n";
  check({
      {"two between", "{}", kFive + first + fourth, skip},
      {"gaps do not count", "{}", kFive + first + R"(2 poll ok [["poll",{"x":[[2,2],[4,3]]}]])", "{}"},
      {"other processes do not matter", "{}", kFive + first + R"(3 poll ok [["poll",{"x":[[5,4]]}]])", "{}"},
      {"the last record of the earlier op, the first of the later", "{}",
       kFive + R"(2 poll ok [["poll",{"x":[[0,1],[2,2]]}],["poll",{"x":[[4,3]]}]]
                  2 poll ok [["poll",{"x":[[5,4]]}],["poll",{"x":[[6,5]]}]])",
       "{}"},
      {"the later may have any outcome", "{}", kFive + first + R"(2 poll fail [["poll",{"x":[[5,4]]}]])",
       skip},
      {"the earlier is ok", "{}", kFive + R"(2 poll fail [["poll",{"x":[[0,1]]}]]
                                             2 poll ok [["poll",{"x":[[5,4]]}]])",
       "{}"},
      {"what fails does not move the position", "{}",
       kFive + first + R"(2 poll info [["poll",{"x":[[2,2],[4,3]]}]]
                          2 poll ok [["poll",{"x":[[5,4]]}]])",
       R"({"poll-skip":[{"key":"x","ops":[5,9],"skipped":[2,3]}]})"},
      {"an ok op without records of the key does not either", "{}",
       kFive + first + R"(2 poll ok [["poll",{"x":[],"y":[]}]]
                          2 poll ok [["poll",{"x":[[5,4]]}]])",
       R"({"poll-skip":[{"key":"x","ops":[5,9],"skipped":[2,3]}]})"},
      {"an assign forgets what it does not name", "{}", kFive + first + "2 assign ok [\"y\"]\n" + fourth,
       "{}"},
      {"and keeps what it names", "{}", kFive + first + "2 assign ok [\"y\",\"x\"]\n" + fourth,
       R"({"poll-skip":[{"key":"x","ops":[5,9],"skipped":[2,3]}]})"},
      {"info as well", "{}", kFive + first + "2 subscribe info []\n" + fourth, "{}"},
      {"fail not", "{}", kFive + first + "2 assign fail []\n" + fourth,
       R"({"poll-skip":[{"key":"x","ops":[5,9],"skipped":[2,3]}]})"},
      {"one that seeks forgets all", "{}",
       kFive + first + "2 assign ok [\"x\"] | {\"seek_to_beginning\":true}\n" + fourth, "{}"},
      {"one that says that it does not seek", "{}",
       kFive + first + "2 assign ok [\"x\"] | {\"seek_to_beginning\":false}\n" + fourth,
       R"({"poll-skip":[{"key":"x","ops":[5,9],"skipped":[2,3]}]})"},
      {"a crash forgets all", "{}", kFive + first + "2 crash info null\n" + fourth, "{}"},
      {"of that process", "{}", kFive + first + "3 crash info null\n" + fourth,
       R"({"poll-skip":[{"key":"x","ops":[5,9],"skipped":[2,3]}]})"},
      {"below a trim", "{}", kFive + first + "3 trim ok {\"x\":5}\n" + fourth, "{}"},
      {"partly below a trim", "{}", kFive + first + "3 trim ok {\"x\":4}\n" + fourth,
       R"({"poll-skip":[{"key":"x","ops":[5,9],"skipped":[3]}]})"},
      {"trims add up to the highest, in whatever order", "{}",
       kFive + first + "3 trim ok {\"x\":5}\n3 trim ok {\"x\":1}\n" + fourth, "{}"},
      {"a trim that reached less than it was asked", "{}",
       kFive + first + "3 trim + {\"x\":5}\n3 trim -ok {\"x\":1}\n" + fourth,
       R"({"poll-skip":[{"key":"x","ops":[5,9],"skipped":[2,3]}]})"},
      {"a trim invoked while it polls", "{}",
       kFive + first + "2 poll + [[\"poll\"]]\n3 trim + {\"x\":5}\n2 poll -ok [[\"poll\",{\"x\":[[5,4]]}]]",
       "{}"},
      {"a trim invoked after that", "{}", kFive + first + fourth + "3 trim ok {\"x\":5}", skip},
      {"a trim that failed", "{}", kFive + first + "3 trim fail {\"x\":5}\n" + fourth,
       R"({"poll-skip":[{"key":"x","ops":[5,9],"skipped":[2,3]}]})"},
      {"not in a compacted key", R"({"compacted":["x"]})", kFive + first + fourth, "{}"},
  });
}

TEST(Anomalies, SkippedByReadersOfTransactions) {
  const std::string some =
      R"({"txn":true,"process_isolation":{"9":"read_uncommitted","8":"read_uncommitted"}})";
  const std::string sent = R"(1 send ok [["send","x",1,0]]
    1 send fail [["send","x",2]]
    1 send ok [["send","x",3,2]]
    9 poll ok [["poll",{"x":[[0,1],[1,2],[2,3]]}]]
)";
  check({
      {"a value that only uncommitted readers saw", some,
       sent + R"(2 poll ok [["poll",{"x":[[0,1],[2,3]]}]])", "{}"},
      {"is skipped by other uncommitted readers", some, sent + "8 poll ok [[\"poll\",{\"x\":[[0,1],[2,3]]}]]",
       R"({"int-poll-skip":[{"key":"x","op":9,"values":[1,3],"skipped":[2]}]})"},
      {"and by all, once a committed reader saw it", some,
       sent + "3 poll info [[\"poll\",{\"x\":[[1,2]]}]]\n2 poll ok [[\"poll\",{\"x\":[[0,1],[2,3]]}]]",
       R"({"int-poll-skip":[{"key":"x","op":11,"values":[1,3],"skipped":[2]}]})"},
      {"or if it is committed", some,
       R"(1 send ok [["send","x",1,0],["send","x",2,null],["send","x",3,2]]
          9 poll ok [["poll",{"x":[[0,1],[1,2],[2,3]]}]]
          2 poll ok [["poll",{"x":[[0,1],[2,3]]}]])",
       R"({"int-poll-skip":[{"key":"x","op":5,"values":[1,3],"skipped":[2]}]})"},
  });
}

TEST(Anomalies, NonmonotonicPoll) {
  const std::string second = "2 poll ok [[\"poll\",{\"x\":[[2,2]]}]]\n";
  check({
      {"back", "{}", kFive + second + R"(2 poll ok [["poll",{"x":[[0,1]]}]])",
       R"({"nonmonotonic-poll":[{"key":"x","ops":[5,7],"values":[2,1],"delta":-1}]})"},
      {"far back is no skip", "{}", kFive + R"(2 poll ok [["poll",{"x":[[6,5]]}]]
                                               2 poll fail [["poll",{"x":[[0,1]]}]])",
       R"({"nonmonotonic-poll":[{"key":"x","ops":[5,7],"values":[5,1],"delta":-4}]})"},
      {"the same again", "{}", kFive + second + second,
       R"({"nonmonotonic-poll":[{"key":"x","ops":[5,7],"values":[2,2],"delta":0}]})"},
      {"also in compacted keys", R"({"compacted":["x"]})", kFive + second + second,
       R"({"nonmonotonic-poll":[{"key":"x","ops":[5,7],"values":[2,2],"delta":0}]})"},
      {"on", "{}", kFive + second + R"(2 poll ok [["poll",{"x":[[4,3]]}]])", "{}"},
      {"again after a failure", "{}", kFive + second + R"(2 poll fail [["poll",{"x":[[4,3]]}]]
                                                          2 poll ok [["poll",{"x":[[4,3]]}]])",
       "{}"},
  });
}

TEST(Anomalies, InsideOnePoll) {
  check({
      {"a skip", "{}", kFive + R"(2 poll ok [["poll",{"x":[[0,1],[4,3]]}]])",
       R"({"int-poll-skip":[{"key":"x","op":5,"values":[1,3],"skipped":[2]}]})"},
      {"across its polls, of any outcome", "{}",
       kFive + R"(2 poll info [["poll",{"x":[[0,1]]}],["poll",{"x":[[4,3]]}]])",
       R"({"int-poll-skip":[{"key":"x","op":5,"values":[1,3],"skipped":[2]}]})"},
      {"back", "{}", kFive + R"(2 poll fail [["poll",{"x":[[4,3],[0,1]]}]])",
       R"({"int-nonmonotonic-poll":[{"key":"x","op":5,"values":[3,1],"delta":-2}]})"},
      {"the same again, told once", "{}", kFive + R"(2 poll ok [["poll",{"x":[[0,1],[0,1],[0,1]]}]])",
       R"({"int-nonmonotonic-poll":[{"key":"x","op":5,"values":[1,1],"delta":0}]})"},
      {"not for keys in its rebalance log", "{}",
       kFive +
           R"(2 poll ok [["poll",{"x":[[4,3],[0,1],[6,5]]}]] | {"rebalance_log":[{"keys":["y"]},{"keys":["z","x"],"more":1}]})",
       "{}"},
      {"for others", "{}",
       kFive + R"(2 poll ok [["poll",{"x":[[0,1],[4,3]]}]] | {"rebalance_log":[{"keys":["y"]}]})",
       R"({"int-poll-skip":[{"key":"x","op":5,"values":[1,3],"skipped":[2]}]})"},
      {"and not for those of another op", "{}",
       kFive + R"(3 poll ok [["poll",{}]] | {"rebalance_log":[{"keys":["x"]}]}
                  2 poll ok [["poll",{"x":[[0,1],[4,3]]}]])",
       R"({"int-poll-skip":[{"key":"x","op":7,"values":[1,3],"skipped":[2]}]})"},
      {"a rebalance log says nothing of what comes between ops", "{}",
       kFive + R"(2 poll ok [["poll",{"x":[[0,1]]}]]
                  2 poll ok [["poll",{"x":[[4,3]]}]] | {"rebalance_log":[{"keys":["x"]}]})",
       R"({"poll-skip":[{"key":"x","ops":[5,7],"skipped":[2]}]})"},
      {"no skip in compacted keys", R"({"compacted":["x"]})",
       kFive + R"(2 poll ok [["poll",{"x":[[0,1],[4,3],[2,2]]}]])",
       R"({"int-nonmonotonic-poll":[{"key":"x","op":5,"values":[3,2],"delta":-1}]})"},
      {"one below a trim", "{}",
       kFive + "3 trim ok {\"x\":4}\n"
               R"(2 poll ok [["poll",{"x":[[0,1],[4,3]]}]])",
       "{}"},
  });
}

TEST(Anomalies, NonmonotonicSend) {
  const std::string at_five = "1 send ok [[\"send\",\"x\",1,5]]\n";
  const std::string before = R"({"nonmonotonic-send":[{"key":"x","ops":[1,3],"values":[1,2],"delta":-1}]})";
  check({
      {"before the last", "{}", at_five + R"(1 send ok [["send","x",2,3]])", before},
      {"behind it", "{}", at_five + R"(1 send ok [["send","x",2,9]])", "{}"},
      {"another process", "{}", at_five + R"(2 send ok [["send","x",2,3]])", "{}"},
      {"last against first", "{}", R"(1 send ok [["send","x",0,9],["send","x",1,5]]
                                      1 send ok [["send","x",2,7],["send","x",3,8]])",
       R"({"int-nonmonotonic-send":[{"key":"x","op":1,"values":[0,1],"delta":-3}]})"},
      {"where the offset is not known, that of a poll", "{}", at_five + R"(1 send ok [["send","x",2,null]]
                    2 poll fail [["poll",{"x":[[3,2]]}]])",
       before},
      {"an info op that nobody saw has no rank, and hides what was before", "{}",
       at_five + R"(1 send info [["send","x",2,3]]
                    1 send ok [["send","x",3,4]])",
       "{}"},
      {"an info op whose value a poll saw, though none that is ok", "{}",
       at_five + R"(1 send info [["send","x",2,9]]
                    2 poll info [["poll",{"x":[[3,2]]}]])",
       before},
      {"its own offset if it is committed", "{}", at_five + R"(1 send ok [["send","x",2,9]]
                    2 poll info [["poll",{"x":[[3,2]]}]])",
       R"({"duplicate":[{"key":"x","value":2,"offsets":[3,9]}]})"},
      {"an op that failed does not count", "{}", at_five + R"(1 send fail [["send","x",2]]
                    1 send ok [["send","x",3,6]]
                    2 poll info [["poll",{"x":[[3,2]]}]])",
       "{}"},
      {"one that never completed does", "{}", at_five + R"(1 send + [["send","x",2]]
                                                           2 poll info [["poll",{"x":[[3,2]]}]])",
       R"({"nonmonotonic-send":[{"key":"x","ops":[1,2],"values":[1,2],"delta":-1}]})"},
      {"forgotten by an assign", "{}",
       at_five + "1 assign ok [\"y\"]\n"
                 R"(1 send ok [["send","x",2,3]])",
       "{}"},
      {"kept by an assign", "{}",
       at_five + "1 assign ok [\"x\"]\n"
                 R"(1 send ok [["send","x",2,3]])",
       R"({"nonmonotonic-send":[{"key":"x","ops":[1,5],"values":[1,2],"delta":-1}]})"},
      {"forgotten by a crash", "{}",
       at_five + "1 crash ok null\n"
                 R"(1 send ok [["send","x",2,3]])",
       "{}"},
  });
}

TEST(Anomalies, InsideOneSend) {
  const std::string other = "2 send ok [[\"send\",\"x\",9,5]]\n";
  check({
      {"a skip", "{}", other + R"(1 send ok [["send","x",1,4],["send","x",2,6]])",
       R"({"int-send-skip":[{"key":"x","op":3,"values":[1,2],"skipped":[9]}]})"},
      {"none", "{}", other + R"(1 send ok [["send","x",1,6],["send","x",2,9]])", "{}"},
      {"other keys between", "{}", R"(1 send ok [["send","x",1,0],["send","y",2,0],["send","x",3,1]])", "{}"},
      {"back", "{}", R"(1 send ok [["send","x",1,4],["send","x",2,3]])",
       R"({"int-nonmonotonic-send":[{"key":"x","op":1,"values":[1,2],"delta":-1}]})"},
      {"in an op that failed, where polls saw it", "{}", R"(1 send fail [["send","x",1],["send","x",2]]
                                                            2 poll info [["poll",{"x":[[3,2],[4,1]]}]])",
       R"({"int-nonmonotonic-send":[{"key":"x","op":1,"values":[1,2],"delta":-1}]})"},
      {"the one before decides, though it has no rank", "{}",
       R"(1 send ok [["send","x",1,4],["send","x",2,null],["send","x",3,3]])", "{}"},
      {"a skip of what was trimmed is one", "{}",
       other + "3 trim ok {\"x\":6}\n"
               R"(1 send ok [["send","x",1,4],["send","x",2,6]])",
       R"({"int-send-skip":[{"key":"x","op":5,"values":[1,2],"skipped":[]}]})"},
  });
}

// ---- the verdict ----

Json verdict(const std::string& settings, const std::string& lines) {
  return verdict_of(HistoryText(settings).lines(lines).text());
}

TEST(Anomalies, WhatIsValid) {
  EXPECT_EQ(verdict("{}", ""), Json::parse(R"({"valid":"unknown","anomalies":{},"allowed":[]})"));
  EXPECT_EQ(verdict("{}", "1 send fail [[\"send\",\"x\",1]]\n1 assign ok [\"x\"]\n1 note ok 5")["valid"],
            "unknown");
  EXPECT_EQ(verdict("{}", "1 poll ok [[\"poll\",{}]]")["valid"], true);
  EXPECT_EQ(verdict("{}", "1 poll ok []")["valid"], true);
  EXPECT_EQ(verdict("{}", "1 send ok [[\"send\",\"x\",1,0]]"),
            Json::parse(
                R"({"valid":true,"anomalies":{"unseen":[{"key":"x","values":[1]}]},"allowed":["unseen"]})"));
  EXPECT_EQ(verdict(R"({"final_polls":true})", "1 send ok [[\"send\",\"x\",1,0]]"),
            Json::parse(R"({"valid":false,"anomalies":{"unseen":[{"key":"x","values":[1]}]},"allowed":[]})"));
  EXPECT_EQ(verdict("{}", "1 poll info [[\"poll\",{\"x\":[[0,1]]}]]")["valid"], false);
}

TEST(Anomalies, WhatSettingsPermit) {
  const std::string skip = R"(1 send ok [["send","x",1,0],["send","x",2,1],["send","x",3,2]]
                              9 poll ok [["poll",{"x":[[0,1],[1,2],[2,3]]}]]
                              2 poll ok [["poll",{"x":[[0,1]]}]]
                              2 poll ok [["poll",{"x":[[2,3]]}]])";
  EXPECT_EQ(verdict("{}", skip)["valid"], false);
  EXPECT_EQ(verdict(R"({"sub_via":["assign"]})", skip)["valid"], false);
  EXPECT_EQ(verdict(R"({"sub_via":["assign","subscribe"]})", skip)["allowed"],
            Json::parse(R"(["poll-skip"])"));
  const std::string lost = R"(1 send ok [["send","x",1,0],["send","x",2,1]]
                              2 poll ok [["poll",{"x":[[1,2]]}]])";
  EXPECT_EQ(verdict("{}", lost)["valid"], false);
  for (const char* acks : {"1", "0"})
    EXPECT_EQ(verdict(std::string(R"({"acks":")") + acks + "\"}", lost)["valid"], true);
  EXPECT_EQ(verdict(R"({"acks":"all","idempotence":false})", lost)["valid"], false);
  EXPECT_EQ(verdict(R"({"unclean_elections":true})", lost)["allowed"],
            Json::parse(R"(["lost-write","unseen"])"));
  const std::string twice = R"(1 send ok [["send","x",1,0]]
                               2 poll ok [["poll",{"x":[[0,1],[1,1]]}]])";
  EXPECT_EQ(verdict(R"({"acks":"1"})", twice)["valid"], false);
  EXPECT_EQ(verdict(R"({"idempotence":false})", twice)["valid"], true);
  const std::string aborted = R"(1 send fail [["send","x",1]]
                                 2 poll ok [["poll",{"x":[[0,1]]}]])";
  const std::string weakest =
      R"({"acks":"0","idempotence":false,"unclean_elections":true,"sub_via":["subscribe"],"ww_deps":true,"txn":true})";
  EXPECT_EQ(verdict(weakest, aborted)["valid"], false);
  EXPECT_EQ(verdict(weakest, R"(2 poll ok [["poll",{"x":[[0,1]]}]])")["valid"], false);
}

TEST(Anomalies, AThousandWitnessesAreEnough) {
  HistoryText history;
  for (int i = 0; i < 1500; ++i)
    history.line(R"(1 poll ok [["poll",{"x":[[)" + std::to_string(i) + ",7]]}]]");
  EXPECT_EQ(verdict_of(history.text())["anomalies"]["unsent-read"].size(), 1000U);
}

TEST(Anomalies, WhatIsSkippedIsListedWithinReason) {
  Json sent = Json::array(), polled = Json::array();
  for (int i = 0; i < 1000; ++i) {
    sent.push_back({"send", "x", std::string(1000, 'v') + std::to_string(i), i});
    polled.push_back({i, sent.back()[2]});
  }
  HistoryText history;
  history.line("1 send ok " + sent.dump());
  history.line("9 poll ok " + Json::array({{"poll", {{"x", polled}}}}).dump());
  for (int process = 10; process < 1400; ++process) {
    history.line(std::to_string(process) + " poll ok " +
                 Json::array({{"poll", {{"x", {polled.front(), polled.back()}}}}}).dump());
  }
  const Json found = verdict_of(history.text())["anomalies"]["int-poll-skip"];
  ASSERT_EQ(found.size(), 1000U);
  EXPECT_EQ(found[0]["skipped"].size(), 260U);
  EXPECT_EQ(found[0]["skipped_cut"], true);
  EXPECT_EQ(found[999]["skipped"], Json::array());
  EXPECT_EQ(found[999]["skipped_cut"], true);
}

TEST(Anomalies, NumbersAndTextsComeOutAsTheyWentIn) {
  const std::string text =
      HistoryText()
          .lines(
              R"(1 poll ok [["poll",{"k\"\u00e9\n":[[9223372036854775807,-9223372036854775808],[5,"\u0000\ud83d\ude00"]]}]])")
          .text();
  const Json found = verdict_of(text)["anomalies"]["unsent-read"];
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0]["key"], "k\"\u00e9\n");
  EXPECT_EQ(found[0]["value"], INT64_MIN);
  EXPECT_EQ(found[1]["value"], std::string("\0\U0001F600", 5));
}

}  // namespace
}  // namespace ksim::judge
