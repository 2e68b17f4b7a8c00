// What is a history and what is none.

#include "sim/judge/reader.h"

#include <algorithm>

#include "sim/judge/test_histories.h"

namespace ksim::judge {
namespace {

const std::string kHeader = "{\"ksim_history\":1}\n";

std::string complaint(const std::string& text, size_t block = 1 << 20) {
  const Result<Verdict> verdict = judge_text(text, block);
  return verdict.ok() ? "good" : verdict.error().message;
}

// An event of process 1.
std::string event(int64_t index, const std::string& type, const std::string& f, const std::string& value) {
  return R"({"index":)" + std::to_string(index) + R"(,"time_ns":0,"process":1,"type":")" + type +
         R"(","f":")" + f + "\"" + (value.empty() ? "" : ",\"value\":" + value) + "}\n";
}
std::string pair_of(const std::string& f, const std::string& invoked, const std::string& type,
                    const std::string& completed) {
  return kHeader + event(0, "invoke", f, invoked) + event(1, type, f, completed);
}

void expect_bad(const std::string& text, size_t line, const std::string& word) {
  const std::string why = complaint(text);
  EXPECT_TRUE(why.starts_with("line " + std::to_string(line) + ": ")) << why << "\n" << text.substr(0, 500);
  EXPECT_NE(why.find(word), std::string::npos) << why << "\n" << text.substr(0, 500);
  EXPECT_EQ(why.find('\n'), std::string::npos);
  if (text.size() > 10'000) return;
  for (const size_t block : {size_t{1}, size_t{7}}) EXPECT_EQ(complaint(text, block), why);
}

TEST(HistoryReader, GoodHeaders) {
  for (
      const char* header :
      {R"({"ksim_history":1,"settings":{}})", R"({"ksim_history":1})",
       R"( { "settings" : {} , "ksim_history" : 1, "by":"x"} )",
       R"({"ksim_history":1,"settings":{"acks":"0","idempotence":false,"txn":true,"isolation":"read_uncommitted",
            "process_isolation":{"0":"read_committed","12":"read_uncommitted"},"sub_via":["subscribe","assign"],"ww_deps":true,
            "final_polls":true,"unclean_elections":true,"compacted":["a","b"]}})"}) {
    std::string line = header;
    std::replace(line.begin(), line.end(), '\n', ' ');
    EXPECT_EQ(complaint(line), "good");
    EXPECT_EQ(complaint(line + "\n"), "good");
    EXPECT_EQ(complaint(line + "\r\n"), "good");
  }
}

TEST(HistoryReader, BadHeaders) {
  expect_bad("", 1, "empty");
  expect_bad("\n", 1, "empty");
  expect_bad("{}", 1, "header");
  expect_bad(event(0, "ok", "note", "null"), 1, "header");
  for (const char* version : {"2", "0", "1.0", "\"1\"", "true", "null", "[]"})
    expect_bad(std::string(R"({"ksim_history":)") + version + "}", 1, "ksim_history");
  expect_bad(R"({"ksim_history":1,"ksim_history":1})", 1, "twice");
  for (const char* settings : {"null",
                               "[]",
                               "7",
                               R"({"nonsense":1})",
                               R"({"Txn":true})",
                               R"({"txn":1})",
                               R"({"txn":"true"})",
                               R"({"txn":null})",
                               R"({"acks":1})",
                               R"({"acks":"2"})",
                               R"({"acks":"-1"})",
                               R"({"acks":null})",
                               R"({"idempotence":"no"})",
                               R"({"isolation":"serializable"})",
                               R"({"isolation":true})",
                               R"({"process_isolation":[]})",
                               R"({"process_isolation":{"a":"read_committed"}})",
                               R"({"process_isolation":{"-1":"read_committed"}})",
                               R"({"process_isolation":{"":"read_committed"}})",
                               R"({"process_isolation":{"1":"none"}})",
                               R"({"process_isolation":{"1":"read_committed","1":"read_committed"}})",
                               R"({"process_isolation":{"99999999999999999999":"read_committed"}})",
                               R"({"sub_via":"assign"})",
                               R"({"sub_via":["topics"]})",
                               R"({"sub_via":[1]})",
                               R"({"ww_deps":0})",
                               R"({"final_polls":[]})",
                               R"({"unclean_elections":"yes"})",
                               R"({"compacted":"x"})",
                               R"({"compacted":[1]})",
                               R"({"compacted":{"x":true}})",
                               R"({"txn":true,"txn":true})"})
    expect_bad(std::string(R"({"ksim_history":1,"settings":)") + settings + "}", 1, "setting");
}

