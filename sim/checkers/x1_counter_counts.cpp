// X1: a counter counts. Small on purpose: copy it for a checker of your own (sim/EXTENDING.md).

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"
#include "sim/workloads/counter.h"

namespace ksim::sim {
namespace {

class CounterCounts final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "X1"; }
  std::string_view text() const override {
    return "a counter never shows more than was added, one reader never less than before, and in the end all "
           "of it";
  }

  void on_own_fact(const std::any& fact) override {
    if (const auto* add = std::any_cast<CounterAdd>(&fact)) adds_[add->partition][add->number] = *add;
    if (const auto* read = std::any_cast<CounterRead>(&fact)) judge(*read);
  }

  void at_end(Instant at) override {
    for (const auto& [partition, adds] : adds_) {
      const PartitionTruth* truth = view_.partition(partition);
      for (const auto& [number, add] : adds) {
        if (add.outcome != Outcome::ok || loss_permitted(partition, add)) continue;
        if (truth != nullptr && add.offset < truth->committed_end()) continue;
        cry(at, name(partition),
            fmt::format("an add was acknowledged at {}, and the counter ends at {}", add.offset,
                        truth == nullptr ? 0 : truth->committed_end()));
      }
    }
  }

 private:
  std::string name(PartitionId partition) const { return to_string(view_.names().name(partition)); }
  // CONTRACT.md says when Kafka may lose what it acknowledged; the view knows.
  bool loss_permitted(PartitionId partition, const CounterAdd& add) const {
    return view_.loss_permitted(partition, add.offset, -1, add.invoked);
  }

  void judge(const CounterRead& read) {
    int64_t most = 0;
    bool lossy = false;
    for (const auto& [number, add] : adds_[read.partition]) {
      if (add.outcome != Outcome::failed) ++most;
      lossy = lossy || (add.outcome == Outcome::ok && loss_permitted(read.partition, add));
    }
    if (read.value > most)
      cry(read.completed, name(read.partition),
          fmt::format("{} were added, and it shows {}", most, read.value));
    int64_t& before = shown_[{read.partition, read.reader}];
    if (read.value < before && !lossy)
      cry(read.completed, name(read.partition),
          fmt::format("it shows {} to a reader that had seen {}", read.value, before));
    before = read.value;
  }

  std::map<PartitionId, std::map<uint64_t, CounterAdd>> adds_;  // by number
  std::map<std::pair<PartitionId, uint64_t>, int64_t> shown_;   // to each reader
};

}  // namespace

std::unique_ptr<Checker> make_counter_counts(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<CounterCounts>(view, verdicts);
}

}  // namespace ksim::sim
