#include "sim/report/report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "sim/history/recorder.h"
#include "sim/report/availability.h"
#include "sim/report/page.h"
#include "sim/report/speed.h"

namespace ksim::sim {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kNasty = "</script><script>alert('\"&')</script>\xff<!--";

// A run with one of each, and words that would end a script or a tag.
std::string recording() {
  Recorder recorder;
  for (const auto& [scope, name, value] :
       {std::tuple{"broker-1", "node.id", "1"}, std::tuple{"broker-1", "process.roles", "broker"},
        std::tuple{"controller-101", "node.id", "101"},
        std::tuple{"controller-101", "process.roles", "controller"}})
    recorder.config(scope, name, value);
  const int64_t op = recorder.op({"producer-1", 1, "send", "orders-0", make_record_id(1, 42), -1,
                                  Instant{10'000}, Instant{20'000}, Outcome::ok, ErrorCode::NONE, 7});
  RecordRow record;
  record.id = make_record_id(1, 42);
  record.session = 1;
  record.partition = "orders-0";
  record.sent_op = op;
  record.acknowledged_offset = 7;
  record.holders = "1";
  record.lost = true;
  recorder.record(record);
  const std::vector<int32_t> isr = {1, 2};
  const Event event{PartitionChanged{"orders", Uuid{1, 2}, 0, 1, 3, 4, isr, {}, false}};
  recorder.event({1, 1, Instant{5'000}, &event});
  const Event line{LogLine{2, "replica", kNasty}};
  recorder.event({1, 1, Instant{6'000}, &line});
  recorder.fault({"crash", "broker-1", Instant{12'000}, Instant{15'000}, "at 12us", kNasty});
  recorder.violation(
      {"R1", Instant{30'000}, "orders-0", kNasty, "nothing is lost", record.id, 7, {"first", kNasty}});
  recorder.mark({"isr.shrunk", 2, Instant{9'000}});
  recorder.message(
      {Instant{1'000}, Instant{3'000}, "producer-1", "broker-1", 9, "Produce", 4, 100, 11, false, false});
  recorder.message(
      {Instant{4'000}, std::nullopt, "broker-1", "producer-1", 9, "Produce", 4, 50, 11, true, true});
  return recorder.image({"storm", 42, std::string("# ") + kNasty, 0xabc, Instant{100'000}, false, "0.1.0"})
      .value();
}

std::string page_of_run(const RunPage& page) {
  Database database = Database::open(recording()).value();
  EXPECT_EQ(what_recorded(database).value(), Recorded::run);
  Result<std::string> html = run_page(database, page);
  EXPECT_TRUE(html.ok()) << html.error().message;
  return std::move(html).value();
}

// The JSON in a page.
Json data_of(const std::string& html) {
  const std::string begin = "<script type=\"application/json\" id=\"data\">";
  const size_t from = html.find(begin) + begin.size();
  Json data = Json::parse(html.substr(from, html.find("</script>", from) - from), nullptr, false);
  EXPECT_FALSE(data.is_discarded());
  return data;
}

size_t count_of(const std::string& text, const std::string& word) {
  size_t count = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

// Every element that must be closed is, in order; scripts and styles are opaque. Empty: all is well.
std::string what_is_wrong_with(const std::string& html) {
  const std::vector<std::string> single{"meta", "input", "br"};
  std::vector<std::string> open;
  for (size_t at = 0; (at = html.find('<', at)) != std::string::npos;) {
    if (html.compare(at, 2, "<!") == 0) {
      at = html.find('>', at);
      continue;
    }
    const size_t end = html.find('>', at);
    if (end == std::string::npos) return "a tag does not end";
    const bool closes = html[at + 1] == '/';
    const size_t begin = at + (closes ? 2 : 1);
    const std::string name = html.substr(begin, html.find_first_of(" \n>", begin) - begin);
    if (name.empty() || name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") != std::string::npos)
      return "no tag: " + html.substr(at, 40);
    at = end + 1;
    if (closes) {
      if (open.empty() || open.back() != name) return "not open: " + name;
      open.pop_back();
    } else if (std::find(single.begin(), single.end(), name) == single.end()) {
      open.push_back(name);
    }
    if (!closes && (name == "script" || name == "style")) at = html.find("</" + name + ">", at);
  }
  return open.empty() ? "" : "not closed: " + open.back();
}

void expect_whole(const std::string& html) {
  EXPECT_EQ(what_is_wrong_with(html), "");
  EXPECT_TRUE(html.starts_with("<!DOCTYPE html>"));
  EXPECT_EQ(count_of(html, "</script>"), 3U);
  EXPECT_EQ(count_of(html, "sourceMappingURL"), 0U);
  EXPECT_EQ(count_of(html, "<link"), 0U);
  EXPECT_EQ(count_of(html, " src="), 0U);
  EXPECT_EQ(count_of(html, "@import"), 0U);
  EXPECT_NE(html.find("Redistribution and use in source and binary forms"), std::string::npos);
  // The only addresses are names of XML's namespaces.
  EXPECT_EQ(count_of(html, "http://") + count_of(html, "https://"), count_of(html, "\"http://www.w3.org/"));
  EXPECT_LT(html.size(), size_t{512} << 10);  // what is always in it
}

TEST(RunPage, IsWholeAndAsksForNothing) {
  const std::string html =
      page_of_run({"run.sqlite", {{"R1", "what is committed stays"}, {"M1", "one"}}, {}, {}});
  expect_whole(html);
  const Json data = data_of(html);
  EXPECT_EQ(data["run"]["scenario"], "storm");
  EXPECT_EQ(data["checkers"][0]["held"], false);
  EXPECT_EQ(data["checkers"][1]["held"], true);
  EXPECT_EQ(data["violations"][0]["at"], 30);
  EXPECT_NE(data["violations"][0]["message"].get<std::string>().find("</script>"), std::string::npos);
  EXPECT_NE(data["run"]["plan"].get<std::string>().find("<!--"), std::string::npos);
  EXPECT_EQ(data["machines"].size(), 3U);
  EXPECT_EQ(data["machines"][2]["name"], "producer-1");
  EXPECT_EQ(data["faults"][0]["machines"], Json::array({0}));
  EXPECT_EQ(data["states"][0], Json::parse("[5,0,1,3,4,[1,2],[],0]"));
  EXPECT_EQ(data["messages"]["took"], Json::array({2, -1}));
  EXPECT_EQ(data["records"]["lost"][0], 2);
  EXPECT_EQ(data["ops"]["took"][0], 10);
  EXPECT_FALSE(data.contains("explanation"));
}

TEST(RunPage, SaysThatNobodyHasChecked) {
  Recorder recorder;
  const std::string image =
      recorder.image({"storm", 42, "", 0xabc, Instant{100'000}, true, "0.1.0", false}).value();
  Database database = Database::open(image).value();
  const Json data =
      data_of(run_page(database, {"run.sqlite", {{"R1", "what is committed stays"}}, {}, {}}).value());
  EXPECT_EQ(data["run"]["verdict"], "unchecked");
  EXPECT_TRUE(data["checkers"].empty()) << "none of them has held";
}

TEST(RunPage, ShowsAnExplanationAndRefusesWhatIsNone) {
  RunPage page{"run.sqlite", {}, "scripts/ksim scenario storm --seed 42", R"({"headline":"</script>"})"};
  const Json data = data_of(page_of_run(page));
  EXPECT_EQ(data["explanation"]["headline"], "</script>");
  EXPECT_EQ(data["commands"][0]["command"], "scripts/ksim scenario storm --seed 42");
  Database database = Database::open(recording()).value();
  page.explanation = "no JSON";
  EXPECT_FALSE(run_page(database, page).ok());
}

TEST(RunPage, SaysWhyItExplainsNothing) {
  RunPage page{"run.sqlite", {}, {}, {}};
  page.why_unexplained = "has no table batch";
  EXPECT_EQ(data_of(page_of_run(page))["left_out"]["explanation"], "has no table batch");
  page.why_unexplained.clear();
  EXPECT_FALSE(data_of(page_of_run(page))["left_out"].contains("explanation"));
}

TEST(RunPage, RefusesASpoiltRecording) {
  for (const char* change : {"UPDATE partition_state SET isr = 'x'", "UPDATE record SET id = 'none'",
                             "UPDATE fault SET began_ns = 'soon'", "UPDATE event SET detail = 'nothing'",
                             "UPDATE run SET virtual_ns = -1"}) {
    Database database = Database::copy(recording()).value();
    ASSERT_TRUE(database.run(change).ok()) << change;
    const Result<std::string> html = run_page(database, {"run.sqlite", {}, {}, {}});
    ASSERT_FALSE(html.ok()) << change;
    EXPECT_TRUE(html.error().message.starts_with("table ")) << html.error().message;
  }
}

// Fields of another type than those that this ksim writes.
TEST(RunPage, PassesOverMarksThatAreNone) {
  for (const char* detail : {R"({"leader":5,"high_watermark":7})", R"({"leader":true,"high_watermark":"x"})",
                             R"({"leader":true})", R"({"high_watermark":7})"}) {
    Database database = Database::copy(recording()).value();
    ASSERT_TRUE(
        database
            .run(std::string(
                     "INSERT INTO event VALUES (900, 1, 1, 1, 'replica.high_watermark', 'orders-0', '") +
                 detail + "')")
            .ok());
    EXPECT_TRUE(data_of(run_page(database, {"run.sqlite", {}, {}, {}}).value())["watermarks"].empty())
        << detail;
  }
}

// It is of a build that called what is permitted otherwise, and kept no real times.
TEST(CampaignPage, IsWholeAndNamesWhatWasNeverMet) {
  Database database = Database::create().value();
  ASSERT_TRUE(
      database
          .run("CREATE TABLE swarm (name, value); CREATE TABLE run (number, scenario, seed, outcome, digest, "
               "events, "
               "virtual_ms, acknowledged, lost, permitted, faults, elections, quorum_elections, truncations, "
               "isr_changes, kept); CREATE TABLE failure (number, cause, complaint, recording); CREATE TABLE "
               "recheck (number, digest, difference); CREATE TABLE mark (scenario, mark, runs, reached); "
               "CREATE "
               "TABLE fault_kind (scenario, kind, runs); CREATE TABLE fault_mark (kind, mark, runs);"
               "INSERT INTO run VALUES (0,'a','1','violated','00',10,20,3,1,0,1,0,0,0,0,0), "
               "(1,'b','1','held','00',30,20,3,0,0,1,0,0,0,0,1); INSERT INTO failure VALUES (0,0,'R1 "
               "</script>',NULL);"
               "INSERT INTO mark VALUES ('a','isr.shrunk',2,5);")
          .ok());
  EXPECT_EQ(what_recorded(database).value(), Recorded::campaign);
  const Result<std::string> html = campaign_page(
      database, {"swarm.sqlite", {"isr.shrunk", "log.rolled"}, {"crash"}, {{"R1", "it stays"}}});
  ASSERT_TRUE(html.ok()) << html.error().message;
  expect_whole(*html);
  const Json data = data_of(*html);
  EXPECT_EQ(data["marks"], Json::parse(R"([["isr.shrunk",2],["log.rolled",0]])"));
  EXPECT_EQ(data["faults"], Json::parse(R"([["crash",0]])"));
  EXPECT_EQ(data["causes"][0][3], "R1 </script>");
  EXPECT_EQ(data["failed_scenarios"], Json::parse(R"([[0,"a",1]])"));
  EXPECT_EQ(data["checkers"]["R1"], "it stays");
  EXPECT_EQ(data["totals"][0][0], 2);
  EXPECT_EQ(data["totals"][0][4], 1);  // lost
  EXPECT_EQ(data["totals"][0][5], 0);  // permitted
  EXPECT_TRUE(data["speed"].is_null()) << "it is of a build that kept no real times";
}

TEST(CampaignPage, TellsHowFastItWas) {
  Database database = Database::create().value();
  ASSERT_TRUE(database
                  .run("CREATE TABLE swarm (name, value); INSERT INTO swarm VALUES ('real_ms', '4000'); "
                       "CREATE TABLE run (number, scenario, seed, events, virtual_ms); "
                       "CREATE TABLE run_time (number, real_us, cpu_us, ended_ms);")
                  .ok());
  EXPECT_TRUE(speed_data(database).value().is_null());
  ASSERT_TRUE(database
                  .run("INSERT INTO run VALUES (0,'a','1',1000,2000), (1,'b','1',500,100), "
                       "(2,'a','2+3f',3000,2000), (3,'b','2',500,100); "
                       "INSERT INTO run_time VALUES (0,120000,100000,130), (1,40000,40000,170), "
                       "(2,300000,200000,3990);")  // the worker of the last one died
                  .ok());
  const Json speed = speed_data(database).value();
  EXPECT_EQ(speed["runs"], 3);
  EXPECT_EQ(speed["real_ms"], 4000);
  EXPECT_EQ(speed["cpu_us"], 340'000);
  EXPECT_EQ(speed["events"], 4500);
  EXPECT_EQ(speed["piece_ms"], 20'000);
  EXPECT_EQ(speed["pieces"], Json::parse("[[3,4500,4100]]"));
  EXPECT_EQ(speed["scenarios"]["a"]["cpu_parts"], Json::parse("[100000,200000,200000,200000]"));
  EXPECT_EQ(speed["scenarios"]["b"]["runs"], 1);
  EXPECT_EQ(speed["slowest"][0], Json::parse(R"(["a","2+3f",300000,200000,3000,2000])"));
  EXPECT_EQ(speed["slowest"].size(), 3U);
  int64_t counted = 0;
  for (const Json& step : speed["steps"]) {
    EXPECT_LT(step[0], step[1]);
    counted += step[2].get<int64_t>();
  }
  EXPECT_EQ(counted, 3);
  EXPECT_LE(speed["steps"].front()[0], 40'000);
  EXPECT_GT(speed["steps"].back()[1], 300'000);
}

TEST(Speed, AFileOfNonsenseIsDrawnAsWell) {
  Database database = Database::create().value();
  ASSERT_TRUE(
      database
          .run("CREATE TABLE swarm (name, value); INSERT INTO swarm VALUES ('real_ms', 'soon'); "
               "CREATE TABLE run (number, scenario, seed, events, virtual_ms); "
               "CREATE TABLE run_time (number, real_us, cpu_us, ended_ms);"
               "INSERT INTO run VALUES (0,'a','1',1,1), (1,'a','2',1,1); "
               "INSERT INTO run_time VALUES (0,-5,0,-7), (1,9223372036854775807,0,9223372036854775807);")
          .ok());
  EXPECT_EQ(speed_data(database).value()["runs"], 2);
}

TEST(Speed, PiecesAndStepsAreRoundAndFew) {
  EXPECT_EQ(piece_ms(60'000, 1200), 500);
  EXPECT_EQ(piece_ms(60'000, 100), 5000);
  EXPECT_EQ(piece_ms(30 * 60'000, 30'000), 20'000);
  EXPECT_EQ(piece_ms(1, 1), 100);
  for (const int64_t us : {16, 1000, 123'456, 60'000'000}) {
    EXPECT_LE(step_us(time_step(us)), us);
    EXPECT_GT(step_us(time_step(us) + 1), us);
  }
}

TEST(Report, SaysWhatCanBeReported) {
  Database database = Database::create().value();
  const Result<Recorded> what = what_recorded(database);
  ASSERT_FALSE(what.ok());
  EXPECT_NE(what.error().message.find("ksim swarm"), std::string::npos);
}

TEST(Availability, CountsByTheEndAndNamesTheSpans) {
  using enum AskedOp::Outcome;
  const Availability found =
      availability({{0, 100'000, ok, true},
                    {200'000, 3'000'000, ok, true},         // waited 2.8 s
                    {2'900'000, 3'100'000, failed, false},  // no send
                    {5'000'000, 7'000'000, unknown, true},  // given up, none was acknowledged
                    {8'000'000, -1, pending, true}},
                   10'000'000, 1'000'000);
  const std::vector<std::pair<int64_t, int64_t>> spans{
      {200'000, 3'000'000}, {5'000'000, 7'000'000}, {8'000'000, 10'000'000}};
  EXPECT_EQ(found.unavailable_us, spans);
  EXPECT_EQ(found.ok[0], 1U);
  EXPECT_EQ(found.ok[3], 1U);
  EXPECT_EQ(found.failed[3], 1U);
  EXPECT_EQ(found.unknown[7], 1U);
  EXPECT_EQ(found.unknown[8], 1U);
  EXPECT_EQ(found.ok.size(), 11U);
}

TEST(Availability, BucketsAreRoundAndFew) {
  EXPECT_EQ(bucket_us(1), 100'000);
  EXPECT_EQ(bucket_us(15'000'000), 100'000);
  EXPECT_EQ(bucket_us(36'500'000), 500'000);
  EXPECT_EQ(bucket_us(int64_t{3600} * 1'000'000), 50'000'000);
}

}  // namespace
}  // namespace ksim::sim
