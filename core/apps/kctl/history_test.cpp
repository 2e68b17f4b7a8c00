#include "core/apps/kctl/history.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace ksim::kctl {
namespace {

TEST(History, HeaderKeepsItsLength) {
  const std::string open = history_header({}, false);
  EXPECT_EQ(open,
            R"({"ksim_history":1,"settings":{"acks":"all","idempotence":true,"isolation":"read_committed",)"
            R"("sub_via":["assign"],"final_polls":false}})");
  const std::string complete = history_header({}, true);
  EXPECT_EQ(complete.size(), open.size());
  EXPECT_EQ(Json::parse(complete)["settings"]["final_polls"], true);
}

TEST(History, Events) {
  const Json invoked = Json::array({send_op("x-0", 17)});
  EXPECT_EQ(history_event(4, nanoseconds(9), 3, "invoke", "send", invoked, ""),
            R"({"index":4,"time_ns":9,"process":3,"type":"invoke","f":"send","value":[["send","x-0",17]]})");
  const Json completed = Json::array({send_result("x-0", 17, 5), send_result("x-1", 18, std::nullopt)});
  EXPECT_EQ(history_event(5, nanoseconds(10), 3, "info", "send", completed, "lost"),
            R"({"index":5,"time_ns":10,"process":3,"type":"info","f":"send","value":[["send","x-0",17,5],)"
            R"(["send","x-1",18,null]],"error":"lost"})");
}

TEST(History, FileIsWholeAtAnyTimeAndHeaderSaysHowItEnded) {
  const std::string path = (std::filesystem::temp_directory_path() / "kctl_history_test.jsonl").string();
  std::filesystem::remove(path);
  const auto lines = [&] {
    std::ifstream file(path);
    std::vector<Json> all;
    for (std::string line; std::getline(file, line);) all.push_back(Json::parse(line));
    return all;
  };
  {
    auto history = History::create(path, {});
    ASSERT_TRUE(history.ok());
    (*history)->assign_from_beginning(nanoseconds(1), 0, "invoke", Json::array({"x-0"}));
    (*history)->event(nanoseconds(2), 0, "ok", "assign", Json::array({"x-0"}));
    ASSERT_EQ(lines().size(), 3U);
    EXPECT_EQ(lines()[0]["settings"]["final_polls"], false);
    EXPECT_EQ(lines()[1]["seek_to_beginning"], true);
    EXPECT_EQ(lines()[2]["index"], 1);
    ASSERT_TRUE((*history)->finish(true).ok());
  }
  EXPECT_EQ(lines()[0]["settings"]["final_polls"], true);
  EXPECT_EQ(lines().size(), 3U);
  EXPECT_FALSE(History::create(path, {}).ok()) << "a history is not written over";
  std::filesystem::remove(path);
  EXPECT_FALSE(History::create("/nowhere/at/all", {}).ok());
}

}  // namespace
}  // namespace ksim::kctl