TEST(HistoryReader, NotJson) {
  for (const std::string line : {"",
                                 " ",
                                 "x",
                                 "{",
                                 "{\"index\":0",
                                 "[]",
                                 "7",
                                 "null",
                                 "\"text\"",
                                 "{}{}",
                                 "{} x",
                                 "{\"a\":}",
                                 "{'a':1}",
                                 "{\"a\":01}",
                                 "{\"a\":+1}",
                                 "{\"a\":.5}",
                                 "{\"a\":1.}",
                                 "{\"a\":1e}",
                                 "{\"a\":NaN}",
                                 "{\"a\":tru}",
                                 "{\"a\":\"\t\"}",
                                 "{\"a\":\"\\x\"}",
                                 "{\"a\":\"\\u12\"}",
                                 "{\"a\":1,}",
                                 "{\"a\":[1 2]}",
                                 "{\"a\" 1}",
                                 "{1:2}",
                                 "{\"a\":\"\\ud800\"}",
                                 "{\"a\":\"\\udc00\"}",
                                 "{\"a\":\"\xff\"}",
                                 "{\"a\":\"\xc0\x80\"}",
                                 "{\"a\":\"\xed\xa0\x80\"}",
                                 "{\"a\":\"\xf4\x90\x80\x80\"}",
                                 "{\"a\":\"\xe2\x82\"}",
                                 "\xef\xbb\xbf{}",
                                 "{\"a\":1} // why"}) {
    SCOPED_TRACE(line);
    const std::string why = complaint(kHeader + line + "\n" + event(0, "ok", "note", "null"));
    EXPECT_TRUE(why.starts_with("line 2: not ")) << why;
    EXPECT_TRUE(complaint(line + "\n").starts_with("line 1: ")) << complaint(line + "\n");
  }
  const std::string zero(1, 0);
  expect_bad(kHeader + "{\"a\":1}" + zero + "\n", 2, "not JSON");
  expect_bad(kHeader + "\n", 2, "empty");
  expect_bad(kHeader + event(0, "ok", "note", "1") + "\n" + event(1, "ok", "note", "1"), 3, "empty");
  std::string cut = pair_of("send", R"([["send","x",1]])", "ok", R"([["send","x",1,0]])");
  for (size_t size = cut.size() - 2; size > cut.rfind('{'); --size)
    expect_bad(cut.substr(0, size), 3, "not JSON");
  EXPECT_EQ(complaint(cut.substr(0, cut.size() - 1)), "good");
}

TEST(HistoryReader, LinesHaveAtMostSixteenMebibytes) {
  const std::string begin = R"({"index":0,"time_ns":0,"process":0,"type":"info","f":"note","value":")";
  const std::string longest = begin + std::string(kMaxLineBytes - begin.size() - 2, 'x') + "\"}";
  ASSERT_EQ(longest.size(), kMaxLineBytes);
  EXPECT_EQ(complaint(kHeader + longest), "good");
  EXPECT_EQ(complaint(kHeader + longest + "\n"), "good");
  EXPECT_EQ(complaint(kHeader + longest + " \n"), "line 2: longer than 16 MiB");
  EXPECT_EQ(complaint(kHeader + longest + " "), "line 2: longer than 16 MiB");
}

TEST(HistoryReader, NestingCostsMemoryOnly) {
  const std::string begin = R"({"index":0,"time_ns":0,"process":0,"type":"info","f":"note","value":)";
  for (const size_t deep : {size_t{1000}, size_t{5'000'000}}) {
    const std::string text = begin + std::string(deep, '[') + std::string(deep, ']') + "}\n";
    EXPECT_EQ(complaint(kHeader + text + event(1, "ok", "note", "")), "good");
    expect_bad(kHeader + begin + std::string(deep, '[') + "\n", 2, "not JSON");
    expect_bad(kHeader + event(0, "invoke", "poll", std::string(deep, '[') + std::string(deep, ']')), 2,
               "micro-op");
  }
}

