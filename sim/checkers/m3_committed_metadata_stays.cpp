// M3: a metadata record that was ever below the quorum high watermark is in the log of every later leader;
// that watermark never decreases and rests on a majority of durable copies. Nobody leads by the vote of one
// that knew more. No log goes on that ends before the node's own snapshot.

#include <charconv>
#include <set>

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

// The end offset and the epoch that a finished snapshot is named by (rule A51).
std::optional<std::pair<int64_t, int32_t>> parse_snapshot_name(std::string_view name) {
  constexpr std::string_view kSuffix = ".checkpoint";
  constexpr size_t kOffsetDigits = 20;
  constexpr size_t kEpochDigits = 10;
  if (name.size() != kOffsetDigits + 1 + kEpochDigits + kSuffix.size() || !name.ends_with(kSuffix))
    return std::nullopt;
  std::pair<int64_t, int32_t> id;
  const char* at = name.data();
  if (std::from_chars(at, at + kOffsetDigits, id.first).ptr != at + kOffsetDigits) return std::nullopt;
  at += kOffsetDigits + 1;
  if (std::from_chars(at, at + kEpochDigits, id.second).ptr != at + kEpochDigits) return std::nullopt;
  return id;
}

class CommittedMetadataStays final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "M3"; }
  std::string_view text() const override {
    return "committed metadata is durable on a majority and in the log of every later leader";
  }

  void on_node(int32_t node, NodeFault what, Instant) override {
    candidates_.erase(node);
    if (what == NodeFault::started) starting_.insert(node);
  }

  void on_event(const NodeEvent& note) override {
    if (const auto* e = std::get_if<RaftHighWatermarkAdvanced>(note.event)) {
      int64_t& known = high_watermark_[{note.node, note.incarnation}];
      if (e->high_watermark < known) {
        cry(note.at, fmt::format("node {}", note.node),
            fmt::format("the quorum high watermark went back from {} to {}", known, e->high_watermark));
      }
      known = e->high_watermark;
      if (leader_ == note.node && leader_epoch_ == e->epoch) committed(note.node, e->high_watermark, note.at);
    } else if (const auto* s = std::get_if<RaftStateChanged>(note.event)) {
      if (starting_.erase(note.node) > 0) reaches_its_snapshot(note.node, note.at);
      if (s->state == "candidate")
        candidates_[note.node] = s->epoch;
      else
        candidates_.erase(note.node);
      if (s->voted_id >= 0 && s->voted_id != note.node) voted(note.node, *s, note.at);
      if (s->state == "leader" && s->epoch >= leader_epoch_) {
        leader_ = note.node;
        leader_epoch_ = s->epoch;
        holds_everything(note.node, note.at);
        knows_what_its_voters_knew(note.node, note.at);
      } else if (leader_ == note.node && s->state != "leader") {
        leader_ = -1;
      }
    }
  }

 private:
  struct Vote {
    int32_t candidate = -1;
    int32_t log_epoch = -1;  // of the last batch of the voter's log when it voted
    int64_t log_end = 0;
  };

  void committed(int32_t leader, int64_t high_watermark, Instant at) {
    const ReplicaTruth* log = view_.metadata_log(leader);
    if (log == nullptr) return;
    for (size_t i = log->find(committed_end_); i < log->batches().size(); ++i) {
      const TruthBatch& batch = log->batches()[i];
      if (batch.last_offset >= high_watermark) break;
      if (batch.base_offset < committed_end_) continue;
      committed_.push_back(batch);
      committed_end_ = batch.last_offset + 1;
    }
    if (committed_.empty()) return;
    const TruthBatch& last = committed_.back();
    size_t durable = 0;
    for (int32_t voter : view_.voters()) durable += durably_holds(voter, last) ? 1 : 0;
    if (durable * 2 <= view_.voters().size()) {
      cry(at, kMetadataLog,
          fmt::format("the high watermark is {}, but only {} of {} voters hold {} durably", high_watermark,
                      durable, view_.voters().size(), to_string(last)));
    }
  }

  bool durably_holds(int32_t voter, const TruthBatch& batch) const {
    const ReplicaTruth* log = view_.metadata_log(voter);
    if (log == nullptr) return false;
    const size_t at = log->find(batch.base_offset);
    if (at >= log->batches().size() || log->batches()[at].base_offset > batch.last_offset)
      return snapshot_holds(*log, batch);
    const TruthBatch& mine = log->batches()[at];
    return mine.same(batch) && log->is_durable(mine);
  }

  // A log that begins above the batch stands on a snapshot, which has what was committed below its end.
  bool snapshot_holds(const ReplicaTruth& log, const TruthBatch& batch) const {
    for (const std::string& name :
         view_.disks().list(log.node(), log.directory(), DiskPeek::Layer::durable)) {
      const auto id = parse_snapshot_name(name);
      if (id && id->first > batch.last_offset) return true;
    }
    return false;
  }

  // Rule A58: what is between the end of the log and the snapshot is in neither.
  void reaches_its_snapshot(int32_t node, Instant at) {
    const ReplicaTruth* log = view_.metadata_log(node);
    if (log == nullptr) return;
    for (const std::string& name : view_.disks().list(node, log->directory(), DiskPeek::Layer::cached)) {
      const auto id = parse_snapshot_name(name);
      if (!id || id->first <= log->end_offset()) continue;
      cry(at, kMetadataLog,
          fmt::format("node {} goes on with a log that ends at {}, before its snapshot up to {} of epoch {}",
                      node, log->end_offset(), id->first, id->second));
    }
  }

  void voted(int32_t voter, const RaftStateChanged& s, Instant at) {
    const ReplicaTruth* log = view_.metadata_log(voter);
    if (log == nullptr || log->batches().empty()) return;
    if (s.epoch > votes_epoch_) votes_.clear();
    votes_epoch_ = std::max(votes_epoch_, s.epoch);
    const Vote vote{s.voted_id, log->batches().back().leader_epoch, log->end_offset()};
    if (s.epoch == votes_epoch_) votes_.try_emplace(voter, vote);
    const auto candidate = candidates_.find(s.voted_id);
    if (candidate != candidates_.end() && candidate->second == s.epoch)
      knows_what_its_voter_knew(s.epoch, "stands", voter, vote, at);
  }

  void knows_what_its_voters_knew(int32_t leader, Instant at) {
    if (votes_epoch_ != leader_epoch_) return;
    for (const auto& [voter, vote] : votes_) {
      if (vote.candidate == leader) knows_what_its_voter_knew(leader_epoch_, "leads", voter, vote, at);
    }
  }

  // Rule B11: nobody votes for a candidate whose log ends before its own. While it stands, and when it begins
  // to lead, a candidate's log is the one it has asked with.
  void knows_what_its_voter_knew(int32_t epoch, std::string_view what, int32_t voter, const Vote& vote,
                                 Instant at) {
    const ReplicaTruth* log = view_.metadata_log(vote.candidate);
    if (log == nullptr || log->batches().empty()) return;
    const int32_t last = log->batches().back().leader_epoch;
    if (vote.log_epoch < last || (vote.log_epoch == last && vote.log_end <= log->end_offset())) return;
    cry(at, kMetadataLog,
        fmt::format(
            "node {} {} in epoch {} by the vote of node {}, whose log ended at {} of epoch {}; its own "
            "ends at {} of epoch {}",
            vote.candidate, what, epoch, voter, vote.log_end, vote.log_epoch, log->end_offset(), last));
  }

  void holds_everything(int32_t leader, Instant at) {
    const ReplicaTruth* log = view_.metadata_log(leader);
    if (committed_.empty()) return;
    const TruthBatch& last = committed_.back();
    if (log != nullptr) {
      const size_t i = log->find(last.base_offset);
      if (i < log->batches().size() && log->batches()[i].same(last)) return;
      const bool begins_above =
          i >= log->batches().size() || log->batches()[i].base_offset > last.last_offset;
      if (begins_above && snapshot_holds(*log, last)) return;
    }
    cry(at, kMetadataLog,
        fmt::format("node {} leads in epoch {} without the committed {}; its log ends at {}", leader,
                    leader_epoch_, to_string(last), log == nullptr ? 0 : log->end_offset()));
  }

  std::set<int32_t> starting_;
  std::map<int32_t, int32_t> candidates_;  // by node: the epoch in which it stands
  std::map<int32_t, Vote> votes_;          // by voter, in the newest epoch that had one
  int32_t votes_epoch_ = -1;
  int32_t leader_ = -1;
  int32_t leader_epoch_ = -1;
  std::vector<TruthBatch> committed_;
  int64_t committed_end_ = 0;
  std::map<std::pair<int32_t, uint32_t>, int64_t> high_watermark_;
};

}  // namespace

std::unique_ptr<Checker> make_committed_metadata_stays(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<CommittedMetadataStays>(view, verdicts);
}

}  // namespace ksim::sim
