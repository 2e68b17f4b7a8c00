#pragma once
// Small histories for tests. A line is an operation or half of one:
//
//   PROCESS F TYPE VALUE [| MEMBERS]     invoked, and completed at once
//   PROCESS F + VALUE                    invoked; VALUE may have the completed form
//   PROCESS F -TYPE VALUE [| MEMBERS]    completed
//
// VALUE and MEMBERS are JSON; a VALUE of ~ is left out of the completion. Events have indexes from 0.

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "sim/judge/judge.h"

namespace ksim::judge {

using Json = nlohmann::json;

class HistoryText {
 public:
  explicit HistoryText(const std::string& settings = "{}") {
    text_ = R"({"ksim_history":1,"settings":)" + settings + "}\n";
  }

  HistoryText& line(std::string line) {
    std::string members;
    if (const size_t bar = line.find(" | "); bar != std::string::npos) {
      members = line.substr(bar + 3);
      line.resize(bar);
    }
    std::istringstream words(line);
    int64_t process = 0;
    std::string f, type, value;
    words >> process >> f >> type;
    std::getline(words >> std::ws, value);
    const bool completes = type[0] == '-';
    if (!completes) event(process, f, "invoke", asked(value), members);
    if (type == "+") return *this;
    event(process, f, completes ? type.substr(1) : type, value == "~" ? "" : value, members);
    return *this;
  }
  HistoryText& lines(const std::string& lines) {
    std::istringstream in(lines);
    for (std::string one; std::getline(in, one);) {
      if (one.find_first_not_of(' ') != std::string::npos) line(one);
    }
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  // What was asked of an op that completed so.
  static std::string asked(const std::string& value) {
    Json json = Json::parse(value);
    if (!json.is_array()) return value;
    for (Json& micro : json) {
      if (!micro.is_array() || micro.empty()) continue;
      if (micro[0] == "poll") micro = Json::array({"poll"});
      if (micro[0] == "send" && micro.size() > 3) micro.erase(3);
    }
    return json.dump();
  }
  void event(int64_t process, const std::string& f, const std::string& type, const std::string& value,
             const std::string& members) {
    text_ += R"({"index":)" + std::to_string(index_) + R"(,"time_ns":)" + std::to_string(10 * index_) +
             R"(,"process":)" + std::to_string(process) + R"(,"type":")" + type + R"(","f":")" + f + "\"";
    if (!value.empty()) text_ += ",\"value\":" + value;
    if (!members.empty() && type != "invoke") text_ += "," + members.substr(1, members.size() - 2);
    text_ += "}\n";
    ++index_;
  }

  std::string text_;
  int64_t index_ = 0;
};

inline Result<Verdict> judge_text(std::string_view text, size_t block = 1 << 20) {
  Judge judge;
  for (; !text.empty(); text.remove_prefix(std::min(block, text.size())))
    TRY(judge.feed(text.substr(0, block)));
  return judge.finish();
}

inline Json verdict_of(const std::string& text) {
  const Result<Verdict> verdict = judge_text(text);
  EXPECT_TRUE(verdict.ok()) << verdict.error().message << "\n" << text;
  return verdict.ok() ? Json::parse(verdict->json) : Json();
}

}  // namespace ksim::judge
