// P1: per (producer session, partition) each record of an idempotent producer is committed at most once, in
// the order of sends, and not while an earlier one is open and missing. Of a producer with one request in
// flight, but without idempotence, records first appear in the order of sends; a batch that was sent again
// may stand behind later ones, and one that the client has given up anywhere.

#include <set>

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

class ExactlyOnce final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "P1"; }
  std::string_view text() const override {
    return "an idempotent producer's records are in the log at most once, in the order of sends and without "
           "a gap";
  }

  void on_session(const ProducerSession& session) override {
    // Without answers nothing holds a send back while others are under way on an older connection.
    ordered_[session.session] = session.idempotent || (session.max_in_flight == 1 && session.acks != 0);
    unique_[session.session] = session.idempotent;
  }

  void on_send_invoked(const SendOp& op) override {
    if (unique_[op.session]) open_[{op.session, op.partition}].insert(number_of(op.record));
  }
  void on_send_completed(const SendOp& op) override {
    if (unique_[op.session]) {
      open_[{op.session, op.partition}].erase(number_of(op.record));
    } else if (op.outcome == Outcome::unknown) {
      given_up_.insert(op.record);
    }
  }

  void on_event(const NodeEvent& note) override {
    const auto* e = std::get_if<HighWatermarkChanged>(note.event);
    if (e == nullptr || !e->leader) return;
    if (const auto id = view_.names().find(e->topic, e->partition)) read_on(*id, note.at);
  }
  void at_end(Instant at) override {
    for (PartitionId id : view_.partitions()) read_on(id, at);
  }

 private:
  struct Last {
    uint64_t number = 0;
    int64_t offset = -1;
    std::set<uint64_t> seen;  // where duplicates are allowed
  };
  struct Progress {
    size_t batches = 0;
    TruthBatch last;
    std::map<uint32_t, Last> sessions;
  };

  void read_on(PartitionId id, Instant at) {
    const PartitionTruth* truth = view_.partition(id);
    if (truth == nullptr) return;
    Progress& progress = progress_[id];
    // After an unclean election the committed log may have been rebased: judge it anew.
    if (progress.batches > truth->committed.size() ||
        (progress.batches > 0 && !truth->committed[progress.batches - 1].same(progress.last))) {
      progress = {};
    }
    for (; progress.batches < truth->committed.size(); ++progress.batches) {
      progress.last = truth->committed[progress.batches];
      const std::vector<TruthRecord>* records = truth->contents.find(progress.last);
      if (records == nullptr) continue;
      for (const TruthRecord& record : *records) {
        if (record.id != 0) judge(id, progress, record, at);
      }
    }
  }

  void judge(PartitionId id, Progress& progress, const TruthRecord& record, Instant at) {
    const uint32_t session = session_of(record.id);
    const auto ordered = ordered_.find(session);
    if (ordered == ordered_.end() || !ordered->second) return;
    Last& last = progress.sessions[session];
    const uint64_t number = number_of(record.id);
    const bool unique = unique_[session];
    if (!unique && given_up_.contains(record.id)) return;
    const bool again = unique ? number == last.number : !last.seen.insert(number).second;
    // A log that never had the earlier one, having begun above it, cannot know the producer by it.
    const bool forgotten = last.offset < view_.partition(id)->forgotten_below;
    if (number <= last.number && (unique || !again) && !forgotten) {
      cry(at, to_string(view_.names().name(id)),
          fmt::format("record {:016x} (send {} of session {}) at offset {} follows send {} at offset {}: {}",
                      record.id, number, session, record.offset, last.number, last.offset,
                      again ? "a duplicate" : "out of order"),
          record.id, record.offset);
    }
    if (number < last.number) return;
    if (unique) judge_gap(id, last, record, at);
    last.number = number;
    last.offset = record.offset;
  }

  // A send that is still open and behind which a later one is committed. One that the client has given up was
  // completed before: it begins a new epoch behind it.
  void judge_gap(PartitionId id, const Last& last, const TruthRecord& record, Instant at) {
    const PartitionTruth& truth = *view_.partition(id);
    // Who has no batch of a producer any more, lets it begin anywhere.
    const uint32_t session = session_of(record.id);
    if (last.number == 0 || last.offset < truth.first_kept() || truth.lost_any_of(session)) return;
    const auto open = open_.find({session, id});
    if (open == open_.end()) return;
    const auto missing = open->second.upper_bound(last.number);
    if (missing == open->second.end() || *missing >= number_of(record.id)) return;
    cry(at, to_string(view_.names().name(id)),
        fmt::format(
            "record {:016x} (send {} of session {}) at offset {} follows send {} at offset {}: send {} is "
            "missing between them",
            record.id, number_of(record.id), session_of(record.id), record.offset, last.number, last.offset,
            *missing),
        record.id, record.offset);
  }

  std::map<std::pair<uint32_t, PartitionId>, std::set<uint64_t>> open_;
  std::set<RecordId> given_up_;  // without idempotence
  std::map<uint32_t, bool> ordered_;
  std::map<uint32_t, bool> unique_;
  std::map<PartitionId, Progress> progress_;
};

}  // namespace

std::unique_ptr<Checker> make_exactly_once(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<ExactlyOnce>(view, verdicts);
}

}  // namespace ksim::sim