TEST(HistoryReader, EventsHaveTheirMembers) {
  const Json good = Json::parse(event(0, "invoke", "send", R"([["send","x",1]])"));
  for (const char* member : {"index", "time_ns", "process", "type", "f", "value"}) {
    SCOPED_TRACE(member);
    Json without = good;
    without.erase(member);
    expect_bad(kHeader + without.dump() + "\n", 2, member);
    std::vector<Json> wrong = {nullptr, true, 1.5, Json::object(), Json::parse("1e300"), Json::array({1})};
    if (member == std::string("type") || member == std::string("f"))
      wrong.insert(wrong.end(), {"", "OK", "read", 3});
    if (member == std::string("process")) wrong.insert(wrong.end(), {-1, "1", "nemesis"});
    if (member == std::string("index") || member == std::string("time_ns"))
      wrong.insert(wrong.end(), {"0", UINT64_MAX});
    for (const Json& value : wrong) {
      Json bad = good;
      bad[member] = value;
      expect_bad(kHeader + bad.dump() + "\n", 2, "");
    }
    const std::string line = good.dump();
    expect_bad(kHeader + line.substr(0, line.size() - 1) + ",\"" + member + "\":0}\n", 2, "twice");
  }
  for (const char* error : {"5", "null", "[]"}) {
    std::string line = good.dump();
    line.insert(1, std::string("\"error\":") + error + ",");
    expect_bad(kHeader + line, 2, "error");
  }
  std::string more = good.dump();
  more.insert(1, R"("error":"why","node":{"a":[]},"seek_to_beginning":7,"rebalance_log":7,)");
  EXPECT_EQ(complaint(kHeader + more), "good");  // members that say nothing of an invocation of this f
}

TEST(HistoryReader, IntegersHaveSixtyFourBits) {
  const auto with = [](const std::string& member, const std::string& number) {
    std::string line = R"({"index":0,"time_ns":0,"process":0,"type":"info","f":"note"})";
    const size_t at = line.find("\"" + member + "\":") + member.size() + 3;
    return kHeader + line.replace(at, 1, number);
  };
  for (const std::string member : {"index", "time_ns"}) {
    for (const char* number : {"9223372036854775807", "-9223372036854775808", "-0"})
      EXPECT_EQ(complaint(with(member, number)), "good");
    for (const char* number :
         {"9223372036854775808", "-9223372036854775809", "18446744073709551616", "1.0", "1e3", "1e999"})
      expect_bad(with(member, number), 2, "");
  }
  EXPECT_EQ(complaint(with("process", "9223372036854775807")), "good");
  expect_bad(with("process", "-1"), 2, "process");
  for (const char* value :
       {"9223372036854775808", "18446744073709551616", "1.5", "1e3", "null", "true", "[1]", "{}"})
    expect_bad(kHeader + event(0, "invoke", "send", std::string(R"([["send","x",)") + value + "]]"), 2, "");
  for (const char* offset : {"-1", "9223372036854775808", "1.0", "\"0\"", "true", "[]"}) {
    expect_bad(
        pair_of("send", R"([["send","x",1]])", "ok", std::string(R"([["send","x",1,)") + offset + "]]"), 3,
        "offset");
    expect_bad(
        pair_of("poll", R"([["poll"]])", "ok", std::string(R"([["poll",{"x":[[)") + offset + ",1]]}]]"), 3,
        "");
  }
  EXPECT_EQ(
      complaint(pair_of("poll", R"([["poll"]])", "ok", R"([["poll",{"x":[[9223372036854775807,1]]}]])")),
      "good");
}

TEST(HistoryReader, IndexesIncreaseAndTimeDoesNotGoBack) {
  const auto two = [](const std::string& a, const std::string& b) {
    return kHeader + R"({"index":)" + a + R"(,"process":0,"type":"info","f":"note"})" + "\n" +
           R"({"index":)" + b + R"(,"process":0,"type":"info","f":"note"})";
  };
  EXPECT_EQ(complaint(two(R"(5,"time_ns":7)", R"(6,"time_ns":7)")), "good");
  EXPECT_EQ(complaint(two(R"(-9,"time_ns":-7)", R"(600,"time_ns":0)")), "good");
  expect_bad(two(R"(5,"time_ns":7)", R"(5,"time_ns":7)"), 3, "index");
  expect_bad(two(R"(5,"time_ns":7)", R"(4,"time_ns":7)"), 3, "index");
  expect_bad(two(R"(5,"time_ns":7)", R"(6,"time_ns":6)"), 3, "time_ns");
}

