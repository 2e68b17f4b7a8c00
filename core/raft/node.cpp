#include "core/raft/node.h"

#include <fmt/format.h>

#include "core/base/assert.h"

namespace ksim::raft {

Effects Node::start(const std::optional<ElectionRecord>& stored, Instant now, uint64_t draw) {
  ENSURE(!started_, "started twice");
  Step s{now, Draws(draw)};
  // What a snapshot covers is committed; so is all below the log start.
  if (const auto snapshot = log_.latest_snapshot()) high_watermark_ = snapshot->offset;
  initialize(s, stored);
  started_ = true;
  // Rule B5.
  if (config_.voters.is_only(config_.local) && !is_leader()) become_candidate(s);
  settle(s);
  return out_.take();
}

// Rule B4, in its order.
void Node::initialize(Step& s, const std::optional<ElectionRecord>& stored) {
  const ElectionRecord record = stored.value_or(ElectionRecord{});
  epoch_ = record.epoch;
  voted_ = record.voted;
  if (record.epoch < log_.last_epoch()) {
    voted_.reset();
    become_unattached(s, log_.last_epoch(), std::nullopt);
  } else if (is_voter() && record.leader_id == config_.local.id) {
    become_resigned(s, {});
  } else if (is_voter() && record.leader_id == kNoNode && voted_ && voted_->means(config_.local)) {
    become_candidate_again(s);
  } else if (record.leader_id != kNoNode && record.leader_id != config_.local.id) {
    if (reachable(record.leader_id)) {
      become_follower(s, record.epoch, record.leader_id);
    } else {
      become_unattached(s, record.epoch, record.leader_id);
    }
  } else {
    become_unattached(s, record.epoch, std::nullopt);
  }
}

Effects Node::step(Input input, Instant now, uint64_t draw) {
  ENSURE(started_, "step before start");
  Step s{now, Draws(draw)};
  const int32_t epoch_before = epoch_;
  const int64_t watermark_before = high_watermark_;
  std::visit([&](auto& in) { on(s, in); }, input);
  settle(s);
  ENSURE(epoch_ >= epoch_before && high_watermark_ >= watermark_before,
         "an epoch or the high watermark went back");
  ENSURE(high_watermark_ <= log_.end_offset(), "the high watermark is beyond the log");
  return out_.take();
}

void Node::settle(Step& s) {
  constexpr int kTransitionsPerStep = 16;
  for (int i = 0; i < kTransitionsPerStep; ++i) {
    next_deadline_ = poll(s);
    if (!changed_state_) return;
  }
  ENSURE_F(false, "no end of transitions in state {}, epoch {}", state_name(), epoch_);
}

Instant Node::poll(Step& s) {
  changed_state_ = false;
  if (shutdown_complete_) return Instant::never();
  if (shutdown_deadline_ && *shutdown_deadline_ <= s.now) {
    shutdown_complete_ = true;
    out_.outward(ShutdownComplete{});
    return Instant::never();
  }
  const Instant due = poll_state(s);
  return shutdown_deadline_ ? std::min(due, *shutdown_deadline_) : due;
}

Instant Node::poll_state(Step& s) {
  return std::visit([&](auto& state) { return poll_as(s, state); }, state_);
}

void Node::on(Step&, Tick&) {}

void Node::on(Step& s, RequestIn& in) {
  std::visit([&](auto& request) { handle(s, in.ticket, request); }, in.request);
}

void Node::on(Step& s, ResponseIn& in) {
  if (!peers_.answered(in.peer, in.correlation)) return;
  // Whoever answers with an error is not asked again at once, unless the answer changes our state.
  const bool error =
      std::visit([](const auto& response) { return response.error != ErrorCode::NONE; }, in.response);
  if (error) peers_.pause(in.peer, s.now);
  std::visit([&](auto& response) { handle(s, in.peer, response); }, in.response);
}

void Node::on(Step& s, RequestFailed& in) { peers_.failed(in.peer, in.correlation, s.now); }

void Node::on(Step& s, DiskDone& in) {
  ENSURE(!disk_.empty() && disk_.front().number == in.number, "a disk operation done out of order");
  const DiskInFlight done = disk_.front();
  disk_.pop_front();
  if (done.stores_chunk) chunk_in_flight_ = false;
  if (!done.flushes_to) return;
  flush_in_flight_ = false;
  log_.flushed_to(*done.flushes_to);
  if (auto* leader = std::get_if<Leader>(&state_)) {
    if (leader->local_flushed(log_.flushed_offset())) leader_advanced(s);
  }
  flush_if_needed();
}

void Node::on(Step&, Resign& in) {
  // Rule B29: nothing to do if that epoch is over.
  if (auto* leader = std::get_if<Leader>(&state_); leader != nullptr && in.epoch == epoch_) {
    leader->resign_requested = true;
  }
}

// Rule B31.
void Node::on(Step& s, Shutdown& in) {
  if (shutdown_deadline_) return;
  shutdown_deadline_ = s.now + in.timeout;
  maybe_complete_shutdown();
}

void Node::maybe_complete_shutdown() {
  if (!shutdown_deadline_ || shutdown_complete_) return;
  const bool at_once = !is_voter() || config_.voters.size() == 1 || std::holds_alternative<Follower>(state_);
  if (!at_once) return;
  shutdown_complete_ = true;
  out_.outward(ShutdownComplete{});
}

uint64_t Node::send(Step& s, int32_t peer, Request request, PersistNumber also) {
  const uint64_t correlation = peers_.sent(peer, s.now);
  out_.outward(SendRequest{peer, correlation, std::move(request)}, also);
  return correlation;
}

void Node::reply(uint64_t ticket, Response response, PersistNumber also) {
  out_.outward(SendReply{ticket, std::move(response)}, also);
}

PersistNumber Node::persist(DiskAction action) {
  DiskInFlight entry{};
  if (std::holds_alternative<FlushLog>(action)) entry.flushes_to = log_.end_offset();
  entry.stores_chunk = std::holds_alternative<StoreSnapshotChunk>(action);
  // A fetch goes out only once all is flushed, and only its answer cuts: so no flush can end after the cut
  // and speak of what is gone.
  const bool cuts =
      std::holds_alternative<TruncateLog>(action) || std::holds_alternative<InstallSnapshot>(action);
  ENSURE(!cuts || !flush_in_flight_, "a log is cut while it is being flushed");
  const bool appends =
      std::holds_alternative<AppendAsLeader>(action) || std::holds_alternative<AppendAsFollower>(action);
  entry.number = out_.persist(std::move(action));
  if (appends) last_append_ = entry.number;
  disk_.push_back(entry);
  return entry.number;
}

std::optional<int32_t> Node::reachable(std::optional<int32_t> leader) const {
  if (!leader || *leader == config_.local.id || !config_.voters.has_id(*leader)) return std::nullopt;
  return leader;
}

// Rule B39: two leaders in one epoch are the end of safety; stop rather than choose.
void Node::require_consistent_leader(int32_t epoch, std::optional<int32_t> leader) const {
  if (epoch != epoch_ || !leader || *leader == config_.local.id) return;
  const std::optional<int32_t> known = leader_id();
  ENSURE_F(!known || *known == *leader, "epoch {} has two leaders, {} and {}", epoch, *known, *leader);
}

// Told that it leads an epoch it knows nothing of: its disk was replaced. Kafka stops the process; here it
// counts itself as having voted for itself, which a leader of that epoch has, and so cannot vote again.
void Node::forgot_own_leadership(Step& s, int32_t epoch) {
  if (epoch > epoch_) become_unattached(s, epoch, std::nullopt);
  if (!is_voter() || voted_ || is_leader() || std::holds_alternative<Resigned>(state_)) return;
  voted_ = config_.local;
  entered(true);
}

void Node::adopt(Step& s, int32_t epoch, std::optional<int32_t> leader) {
  if (epoch < epoch_) return;
  if (leader && *leader == config_.local.id) {
    forgot_own_leadership(s, epoch);
    return;
  }
  require_consistent_leader(epoch, leader);
  if (epoch > epoch_) {
    if (const auto known = reachable(leader)) {
      become_follower(s, epoch, *known);
    } else {
      become_unattached(s, epoch, leader);
    }
  } else if (reachable(leader) && !leader_id()) {
    become_follower(s, epoch, *leader);
  }
}

bool Node::handle_common(Step& s, ErrorCode error, int32_t epoch, int32_t leader_id) {
  const std::optional<int32_t> leader =
      leader_id == kNoNode ? std::nullopt : std::optional<int32_t>(leader_id);
  if (epoch < epoch_ || error == ErrorCode::UNKNOWN_LEADER_EPOCH) return true;
  if (epoch > epoch_ || error == ErrorCode::FENCED_LEADER_EPOCH ||
      error == ErrorCode::NOT_LEADER_OR_FOLLOWER) {
    adopt(s, epoch, leader);
    return true;
  }
  // Same epoch: the answer may tell who leads it (rule B39), and is then still good for its own purpose.
  adopt(s, epoch, leader);
  return error != ErrorCode::NONE;
}

ErrorCode Node::validate_voter_request(int32_t epoch, std::optional<int32_t> leader) const {
  if (epoch < epoch_) return ErrorCode::FENCED_LEADER_EPOCH;  // rule B7
  if (leader && *leader < 0) return ErrorCode::INVALID_REQUEST;
  if (shutdown_complete_) return ErrorCode::BROKER_NOT_AVAILABLE;
  require_consistent_leader(epoch, leader);
  return ErrorCode::NONE;
}

// Rule B33.
ErrorCode Node::validate_leader_request(int32_t epoch) const {
  if (epoch < epoch_) return ErrorCode::FENCED_LEADER_EPOCH;
  if (epoch > epoch_) return ErrorCode::UNKNOWN_LEADER_EPOCH;
  if (!is_leader()) return ErrorCode::NOT_LEADER_OR_FOLLOWER;
  if (shutdown_deadline_) return ErrorCode::BROKER_NOT_AVAILABLE;
  return ErrorCode::NONE;
}

}  // namespace ksim::raft
