// R4: ListOffsets(latest) and the end of what was served to a reader never step back across a failover; a
// lookup by time finds the first record that is not older.

#include <algorithm>

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/checkers/early_leaders.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

class LatestNeverBack final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "R4"; }
  std::string_view text() const override {
    return "ListOffsets(latest) and the end of what was served never step back without an unclean election, "
           "and a lookup by time finds the first record that is not older";
  }

  void on_event(const NodeEvent& note) override { early_.on_event(note); }
  void at_end(Instant) override { early_.at_end(); }
  void on_consumed(const Consumed& record) override {
    // It may have waited in the consumer for long: its epoch tells what may have happened since it was read.
    seen(record.consumer, record.partition, {record.at, Instant{0}, record.leader_epoch, record.offset + 1});
  }

  void on_latest(const LatestOffset& answer) override {
    // Only what was known before this question was asked binds its answer.
    Seen bound;
    std::vector<Seen>& list = seen_[{answer.client, answer.partition}];
    for (const Seen& seen : list) {
      if (seen.at > answer.invoked) break;
      bound = seen;
    }
    if (answer.offset < bound.end) {
      early_.judge(answer.partition, [this, answer, bound] { judge_step_back(answer, bound); });
      list.clear();  // from here on this is what must not step back
    }
    // A leader that was replaced and does not know it yet may have told it.
    const int32_t epoch = view_.oldest_epoch(answer.partition, answer.invoked, answer.completed);
    seen(answer.client, answer.partition, {answer.completed, answer.invoked, epoch, answer.offset});
  }

  void on_time_lookup(const TimeLookup& lookup) override {
    const PartitionTruth* truth = view_.partition(lookup.partition);
    if (truth == nullptr) return;
    Asked& asked = asked_[{lookup.client, lookup.partition}];
    if (!lookup.completed) {
      asked = {start_of_leaders(*truth), truth->committed_end()};
      return;
    }
    const int64_t from = truth->first_kept();
    const TruthRecord* first = first_since(*truth, from, lookup.target_ms);
    const bool none = lookup.offset < 0;
    // What is committed between the question and the answer may be told or not.
    const int64_t right = first == nullptr ? -1 : first->offset;
    if (lookup.offset == right || (none && right >= asked.end)) return;
    // Deleted while it was answered.
    const bool kept_then = lookup.offset >= asked.start || leads_since(*truth, lookup.invoked);
    if (!none && lookup.offset < from && kept_then) return;
    // A leader that was replaced tells what it knew, and what is lost may have been told.
    if (view_.replaced_may_tell(lookup.partition, lookup.invoked, *lookup.completed)) return;
    const int64_t low = none ? right : right < 0 ? lookup.offset : std::min(lookup.offset, right);
    const int64_t high = std::max(lookup.offset, right) + 1;
    if (view_.may_be_gone(lookup.partition, low, high, lookup.invoked, -1)) return;
    cry(*lookup.completed, to_string(view_.names().name(lookup.partition)),
        fmt::format(
            "the first record not older than {} is at {}, and {} was told (time {}); it was asked at {} ms",
            lookup.target_ms, right < 0 ? std::string("no offset") : std::to_string(right),
            none ? std::string("none") : std::to_string(lookup.offset), lookup.timestamp_ms,
            lookup.invoked.ms()));
  }

 private:
  static const TruthRecord* first_since(const PartitionTruth& truth, int64_t from, int64_t target_ms) {
    for (size_t i = truth.find_committed(from); i < truth.committed.size(); ++i) {
      const TruthBatch& batch = truth.committed[i];
      const std::vector<TruthRecord>* records =
          batch.max_timestamp_ms < target_ms ? nullptr : truth.contents.find(batch);
      if (records == nullptr) continue;
      for (const TruthRecord& record : *records) {
        if (record.offset >= from && record.timestamp_ms >= target_ms) return &record;
      }
    }
    return nullptr;
  }

  // Others may delete before a leader does. 0: nobody leads, and who will is not known.
  static int64_t start_of_leaders(const PartitionTruth& truth) {
    std::optional<int64_t> start;
    for (const Reign& reign : truth.reigns) {
      const auto known = truth.start.find(reign.leader);
      const int64_t begins = known == truth.start.end() ? 0 : known->second;
      if (!reign.until) start = std::min(start.value_or(begins), begins);
    }
    return std::min(start.value_or(0), truth.first_kept());
  }
  // Somebody leads who did not when it was asked: it may have an older log.
  static bool leads_since(const PartitionTruth& truth, Instant asked) {
    return std::any_of(truth.reigns.begin(), truth.reigns.end(),
                       [&](const Reign& reign) { return reign.from >= asked; });
  }

  struct Asked {
    int64_t start = 0;  // of the leader's log when it was asked
    int64_t end = 0;    // committed then
  };
  std::map<std::pair<uint32_t, PartitionId>, Asked> asked_;
  struct Seen {
    Instant at;          // when the reader knew
    Instant since;       // what was lost before this does not count; or
    int32_t epoch = -1;  // what was lost up to this epoch, where one is known
    int64_t end = 0;
  };
  void judge_step_back(const LatestOffset& answer, const Seen& bound) {
    if (view_.may_be_gone(answer.partition, answer.offset, bound.end, bound.since, bound.epoch)) return;
    cry(answer.completed, to_string(view_.names().name(answer.partition)),
        fmt::format("latest was {} at {} ms, and {} when asked at {} ms", bound.end, bound.at.ms(),
                    answer.offset, answer.invoked.ms()));
  }
  void seen(uint32_t client, PartitionId id, const Seen& now) {
    auto& list = seen_[{client, id}];
    if (list.empty() || now.end >= list.back().end) list.push_back(now);
  }
  // Of each reader, who goes forward in leader epochs (K2): a leader that has been replaced and does not know
  // it yet may tell another reader its older end. Ascending in both.
  std::map<std::pair<uint32_t, PartitionId>, std::vector<Seen>> seen_;
  EarlyLeaders early_{view_};
};

}  // namespace

std::unique_ptr<Checker> make_latest_never_back(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<LatestNeverBack>(view, verdicts);
}

}  // namespace ksim::sim
