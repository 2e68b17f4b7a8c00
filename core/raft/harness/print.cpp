#include "core/raft/harness/print.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace ksim::raft {

namespace {

std::string at(OffsetAndEpoch where) { return fmt::format("{}@{}", where.offset, where.epoch); }

std::string head(ErrorCode error, int32_t epoch, int32_t leader) {
  std::string text = fmt::format("epoch={} leader={}", epoch, leader);
  if (error != ErrorCode::NONE) text += fmt::format(" error={}", to_string(error));
  return text;
}

std::string ids(const std::vector<ReplicaKey>& keys) {
  std::vector<int32_t> out;
  for (const ReplicaKey& key : keys) out.push_back(key.id);
  return fmt::format("{}", fmt::join(out, ","));
}

struct Text {
  std::string operator()(const PersistQuorumState& a) const {
    return fmt::format("store quorum-state epoch={} leader={} voted={}", a.record.epoch, a.record.leader_id,
                       a.record.voted ? a.record.voted->id : kNoNode);
  }
  std::string operator()(const AppendAsLeader& a) const {
    const AppendEntry& last = a.entries.back();
    return fmt::format("append {}..{} epoch={} batches={}", a.entries.front().base_offset,
                       last.base_offset + last.record_count - 1, a.epoch, a.entries.size());
  }
  std::string operator()(const AppendAsFollower& a) const {
    return fmt::format("append {}..{} fetched batches={}", a.records.batches.front().base_offset,
                       a.records.batches.back().last_offset, a.records.batches.size());
  }
  std::string operator()(const TruncateLog& a) const { return fmt::format("truncate to {}", a.offset); }
  std::string operator()(const FlushLog&) const { return "flush"; }
  std::string operator()(const StoreSnapshotChunk& a) const {
    return fmt::format("store snapshot {} bytes {}..{}", at(a.id), a.position,
                       a.position + static_cast<int64_t>(a.bytes.size()));
  }
  std::string operator()(const InstallSnapshot& a) const {
    return fmt::format("install snapshot {}", at(a.id));
  }
  std::string operator()(const TrimLog& a) const { return fmt::format("trim to {}", a.start_offset); }

  std::string operator()(const VoteRequest& r) const {
    return fmt::format("{} epoch={} candidate={} log={}", r.pre_vote ? "PreVote" : "Vote", r.replica_epoch,
                       r.replica.id, at({r.last_offset, r.last_offset_epoch}));
  }
  std::string operator()(const BeginQuorumEpochRequest& r) const {
    return fmt::format("BeginQuorumEpoch epoch={} leader={}", r.leader_epoch, r.leader_id);
  }
  std::string operator()(const EndQuorumEpochRequest& r) const {
    return fmt::format("EndQuorumEpoch epoch={} leader={} successors={}", r.leader_epoch, r.leader_id,
                       ids(r.preferred_candidates));
  }
  std::string operator()(const FetchRequest& r) const {
    return fmt::format("Fetch epoch={} from={}", r.current_leader_epoch,
                       at({r.fetch_offset, r.last_fetched_epoch}));
  }
  std::string operator()(const FetchSnapshotRequest& r) const {
    return fmt::format("FetchSnapshot epoch={} {} position={}", r.current_leader_epoch, at(r.snapshot_id),
                       r.position);
  }

  std::string operator()(const VoteResponse& r) const {
    return fmt::format("Vote reply {} {}", head(r.error, r.leader_epoch, r.leader_id),
                       r.vote_granted ? "granted" : "refused");
  }
  std::string operator()(const BeginQuorumEpochResponse& r) const {
    return "BeginQuorumEpoch reply " + head(r.error, r.leader_epoch, r.leader_id);
  }
  std::string operator()(const EndQuorumEpochResponse& r) const {
    return "EndQuorumEpoch reply " + head(r.error, r.leader_epoch, r.leader_id);
  }
  std::string operator()(const FetchResponse& r) const {
    std::string text = "Fetch reply " + head(r.error, r.leader_epoch, r.leader_id);
    if (r.error != ErrorCode::NONE) return text;
    text += fmt::format(" hw={}", r.high_watermark);
    if (r.diverging_epoch) text += " diverging=" + at(*r.diverging_epoch);
    if (r.snapshot_id) text += " snapshot=" + at(*r.snapshot_id);
    if (r.read) text += fmt::format(" records={}..{}", r.read->from, r.read->to - 1);
    return text;
  }
  std::string operator()(const FetchSnapshotResponse& r) const {
    std::string text = "FetchSnapshot reply " + head(r.error, r.leader_epoch, r.leader_id);
    if (r.error != ErrorCode::NONE) return text;
    return text + fmt::format(" {} position={} of {}", at(r.snapshot_id), r.position, r.size_bytes);
  }

  std::string operator()(const SendRequest& s) const {
    return fmt::format("-> {}: {}", s.peer, describe(s.request));
  }
  std::string operator()(const SendReply& s) const { return "reply: " + describe(s.response); }
  std::string operator()(const AppendOutcome& o) const {
    return o.error == ErrorCode::NONE ? fmt::format("accepted {}..{}", o.base_offset, o.last_offset)
                                      : fmt::format("append failed: {}", to_string(o.error));
  }
  std::string operator()(const StateChanged& c) const {
    return fmt::format("is {} epoch={} leader={} voted={}", c.state, c.epoch, c.leader_id, c.voted_id);
  }
  std::string operator()(const LeaderChanged& c) const {
    std::string text = fmt::format("leader of epoch {}: {}", c.epoch, c.leader_id);
    if (c.epoch_start_offset >= 0) text += fmt::format(", from offset {}", c.epoch_start_offset);
    return text;
  }
  std::string operator()(const HighWatermarkUpdated& h) const {
    return fmt::format("high watermark {}", h.high_watermark);
  }
  std::string operator()(const SnapshotInstalled& i) const { return "has snapshot " + at(i.id); }
  std::string operator()(const ShutdownComplete&) const { return "may stop"; }
};

}  // namespace

std::string describe(const DiskAction& action) { return std::visit(Text{}, action); }
std::string describe(const Request& request) { return std::visit(Text{}, request); }
std::string describe(const Response& response) { return std::visit(Text{}, response); }
std::string describe(const Outward& outward) { return std::visit(Text{}, outward); }

}  // namespace ksim::raft
