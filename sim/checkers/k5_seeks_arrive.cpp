// K5: a seek comes to where it was to go: a place to just that offset, the beginning to the first record that
// is kept, the end to what was committed when it was asked for.

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/checkers/early_leaders.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

class SeeksArrive final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "K5"; }
  std::string_view text() const override {
    return "a seek comes to the offset, the beginning or the end that it was to go to";
  }

  void on_event(const NodeEvent& note) override { early_.on_event(note); }
  void on_seek(const SeekAsked& seek) override {
    const PartitionTruth* truth = view_.partition(seek.partition);
    if (truth == nullptr) return;
    under_way_[{seek.consumer, seek.partition}] = {seek, truth->committed_end()};
  }
  void on_reader_gone(uint32_t consumer) override {
    std::erase_if(under_way_, [consumer](const auto& entry) { return entry.first.first == consumer; });
  }
  void on_position(const PositionSet& set) override {
    const auto found = under_way_.extract({set.consumer, set.partition});
    // Where it was before its application looked, and was reset from there, nobody knows.
    if (found.empty() || set.reason != "seek" || set.jumps != 1) return;
    const Seek seek = found.mapped();
    if (seek.asked.to == SeekTo::place) {
      if (set.offset != seek.asked.offset) complain(set, fmt::format("to {}", seek.asked.offset), "");
      return;
    }
    early_.judge(set.partition, [this, set, seek] { judge(set, seek); });
  }
  void at_end(Instant) override { early_.at_end(); }

 private:
  struct Seek {
    SeekAsked asked;
    int64_t committed = 0;  // up to where, when it was asked for
  };

  void complain(const PositionSet& set, std::string_view where, std::string_view why) {
    cry(set.at, to_string(view_.names().name(set.partition)),
        fmt::format("consumer {} was to go {} and came to {}{}", set.consumer, where, set.offset, why));
  }

  void judge(const PositionSet& set, const Seek& seek) {
    const PartitionTruth* truth = view_.partition(set.partition);
    if (truth == nullptr) return;
    const Instant asked = seek.asked.at;
    if (seek.asked.to == SeekTo::beginning) {
      if (!view_.may_begin_at(set.partition, set.offset, asked, set.at))
        complain(set, "to the beginning", fmt::format(", though {} is kept", truth->first_kept()));
    } else if (!view_.may_end_at(set.partition, set.offset, seek.committed, asked, set.at)) {
      complain(set, "to the end", fmt::format(", though {} was committed when it asked", seek.committed));
    }
  }

  std::map<std::pair<uint32_t, PartitionId>, Seek> under_way_;
  EarlyLeaders early_{view_};
};

}  // namespace

std::unique_ptr<Checker> make_seeks_arrive(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<SeeksArrive>(view, verdicts);
}

}  // namespace ksim::sim