TEST(HistoryReader, OperationsOpenAndClose) {
  const std::string invoke = event(0, "invoke", "send", R"([["send","x",1]])");
  expect_bad(kHeader + event(0, "ok", "poll", "[]"), 2, "open");
  expect_bad(kHeader + invoke + event(1, "invoke", "poll", "[]"), 3, "open");
  expect_bad(kHeader + invoke + event(1, "ok", "poll", "[]"), 3, "send");
  expect_bad(kHeader + invoke + event(1, "info", "txn", R"([["send","x",1]])"), 3, "send");
  expect_bad(kHeader + invoke + event(1, "info", "send", "") + event(2, "info", "send", ""), 4, "open");
  EXPECT_EQ(complaint(kHeader + invoke + event(1, "info", "send", "") + event(2, "invoke", "poll", "[]")),
            "good");
  for (const char* type : {"invoke", "ok", "fail", "info"}) {
    EXPECT_EQ(complaint(kHeader + invoke + event(1, type, "note", "") +
                        event(2, type, "note", R"([{"a":[]},1.5e7])") + event(3, "fail", "send", "")),
              "good");
  }
  expect_bad(kHeader + event(0, "done", "note", "1"), 2, "type");
}

TEST(HistoryReader, MicroOps) {
  for (const char* value :
       {"[7]", "[[]]", "[[1]]", R"(["poll"])", R"([["read"]])", R"([["poll",{}]])", R"([["poll","x"]])",
        R"([["send","x"]])", R"([["send","x",1,0]])", R"([["send","x",1,null]])", R"([["send",1,1]])",
        R"([["send",null,1]])", R"({"poll":1})", R"("poll")"})
    expect_bad(kHeader + event(0, "invoke", "txn", value), 2, "");
  expect_bad(kHeader + event(0, "invoke", "send", R"([["poll"]])"), 2, "poll");
  expect_bad(kHeader + event(0, "invoke", "poll", R"([["send","x",1]])"), 2, "send");
  EXPECT_EQ(complaint(kHeader + event(0, "invoke", "txn", R"([["send","x",1],["poll"]])")), "good");
  EXPECT_EQ(complaint(kHeader + event(0, "invoke", "txn", R"([["poll"]])")), "good");

  const std::string asked = R"([["send","x",1],["poll"]])";
  for (const char* done : {R"([["send","x",1,0],["poll",{}]])",
                           R"([["send","x",1,null],["poll",{"x":[],"y":[[0,1],[1,"1"]]}]])"}) {
    for (const char* type : {"ok", "fail", "info"})
      EXPECT_EQ(complaint(pair_of("txn", asked, type, done)), "good");
  }
  for (const char* done : {R"([["send","x",1],["poll"]])", R"([["send","x",1],["poll",{}]])",
                           R"([["send","x",1,3],["poll"]])"}) {
    for (const char* type : {"fail", "info"}) EXPECT_EQ(complaint(pair_of("txn", asked, type, done)), "good");
    expect_bad(pair_of("txn", asked, "ok", done), 3, "completes as");
  }
  expect_bad(pair_of("txn", asked, "ok", ""), 3, "value");
  expect_bad(pair_of("txn", asked, "ok", "null"), 3, "value");
  for (const char* done : {R"([["send","x",1,0]])",
                           R"([["send","x",1,0],["poll",{}],["poll",{}]])",
                           R"([["poll",{}],["send","x",1,0]])",
                           R"([["send","x","1",0],["poll",{}]])",
                           R"([["send","x",2,0],["poll",{}]])",
                           R"([["send","y",1,0],["poll",{}]])",
                           R"([["send","x",1,0,0],["poll",{}]])",
                           R"([["send","x",1,0],["poll",{},{}]])",
                           R"([["send","x",1,0],["poll",[]]])",
                           R"([["send","x",1,0],["poll",{"y":7}]])",
                           R"([["send","x",1,0],["poll",{"y":[7]}]])",
                           R"([["send","x",1,0],["poll",{"y":[[]]}]])",
                           R"([["send","x",1,0],["poll",{"y":[[0]]}]])",
                           R"([["send","x",1,0],["poll",{"y":[[0,1,2]]}]])",
                           R"([["send","x",1,0],["poll",{"y":[[0,null]]}]])",
                           R"([["send","x",1,0],["poll",{"y":[[0,[1]]]}]])",
                           R"([["send","x",1,0],["poll",{"y":[[0,1]],"y":[[0,1]]}]])",
                           "[]",
                           "{}",
                           "7"}) {
    for (const char* type : {"ok", "fail", "info"}) expect_bad(pair_of("txn", asked, type, done), 3, "");
  }
}

