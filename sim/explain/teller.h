#pragma once
// What the tellers of the families of violations share while they make a page.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "sim/explain/explain.h"
#include "sim/explain/past.h"
#include "sim/explain/steps.h"
#include "sim/explain/violation.h"
#include "sim/explain/wrongs.h"

namespace ksim::sim {

constexpr std::string_view kMetadataPartition = "__cluster_metadata-0";
constexpr int64_t kLookBackNs = 15'000'000'000;

// One recorded event.
struct Fact {
  int64_t at_ns = 0;
  int32_t node = -1;
  std::string name;
  std::string subject;
  nlohmann::json detail;

  int64_t number(const char* field) const;  // -1: it has none
  std::string text(const char* field) const;
  Nodes nodes(const char* field) const;
};

// A request of a client, and when it was answered.
struct Asked {
  std::string client;
  std::string server;
  std::string api;
  int64_t asked_ns = 0;
  std::optional<int64_t> arrived_ns;
  std::optional<int64_t> answered_ns;
  std::optional<int64_t> done_ns;
  std::string fate;

  int32_t node() const { return number_behind(server, {"broker-", "controller-"}); }
  std::string words() const;  // "asked broker 2 for Fetch at 3.100 s, answered at 3.200 s"
};

struct Tale {
  Database& database;
  const PastViolation& violation;
  const Past& past;
  const Wrong& wrong;
  Explanation page;
  Steps steps;
  std::optional<Explanation::Culprit> blame;  // what the family's own facts point to

  bool says(std::string_view words) const { return violation.message.find(words) != std::string::npos; }
  int64_t at_ns() const { return violation.at_ns; }
  int64_t since(int64_t look_back_ns) const;
  // Everybody who was ever in an ISR of the partition, and who is blamed.
  Nodes replicas() const;
  // The offset that it is about: "[100..100 epoch 0 crc 8b2320fc]" in its message names one as well. -1:
  // none.
  int64_t about() const;
  // That event was the wrong step. It is of the kind of this violation unless another one is said.
  void found(int64_t at_ns, int32_t node, std::string text, std::string_view kind = {});
  // The wrong step among the others.
  void spine(int64_t at_ns, std::string kind, int32_t node, std::string text);

  // The last `most` events of these names, which a condition on the columns of `event` chooses; in order of
  // time.
  Result<std::vector<Fact>> facts(std::string_view names, const std::string& which, int most) const;
  Result<std::optional<Fact>> last_fact(std::string_view names, const std::string& which) const;
  Result<std::vector<Asked>> asked(const std::string& which, int most) const;
  // Which node was the active controller, and since when; nothing: none was.
  Result<std::optional<Fact>> active_controller(int64_t at_ns) const;
};

// The families. What they tell is in the steps; which of them was wrong, in the blame.
Result<void> tell_partition(Tale& tale, int64_t look_back_ns);  // elections, roles and cuts
Result<void> tell_leaders(Tale& tale);                          // R3, R6, R7, R8
Result<void> tell_quorum(Tale& tale);                           // M1 to M3
Result<void> tell_image(Tale& tale);                            // M4
Result<void> tell_topics(Tale& tale);                           // M5
Result<void> tell_partition_state(Tale& tale);                  // M6
Result<void> tell_controller(Tale& tale);                       // M7
Result<void> tell_answer(Tale& tale);                           // M8
Result<void> tell_reader(Tale& tale);                           // K, R4, R5
Result<void> tell_session(Tale& tale);                          // P, X
Result<void> tell_logs(Tale& tale);                             // S, R2, DISK
Result<void> tell_standstill(Tale& tale);                       // L, LIVELOCK
// What stood at the offset that it is about, in which log; and who kept what it had to cut.
Result<void> tell_offset(Tale& tale);

}  // namespace ksim::sim
