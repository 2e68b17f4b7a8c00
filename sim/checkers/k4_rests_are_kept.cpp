// K4: a poll hands out nothing of a partition that its application has paused or given up, until it takes it
// up again.

#include <set>

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

class RestsAreKept final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "K4"; }
  std::string_view text() const override {
    return "a poll hands out nothing of a partition that is paused or no longer assigned";
  }

  void on_reader_rest(const ReaderRest& rest) override {
    if (rest.rests)
      resting_.insert({rest.consumer, rest.partition});
    else
      resting_.erase({rest.consumer, rest.partition});
  }
  void on_reader_gone(uint32_t consumer) override {
    std::erase_if(resting_, [consumer](const auto& entry) { return entry.first == consumer; });
  }
  void on_consumed(const Consumed& record) override {
    if (!resting_.contains({record.consumer, record.partition})) return;
    cry(record.at, to_string(view_.names().name(record.partition)),
        fmt::format(
            "consumer {} was handed the record at offset {}, and has paused the partition or given it up",
            record.consumer, record.offset),
        record.record, record.offset);
  }

 private:
  std::set<std::pair<uint32_t, PartitionId>> resting_;
};

}  // namespace

std::unique_ptr<Checker> make_rests_are_kept(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<RestsAreKept>(view, verdicts);
}

}  // namespace ksim::sim