TEST(HistoryReader, NoValueIsSentTwiceToAKey) {
  const std::string first =
      kHeader + event(0, "invoke", "send", R"([["send","x",1],["send","y",1],["send","x","1"]])") +
      event(1, "fail", "send", "");
  EXPECT_EQ(complaint(first + event(2, "invoke", "send", R"([["send","x",2]])")), "good");
  expect_bad(first + event(2, "invoke", "send", R"([["send","x",1]])"), 4, "second time");
  expect_bad(first + event(2, "invoke", "send", R"([["send","x","1"]])"), 4, "second time");
  expect_bad(kHeader + event(0, "invoke", "send", R"([["send","x",1],["send","x",1]])"), 2, "second time");
}

TEST(HistoryReader, AssignTrimCrash) {
  for (const char* f : {"assign", "subscribe"}) {
    for (const char* done : {"", R"(["x","y"])"})
      EXPECT_EQ(complaint(pair_of(f, R"(["x","y"])", "ok", done)), "good");
    for (const char* asked : {"", "null", "7", R"("x")", "[1]", R"({"x":1})"})
      expect_bad(kHeader + event(0, "invoke", f, asked), 2, "value");
    for (const char* done : {R"(["x"])", R"(["x","z"])", "7", "[1]"})
      expect_bad(pair_of(f, R"(["x","y"])", "ok", done), 3, "");
    std::string seeks = event(0, "invoke", f, R"(["x"])");
    seeks.insert(1, R"("seek_to_beginning":1,)");
    expect_bad(kHeader + seeks, 2, "seek_to_beginning");
  }
  for (const char* done : {"", R"({"x":5})", R"({"x":1,"y":1})", "{}"})
    EXPECT_EQ(complaint(pair_of("trim", R"({"x":5,"y":7})", "ok", done)), "good");
  for (const char* asked :
       {"", "null", "[]", "5", R"({"x":-1})", R"({"x":null})", R"({"x":1.5})", R"({"x":1,"x":2})"})
    expect_bad(kHeader + event(0, "invoke", "trim", asked), 2, "");
  for (const char* done : {R"({"z":5})", "[]", R"({"x":-1})", R"({"x":1,"x":2})"})
    expect_bad(pair_of("trim", R"({"x":5,"y":7})", "ok", done), 3, "");
  EXPECT_EQ(complaint(pair_of("crash", "null", "info", "null")), "good");
  EXPECT_EQ(complaint(pair_of("crash", "null", "info", "")), "good");
  expect_bad(kHeader + event(0, "invoke", "crash", "7"), 2, "value");
}

TEST(HistoryReader, RebalanceLogs) {
  const auto with = [](const std::string& log) {
    std::string done = event(1, "ok", "poll", R"([["poll",{}]])");
    done.insert(1, "\"rebalance_log\":" + log + ",");
    return kHeader + event(0, "invoke", "poll", R"([["poll"]])") + done;
  };
  for (const char* log :
       {"[]", R"([{"keys":[]}])", R"([{"keys":["x"],"kind":"assigned"},{"at":1,"keys":["y","x"]}])"})
    EXPECT_EQ(complaint(with(log)), "good");
  for (const char* log :
       {"null", "{}", "[[]]", "[{}]", R"([{"keys":"x"}])", R"([{"keys":[1]}])", R"([{"keys":[],"keys":[]}])"})
    expect_bad(with(log), 3, "rebalance_log");
}

TEST(HistoryReader, BlocksEndAnywhere) {
  const std::string text = HistoryText(R"({"txn":true})")
                               .lines(R"(1 send ok [["send","x","a\u00e9\n",0]]
    2 poll ok [["poll",{"x":[[0,"b"]]}]])")
                               .text();
  const Result<Verdict> whole = judge_text(text);
  ASSERT_TRUE(whole.ok());
  for (size_t block = 1; block < 40; ++block) EXPECT_EQ(judge_text(text, block)->json, whole->json);
}

}  // namespace
}  // namespace ksim::judge
