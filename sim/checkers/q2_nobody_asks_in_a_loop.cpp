// Q2: nobody asks the same node for the same kind of thing hundreds of times a second. Whoever is refused
// waits before it asks again (retry.backoff.ms and its like); what moves records is bound by records and not
// looked at, nor are the first words of each new connection.

#include <algorithm>
#include <array>
#include <tuple>

#include <fmt/format.h>

#include "core/base/contains.h"
#include "core/wire/api_table.h"
#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

constexpr Duration kWindow = seconds(1);
constexpr uint32_t kMost = 300;  // the most that a storm ever has is a third of it
// A reader may be told to wait for a few milliseconds only, and does so for each partition.
constexpr uint32_t kMostOfReader = 3000;

constexpr auto kByPartition = std::to_array<std::string_view>({"ListOffsets", "OffsetForLeaderEpoch"});
constexpr auto kBoundOtherwise = std::to_array<std::string_view>(
    {"Produce", "Fetch", "FetchSnapshot", "ApiVersions", "InitProducerId", "Envelope"});

class NobodyAsksInALoop final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "Q2"; }
  std::string_view text() const override {
    return "nobody asks the same node for the same kind of thing hundreds of times a second";
  }

  void on_request(const RequestSeen& request) override {
    const wire::ApiInfo* api = wire::find_api(request.api);
    if (api == nullptr || contains(kBoundOtherwise, std::string_view(api->name))) return;
    Asked& asked = asked_[{request.api, request.sender, request.receiver}];
    if (request.at - asked.from >= kWindow) asked = {request.at, 0};
    const bool reader = contains(kByPartition, std::string_view(api->name));
    if (++asked.times != (reader ? kMostOfReader : kMost)) return;
    cry(request.at, std::string(request.sender),
        fmt::format("{} has asked {} for {} {} times within {} ms", request.sender, request.receiver,
                    api->name, asked.times, std::max<int64_t>((request.at - asked.from).ms(), 1)));
  }

 private:
  struct Asked {
    Instant from;
    uint32_t times = 0;
  };
  std::map<std::tuple<int16_t, std::string_view, std::string_view>, Asked>
      asked_;  // names live as the cluster
};

}  // namespace

std::unique_ptr<Checker> make_nobody_asks_in_a_loop(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<NobodyAsksInALoop>(view, verdicts);
}

}  // namespace ksim::sim
