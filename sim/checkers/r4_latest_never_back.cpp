// R4: ListOffsets(latest) and the end of what was served to a reader never step back across a failover.

#include <algorithm>

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

class LatestNeverBack final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "R4"; }
  std::string_view text() const override {
    return "ListOffsets(latest) and the end of what was served never step back without an unclean election";
  }

  void on_consumed(const Consumed& record) override {
    seen(record.consumer, record.partition, record.offset + 1, record.at);
  }

  void on_latest(const LatestOffset& answer) override {
    // Only what was known before this question was asked binds its answer.
    int64_t bound = 0;
    Instant since{0};
    for (const Seen& seen : seen_[{answer.client, answer.partition}]) {
      if (seen.at > answer.invoked) break;
      bound = seen.end;
      since = seen.at;
    }
    if (answer.offset < bound && !view_.may_be_gone(answer.partition, answer.offset, bound, since, -1)) {
      cry(answer.completed, to_string(view_.names().name(answer.partition)),
          fmt::format("latest was {} at {} ms, and {} when asked at {} ms", bound, since.ms(), answer.offset,
                      answer.invoked.ms()));
    }
    seen(answer.client, answer.partition, answer.offset, answer.completed);
  }

 private:
  struct Seen {
    Instant at;
    int64_t end;
  };
  void seen(uint32_t client, PartitionId id, int64_t end, Instant at) {
    auto& list = seen_[{client, id}];
    if (list.empty() || end > list.back().end) list.push_back({at, end});
  }
  // Of each reader, who goes forward in leader epochs (K2): a leader that has been replaced and does not know
  // it yet may tell another reader its older end. Ascending in both.
  std::map<std::pair<uint32_t, PartitionId>, std::vector<Seen>> seen_;
};

}  // namespace

std::unique_ptr<Checker> make_latest_never_back(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<LatestNeverBack>(view, verdicts);
}

}  // namespace ksim::sim
