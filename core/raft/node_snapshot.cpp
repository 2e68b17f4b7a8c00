// Snapshots between nodes (KIP-630; rules B34, B41-B47).

#include <fmt/format.h>

#include "core/base/assert.h"
#include "core/raft/node.h"

namespace ksim::raft {

// ---- leader ----

// Rule B44.
void Node::handle(Step& s, uint64_t ticket, FetchSnapshotRequest& request) {
  if (const ErrorCode error = validate_leader_request(request.current_leader_epoch);
      error != ErrorCode::NONE) {
    return reply(ticket, stamped<FetchSnapshotResponse>(error));
  }
  const SnapshotInfo* info = log_.find_snapshot(request.snapshot_id);
  if (info == nullptr || request.snapshot_id == kBootstrapSnapshot) {
    return reply(ticket, stamped<FetchSnapshotResponse>(ErrorCode::SNAPSHOT_NOT_FOUND));
  }
  if (request.position < 0 || request.position >= info->size_bytes) {
    return reply(ticket, stamped<FetchSnapshotResponse>(ErrorCode::POSITION_OUT_OF_RANGE));
  }
  std::get<Leader>(state_).heard_from(request.replica, s.now);
  FetchSnapshotResponse response = stamped<FetchSnapshotResponse>(ErrorCode::NONE);
  response.snapshot_id = request.snapshot_id;
  response.size_bytes = info->size_bytes;
  response.position = request.position;
  response.read = SnapshotRange{request.snapshot_id, request.position,
                                std::clamp(request.max_bytes, 1, config_.max_fetch_bytes)};
  reply(ticket, std::move(response));
}

// ---- follower ----

bool Node::begin_snapshot_fetch(Follower& follower, OffsetAndEpoch id) {
  // A snapshot held already, or one that ends below what is known committed, would take the log back.
  if (id.offset < high_watermark_ || id.offset <= log_.start_offset()) return false;
  follower.snapshot = SnapshotFetch{id, 0};
  return true;
}

Instant Node::send_fetch_snapshot(Step& s, const Follower& follower, int32_t peer) {
  if (chunk_in_flight_) return Instant::never();  // its end brings us back
  if (!peers_.ready(peer, s.now)) return peers_.ready_at(peer);
  FetchSnapshotRequest request;
  request.replica = config_.local;
  request.current_leader_epoch = epoch_;
  request.snapshot_id = follower.snapshot->id;
  request.position = follower.snapshot->position;
  request.max_bytes = config_.max_fetch_bytes;
  send(s, peer, request);
  return peers_.ready_at(peer);
}

void Node::handle(Step& s, int32_t peer, FetchSnapshotResponse& response) {
  auto* follower = std::get_if<Follower>(&state_);
  const bool gone = response.error == ErrorCode::SNAPSHOT_NOT_FOUND ||
                    response.error == ErrorCode::POSITION_OUT_OF_RANGE ||
                    response.error == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
  if (gone && response.leader_epoch == epoch_) {
    // Rule B45: forget it and ask for records again.
    if (follower != nullptr) follower->snapshot.reset();
    return;
  }
  if (handle_common(s, response.error, response.leader_epoch, response.leader_id)) return;
  follower = std::get_if<Follower>(&state_);
  if (follower == nullptr || follower->leader_id != peer || !follower->snapshot) return;
  SnapshotFetch& fetch = *follower->snapshot;
  const auto size = static_cast<int64_t>(response.bytes.size());
  const bool continues = response.snapshot_id == fetch.id && response.position == fetch.position &&
                         size > 0 && fetch.position + size <= response.size_bytes;
  if (!continues) {
    follower->snapshot.reset();
    return;
  }
  persist(StoreSnapshotChunk{fetch.id, fetch.position, std::move(response.owner), response.bytes});
  chunk_in_flight_ = true;
  fetch.position += size;
  if (fetch.position == response.size_bytes) install_snapshot(*follower, response.size_bytes);
  follower->has_fetched = true;
  follower->fetch_deadline = s.now + config_.timers.fetch_timeout;
}

// Rule B45: the log then stands empty on the snapshot.
void Node::install_snapshot(Follower& follower, int64_t size_bytes) {
  const OffsetAndEpoch id = follower.snapshot->id;
  ENSURE_F(id.offset >= high_watermark_, "a snapshot up to {} under the high watermark {}", id.offset,
           high_watermark_);
  const PersistNumber installed = persist(InstallSnapshot{id});
  log_.reset_to_snapshot(id, size_bytes);
  last_append_ = installed;
  follower.snapshot.reset();
  out_.outward(SnapshotInstalled{id}, installed);
  raise_high_watermark(id.offset, installed);
}

// ---- own snapshots ----

void Node::on(Step&, SnapshotCreated& in) {
  ENSURE_F(in.id.offset <= high_watermark_, "a snapshot up to {} above the high watermark {}", in.id.offset,
           high_watermark_);
  if (in.id.offset >= log_.start_offset()) log_.add_snapshot(in.id, in.size_bytes);
}

// Rule B43.
void Node::on(Step&, CleanUpTo& in) {
  if (log_.find_snapshot(in.id) == nullptr || in.id.offset <= log_.start_offset()) return;
  ENSURE(in.id.offset <= high_watermark_);
  log_.trim_to(in.id.offset);
  persist(TrimLog{in.id.offset});
}

}  // namespace ksim::raft
