#include "core/raft/driver/raft_client.h"

#include "core/base/assert.h"
#include "core/raft/driver/quorum_state_file.h"
#include "core/record/builder.h"

namespace ksim::raft {
namespace {

// Where raft.small_fetch is active: less than a snapshot and than most logs have, more than most batches.
constexpr uint32_t kSmallFetchPerMille = 300;
constexpr int32_t kSmallFetchBytes = 300;
constexpr Duration kLateFlush = milliseconds(80);  // where raft.flush_late is active

}  // namespace

Result<std::unique_ptr<RaftClient>> RaftClient::open(const Env& env, RaftOptions options) {
  TRY_ASSIGN(std::unique_ptr<MetadataLog> log, MetadataLog::open(env, options.log));
  TRY_ASSIGN(std::optional<ElectionRecord> stored, read_quorum_state(env.disk, log->directory()));
  return std::unique_ptr<RaftClient>(
      new RaftClient(env, std::move(options), std::move(log), std::move(stored)));
}

RaftClient::RaftClient(const Env& env, RaftOptions options, std::unique_ptr<MetadataLog> log,
                       std::optional<ElectionRecord> stored)
    : env_(env),
      options_(std::move(options)),
      log_(std::move(log)),
      stored_(std::move(stored)),
      node_(options_.node, log_->view()),
      feed_(env.scheduler),
      disk_wanted_(env.scheduler),
      timer_moved_(env.scheduler),
      shutdown_done_(env.scheduler),
      leader_changed_(env.scheduler),
      scope_(env) {
  feed_.local_id = options_.node.local.id;
  const Duration timeout = options_.node.timers.request_timeout;
  PeerAnswers& answers = *this;
  for (const auto& [id, endpoint] : options_.quorum.voters) {
    if (id == node_id()) continue;
    elections_[id] =
        std::make_unique<PeerChannel>(env_, options_.quorum, id, "raft", node_id(), timeout, answers);
    replications_[id] =
        std::make_unique<PeerChannel>(env_, options_.quorum, id, "raft-fetch", node_id(), timeout, answers);
  }
}

RaftClient::~RaftClient() = default;

void RaftClient::start() {
  ENSURE(!started_, "started twice");
  started_ = true;
  const int64_t committed = log_->latest_snapshot() ? log_->latest_snapshot()->offset : -1;
  feed_.high_watermark = committed;
  if (committed > 0) log_->advance_high_watermark(committed);
  for (auto& [id, channel] : elections_) channel->start(scope_);
  for (auto& [id, channel] : replications_) channel->start(scope_);
  gate_.add(node_.start(stored_, env_.now(), draw()));
  carry_out();
  scope_.spawn("raft-disk", [this] { run_disk(); });
  scope_.spawn("raft-timer", [this] { run_timer(); });
  scope_.spawn("raft-cleaner", [this] { run_cleaner(); });
  for (RaftListener* listener : listeners_) {
    scope_.spawn("raft-listener", [this, listener] { run_feed(*listener); });
  }
}

void RaftClient::add_listener(RaftListener& listener) {
  listeners_.push_back(&listener);
  if (started_) scope_.spawn("raft-listener", [this, &listener] { run_feed(listener); });
}

// ---- the core and what it decides ----

// Named by epoch and state, so that a message more or less shifts nobody's election timeout.
uint64_t RaftClient::draw() {
  const uint64_t entity = mix64(static_cast<uint64_t>(node_id()), static_cast<uint64_t>(node_.epoch()));
  return env_.random.draw(Stream::election_timeout, entity, node_.transitions());
}

void RaftClient::apply(Input input) {
  if (failure_ || closed_) return;
  gate_.add(node_.step(std::move(input), env_.now(), draw()));
  carry_out();
}

void RaftClient::carry_out() {
  while (auto outward = gate_.take_ready()) {
    std::visit([&](auto& out) { take(out); }, *outward);
  }
  if (gate_.has_disk_op()) disk_wanted_.notify_all();
  if (node_.next_deadline() < timer_until_) timer_moved_.notify_all();
}

void RaftClient::take(SendRequest& out) {
  const bool replication = std::holds_alternative<FetchRequest>(out.request) ||
                           std::holds_alternative<FetchSnapshotRequest>(out.request);
  auto& channels = replication ? replications_ : elections_;
  if (replication && env_.buggify(Site::raft_small_fetch, kSmallFetchPerMille)) {
    std::visit(
        [](auto& request) {
          if constexpr (requires { request.max_bytes; }) request.max_bytes = kSmallFetchBytes;
        },
        out.request);
  }
  const auto channel = channels.find(out.peer);
  ENSURE(channel != channels.end(), "a request to a node that is no voter");
  channel->second->send(out.correlation, std::move(out.request));
}

void RaftClient::take(SendReply& out) {
  const auto waiter = waiters_.find(out.ticket);
  if (waiter == waiters_.end()) return;  // nobody waits for it any more
  if (const auto* vote = std::get_if<VoteResponse>(&out.response); vote != nullptr && vote->vote_granted) {
    if (!vote->pre_vote) {
      env_.emit(RaftVoteGranted{vote->leader_epoch});
      env_.reached(Mark::raft_vote_granted, kMetadataDirectory);
    }
  }
  waiter->second->response = std::move(out.response);
  waiter->second->answered.notify_all();
}

void RaftClient::take(AppendOutcome& out) { outcome_ = out; }

void RaftClient::take(StateChanged& out) {
  RaftStateChanged event;
  event.state = out.state;
  event.epoch = out.epoch;
  event.leader_id = out.leader_id;
  event.voted_id = out.voted_id;
  env_.emit(event);
  if (event.state == "leader") env_.reached(Mark::raft_leader_elected, kMetadataDirectory);
  if (event.state == "resigned") env_.reached(Mark::raft_resigned, kMetadataDirectory);
}

void RaftClient::take(LeaderChanged& out) {
  feed_.leader.epoch = out.epoch;
  feed_.leader.leader_id = out.leader_id == kNoNode ? std::nullopt : std::optional<int32_t>(out.leader_id);
  feed_.epoch_start_offset = out.epoch_start_offset;
  feed_.changed.notify_all();
  leader_changed_.notify_all();
}

void RaftClient::take(HighWatermarkUpdated& out) {
  log_->advance_high_watermark(out.high_watermark);
  feed_.high_watermark = std::max(feed_.high_watermark, out.high_watermark);
  feed_.changed.notify_all();
  RaftHighWatermarkAdvanced event;
  event.epoch = out.epoch;
  event.high_watermark = out.high_watermark;
  env_.emit(event);
}

void RaftClient::take(SnapshotInstalled& out) {
  feed_.changed.notify_all();
  RaftSnapshotWritten event;
  event.end_offset = out.id.offset;
  event.epoch = out.id.epoch;
  event.fetched = true;
  env_.emit(event);
  env_.reached(Mark::raft_snapshot_installed, kMetadataDirectory);
}

void RaftClient::take(ShutdownComplete&) {
  shutdown_complete_ = true;
  shutdown_done_.notify_all();
}

void RaftClient::peer_answered(int32_t peer, uint64_t correlation, Response response) {
  apply(ResponseIn{peer, correlation, std::move(response)});
}

void RaftClient::peer_failed(int32_t peer, uint64_t correlation) { apply(RequestFailed{peer, correlation}); }

// ---- fibers ----

void RaftClient::run_disk() {
  for (;;) {
    std::optional<DiskOp> op = gate_.begin_disk_op();
    if (!op) {
      static_cast<void>(disk_wanted_.wait(Instant::never(), "raft disk"));
      continue;
    }
    Result<void> done = perform(op->action);
    if (!done.ok()) return failed(done.error());
    apply(DiskDone{gate_.finish_disk_op()});
  }
}

Result<void> RaftClient::perform(DiskAction& action) {
  if (const auto* state = std::get_if<PersistQuorumState>(&action)) {
    return write_quorum_state(env_.disk, log_->directory(), state->record, options_.node.voters);
  }
  if (const auto* leader = std::get_if<AppendAsLeader>(&action)) return log_->append(*leader);
  if (const auto* follower = std::get_if<AppendAsFollower>(&action)) return log_->append(*follower);
  if (const auto* cut = std::get_if<TruncateLog>(&action)) {
    TRY(log_->truncate(cut->offset));
    env_.reached(Mark::raft_truncated, kMetadataDirectory);
    env_.emit(DivergenceCut{kMetadataDirectory, kMetadataTopicId, 0, cut->leader_end.epoch,
                            cut->leader_end.offset});
    return {};
  }
  if (const auto* chunk = std::get_if<StoreSnapshotChunk>(&action)) {
    TRY(log_->store_chunk(*chunk));
    env_.reached(Mark::raft_snapshot_chunk, kMetadataDirectory);
    return {};
  }
  if (const auto* snapshot = std::get_if<InstallSnapshot>(&action)) return log_->install(snapshot->id);
  if (const auto* trim = std::get_if<TrimLog>(&action)) {
    TRY(log_->trim(trim->start_offset));
    env_.reached(Mark::raft_cleaned, kMetadataDirectory);
    return {};
  }
  env_.dawdle(Site::raft_flush_late, 100, kLateFlush);
  TRY(log_->flush());
  env_.reached(Mark::raft_flushed, kMetadataDirectory);
  return {};
}

void RaftClient::run_timer() {
  for (;;) {
    timer_until_ = node_.next_deadline();
    if (timer_until_ > env_.now()) static_cast<void>(timer_moved_.wait(timer_until_, "raft timer"));
    if (node_.next_deadline() > env_.now()) continue;
    const Instant due = node_.next_deadline();
    apply(Tick{});
    if (failure_) return;
    ENSURE(node_.next_deadline() != due || due.is_never(), "a deadline that a tick does not move");
  }
}

void RaftClient::run_feed(RaftListener& listener) {
  ListenerFeed feed(env_, *log_, feed_, listener);
  struct Listed {
    std::vector<ListenerFeed*>& feeds;
    ListenerFeed* feed;
    ~Listed() { std::erase(feeds, feed); }
  } listed{feeds_, &feed};
  feeds_.push_back(&feed);
  Result<void> ended = feed.run();
  if (!ended.ok()) failed(ended.error());
}

void RaftClient::failed(const Error& error) {
  if (failure_) return;
  failure_ = error;
  LogLine line;
  line.level = 3;
  line.module = "raft";
  const std::string text = "the metadata quorum stops on this node: " + to_string(error);
  line.text = text;
  env_.emit(line);
  for (auto& [ticket, waiter] : waiters_) waiter->answered.notify_all();
  shutdown_done_.notify_all();
  if (options_.on_failure) options_.on_failure(error);
}

// Rule B43.
void RaftClient::run_cleaner() {
  for (;;) {
    env_.sleep(options_.cleaning_interval);
    if (Result<void> cleaned = clean(); !cleaned.ok()) return failed(cleaned.error());
  }
}

Result<void> RaftClient::clean() {
  for (;;) {
    const std::vector<SnapshotInfo> snapshots = node_.log().snapshots();
    if (snapshots.size() < 2) return {};
    int64_t size = log_->size_bytes();
    for (const SnapshotInfo& info : snapshots) size += info.size_bytes;
    bool due = size > options_.retention_bytes;
    if (!due) {
      TRY_ASSIGN(const std::unique_ptr<SnapshotReader> oldest, log_->open_snapshot(snapshots.front().id));
      std::vector<Bytes> values;
      TRY(oldest->next(values));
      due = oldest->last_contained_timestamp_ms() + options_.retention_ms < env_.clock.wall().ms();
    }
    if (!due) return {};
    // Nobody here should have to load a snapshot because of it, least of all under a leader (rule B55).
    for (const ListenerFeed* feed : feeds_) {
      if (feed->next_offset() < snapshots[1].id.offset) return {};
    }
    apply(CleanUpTo{snapshots[1].id});
    if (failure_ || node_.log().snapshots().size() == snapshots.size()) return {};
  }
}

// ---- for the controller ----

Result<AppendedAt> RaftClient::append(int32_t epoch, std::span<const Bytes> values,
                                      std::optional<int64_t> required_offset) {
  ENSURE(!values.empty(), "an append without records");
  if (failure_ || closed_)
    return fail(ErrorCode::NOT_LEADER_OR_FOLLOWER, "the quorum has stopped on this node");
  BatchOptions options;
  options.leader_epoch = epoch;
  BatchBuilder builder(options);
  RecordInput record;
  record.timestamp_ms = env_.clock.wall().ms();
  for (const Bytes value : values) {
    record.value = value;
    builder.append(record);
  }
  const ByteBuffer bytes = builder.build();
  ClientAppend in;
  in.ticket = ++last_ticket_;
  in.epoch = epoch;
  in.required_offset = required_offset;
  in.record_count = static_cast<int32_t>(values.size());
  in.batch = Buffer::copy_of(bytes);
  outcome_.reset();
  apply(std::move(in));
  ENSURE(outcome_ && outcome_->ticket == last_ticket_, "an append without an outcome");
  if (outcome_->error != ErrorCode::NONE) return fail(outcome_->error);
  return AppendedAt{outcome_->base_offset, outcome_->last_offset};
}

int64_t RaftClient::next_append_offset() const {
  const Leader* leader = node_.leader();
  return leader == nullptr ? node_.log().end_offset() : leader->next_offset();
}

void RaftClient::resign(int32_t epoch) { apply(Resign{epoch}); }

LeaderAndEpoch RaftClient::wait_leader_change(const LeaderAndEpoch& known, Deadline deadline) {
  while (feed_.leader == known) {
    if (!leader_changed_.wait(deadline, "raft leader")) break;
  }
  return feed_.leader;
}

std::optional<Endpoint> RaftClient::leader_endpoint() const {
  if (!feed_.leader.leader_id) return std::nullopt;
  const auto found = options_.quorum.voters.find(*feed_.leader.leader_id);
  if (found == options_.quorum.voters.end()) return std::nullopt;
  return found->second;
}

// ---- snapshots ----

// Rule B41.
Result<std::unique_ptr<SnapshotWriter>> RaftClient::create_snapshot(OffsetAndEpoch id,
                                                                    int64_t last_contained_timestamp_ms) {
  ENSURE(id.offset <= feed_.high_watermark, "a snapshot of what is not committed");
  const LogView& view = node_.log();
  if (id.offset < view.start_offset() || view.find_snapshot(id) != nullptr) {
    return std::unique_ptr<SnapshotWriter>();
  }
  const OffsetAndEpoch end = view.end_offset_for_epoch(id.epoch);
  if (end.epoch != id.epoch || end.offset < id.offset) {
    return fail(ErrorCode::UNKNOWN_SERVER_ERROR, "a snapshot of what this log does not hold");
  }
  return log_->create_snapshot(id, last_contained_timestamp_ms);
}

Result<void> RaftClient::complete_snapshot(std::unique_ptr<SnapshotWriter> writer) {
  const OffsetAndEpoch id = writer->id();
  env_.reached(Mark::raft_snapshot_written, kMetadataDirectory);
  TRY_ASSIGN(const uint64_t size, writer->freeze());
  // A later one may have been fetched from the leader meanwhile.
  if (id.offset < log_->start_offset() || failure_ || closed_) return {};
  log_->add_snapshot(id, static_cast<int64_t>(size));
  apply(SnapshotCreated{id, static_cast<int64_t>(size)});
  RaftSnapshotWritten event;
  event.end_offset = id.offset;
  event.epoch = id.epoch;
  env_.emit(event);
  return {};
}

// ---- the end ----

void RaftClient::shutdown(Duration timeout) {
  const Deadline deadline = env_.after(timeout);
  apply(Shutdown{timeout});
  while (started_ && !shutdown_complete_ && !failure_) {
    if (!shutdown_done_.wait(deadline, "raft shutdown")) break;
  }
  close();
}

void RaftClient::close() {
  if (closed_) return;
  closed_ = true;
  for (auto& [ticket, waiter] : waiters_) waiter->answered.notify_all();
  scope_.close();
  if (!failure_) static_cast<void>(log_->close());
}

}  // namespace ksim::raft
