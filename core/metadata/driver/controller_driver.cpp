#include "core/metadata/driver/controller_driver.h"

#include <algorithm>
#include <utility>

#include "core/metadata/controller_replies.h"
#include "core/rpc/envelope.h"

namespace ksim {
namespace {

constexpr Duration kRepeatSoon = milliseconds(10);  // rule C37: the limit of a round was hit
// Room for what a batch has beside its values (raft takes 8 MiB, rule B27).
constexpr size_t kMaxBatchBytes = 7 << 20;
constexpr size_t kMaxBatchRecords = 10'000;  // rule C4

Instant after(Instant now, Duration interval) { return interval.ns > 0 ? now + interval : Instant::never(); }

}  // namespace

ControllerDriver::ControllerDriver(const Env& env, raft::RaftClient& raft, const ServerConfig& server,
                                   ControllerSettings settings)
    : env_(env),
      raft_(raft),
      server_(server),
      controller_(std::move(settings), server),
      draws_(env.random, static_cast<uint64_t>(server.node_id())),
      duties_changed_(env.scheduler),
      scope_(env) {}

ControllerDriver::~ControllerDriver() = default;

void ControllerDriver::start() {
  scope_.spawn("controller duties", [this] { run_duties(); });
  raft_.add_listener(*this);
}

void ControllerDriver::stop() {
  if (controller_.active()) deactivate();
  scope_.close();
}

// ---- the log ----

Result<void> ControllerDriver::handle_commit(std::span<const raft::CommittedBatch> batches) {
  for (const raft::CommittedBatch& in : batches) {
    MetadataBatch batch;
    batch.base_offset = in.base_offset;
    batch.last_offset = in.last_offset;
    batch.epoch = in.epoch;
    batch.append_time_ms = in.append_time_ms;
    batch.records = in.records;
    batch.size_bytes = in.size_bytes;
    TRY(controller_.on_commit(batch));
  }
  emit_replayed(false);
  if (controller_.active()) {
    emit_notes();
    let_out_stable();
  }
  return {};
}

Result<void> ControllerDriver::handle_load_snapshot(raft::SnapshotReader& snapshot) {
  if (controller_.active()) deactivate();
  SnapshotLoad load;
  std::vector<Bytes> values;
  for (;;) {
    TRY_ASSIGN(const bool more, snapshot.next(values));
    if (!more) break;
    TRY(load.add(values));
  }
  controller_.on_snapshot(
      load.finish({snapshot.id().offset - 1, snapshot.id().epoch, snapshot.last_contained_timestamp_ms()}));
  emit_replayed(true);
  return {};
}

void ControllerDriver::handle_leader_change(const raft::LeaderAndEpoch& leader) {
  const bool here = leader.leader_id == raft_.node_id();
  if (controller_.active() && (!here || leader.epoch != controller_.epoch())) deactivate();
  if (here && !controller_.active()) activate(leader.epoch);
}

void ControllerDriver::activate(int32_t epoch) {
  // Leadership may be over already, with the news of it still to come.
  const raft::LeaderAndEpoch now = raft_.leader_and_epoch();
  if (now.epoch != epoch || now.leader_id != raft_.node_id()) return;
  const ControllerStep step = controller_.activate(epoch, raft_.next_append_offset(), env_.now());
  env_.emit(ControllerActivated{epoch});
  env_.reached(Mark::controller_activated, raft::kMetadataDirectory);
  // Of what was committed before: this one may end as well, before it commits anything.
  emit_notes();
  next_no_op_ = after(env_.now(), milliseconds(server_.integer("metadata.max.idle.interval.ms")));
  next_balance_ = server_.boolean("auto.leader.rebalance.enable")
                      ? after(env_.now(), seconds(server_.integer("leader.imbalance.check.interval.seconds")))
                      : Instant::never();
  next_unclean_ = after(env_.now(), milliseconds(server_.integer("unclean.leader.election.interval.ms")));
  static_cast<void>(run_step(step));
  duties_changed_.notify_all();
}

void ControllerDriver::deactivate() {
  const int32_t epoch = controller_.epoch();
  controller_.deactivate();
  next_no_op_ = next_balance_ = next_unclean_ = Instant::never();
  env_.emit(ControllerDeactivated{epoch});
  env_.reached(Mark::controller_deactivated, raft::kMetadataDirectory);
  // Rule C3: what was decided may or may not be committed later.
  const auto waiting = std::exchange(waiting_, {});
  for (const auto& entry : waiting) entry.second->refuse(ErrorCode::NOT_CONTROLLER);
  duties_changed_.notify_all();
}

ControllerDriver::Append ControllerDriver::resign() {
  const int32_t epoch = controller_.epoch();
  deactivate();
  raft_.resign(epoch);
  return Append::lost;
}

// Appends the records of a step at the very offsets for which it was decided. `lost`: this node cannot go on
// as the active controller and has stopped being it. `too_large`: the step was taken back.
ControllerDriver::Append ControllerDriver::append(const ControllerStep& step) {
  const Append done = write(step);
  if (done == Append::done && !step.records.empty() && env_.buggify(Site::controller_resigns, 10))
    return resign();
  return done;
}

ControllerDriver::Append ControllerDriver::write(const ControllerStep& step) {
  if (step.records.empty()) return Append::done;
  const std::vector<Bytes> values = step.records.values();
  if (step.atomic && step.records.size_bytes() > kMaxBatchBytes) {
    controller_.take_back(step);
    return Append::too_large;
  }
  int64_t offset = step.reply_offset + 1 - static_cast<int64_t>(values.size());
  for (size_t begin = 0; begin < values.size();) {
    size_t end = begin;
    size_t bytes = 0;
    while (end < values.size() && (step.atomic || end - begin < kMaxBatchRecords) &&
           (end == begin || bytes + values[end].size() <= kMaxBatchBytes)) {
      bytes += values[end++].size();
    }
    const auto part = std::span<const Bytes>(values).subspan(begin, end - begin);
    const Result<raft::AppendedAt> appended = raft_.append(controller_.epoch(), part, offset);
    if (!appended.ok()) return resign();
    ENSURE(appended->base_offset == offset);
    offset += static_cast<int64_t>(part.size());
    begin = end;
  }
  env_.reached(Mark::controller_appended, raft::kMetadataDirectory);
  duties_changed_.notify_all();
  return Append::done;
}

// ---- requests ----

template <class Response>
class ControllerDriver::WaitingReply final : public Waiting {
 public:
  WaitingReply(const Env& env, const ControllerAnswered& answer, ControllerReply<Response> reply,
               rpc::ResponseSlot slot)
      : env_(env), answer_(answer), reply_(std::move(reply)), slot_(std::move(slot)) {}
  void let_out() override {
    env_.emit(answer_);
    slot_.respond(reply_.response);
  }
  void refuse(ErrorCode code) override {
    if (slot_.refuse_envelope(code)) return;
    set_error(reply_.response, code);
    slot_.respond(reply_.response);
  }

 private:
  const Env& env_;
  ControllerAnswered answer_;
  ControllerReply<Response> reply_;
  rpc::ResponseSlot slot_;
};

template <class Request, class Decide>
void ControllerDriver::answer(const Request& request, rpc::IncomingRequest& in, rpc::ResponseSlot slot,
                              const Decide& decide) {
  using Response = typename Request::Response;
  ControllerReply<Response> reply;
  const auto refuse = [&](ErrorCode code) {
    if (slot.refuse_envelope(code)) return;
    reply = {};
    make_room(request, reply);
    set_error(reply.response, code);
    slot.respond(reply.response);
  };
  if (!controller_.active()) return refuse(ErrorCode::NOT_CONTROLLER);
  const ControllerRequestInfo info{in.context.version, env_.now()};
  const ControllerStep step = decide(request, info, reply);
  switch (append(step)) {
    case Append::lost:
      return refuse(ErrorCode::NOT_CONTROLLER);
    case Append::too_large:
      return refuse(ErrorCode::POLICY_VIOLATION);
    case Append::done:
      break;
  }
  const ControllerAnswered told{wire::find_api(static_cast<int16_t>(Response::kApiKey))->name,
                                controller_.epoch(), step.reply_offset};
  auto waiting = std::make_unique<WaitingReply<Response>>(env_, told, std::move(reply), std::move(slot));
  if (step.reply_offset <= controller_.stable_offset()) return waiting->let_out();
  waiting_.emplace(step.reply_offset, std::move(waiting));
}

template <class Request, class Decide>
void ControllerDriver::serve(rpc::HandlerTable& table, Decide decide) {
  table.on<Request>([this, decide](const Request& request, rpc::IncomingRequest& in, rpc::ResponseSlot slot) {
    answer(request, in, std::move(slot), decide);
  });
}

void ControllerDriver::register_handlers(rpc::HandlerTable& table) {
  const auto plain = [this](auto operation) {
    return [this, operation](const auto& request, const ControllerRequestInfo& info, auto& reply) {
      return (controller_.*operation)(request, info, reply);
    };
  };
  const auto drawing = [this](auto operation) {
    return [this, operation](const auto& request, const ControllerRequestInfo& info, auto& reply) {
      return (controller_.*operation)(request, info, draws_, reply);
    };
  };
  serve<wire::BrokerRegistrationRequest>(
      table, [this](const wire::BrokerRegistrationRequest& request, const ControllerRequestInfo& info,
                    ControllerReply<wire::BrokerRegistrationResponse>& reply) {
        ControllerStep step = controller_.register_broker(request, info, reply);
        if (error_code_of(reply.response.error_code) == ErrorCode::NONE)
          env_.emit(BrokerHeard{request.broker_id, reply.response.broker_epoch});
        return step;
      });
  serve<wire::BrokerHeartbeatRequest>(table, [this](const wire::BrokerHeartbeatRequest& request,
                                                    const ControllerRequestInfo& info,
                                                    ControllerReply<wire::BrokerHeartbeatResponse>& reply) {
    ControllerStep step = controller_.heartbeat(request, info, reply);
    if (error_code_of(reply.response.error_code) == ErrorCode::NONE)
      env_.emit(BrokerHeard{request.broker_id, request.broker_epoch,
                            request.want_fence || request.want_shut_down, request.current_metadata_offset});
    return step;
  });
  serve<wire::UnregisterBrokerRequest>(table, plain(&Controller::unregister_broker));
  serve<wire::ControllerRegistrationRequest>(table, plain(&Controller::register_controller));
  serve<wire::AssignReplicasToDirsRequest>(
      table, [this](const wire::AssignReplicasToDirsRequest& request, const ControllerRequestInfo&,
                    auto& reply) { return assign_directories(request, reply); });
  serve<wire::AllocateProducerIdsRequest>(table, plain(&Controller::allocate_producer_ids));
  serve<wire::AlterPartitionRequest>(table, plain(&Controller::alter_partition));
  serve<wire::ElectLeadersRequest>(table, plain(&Controller::elect_leaders));
  serve<wire::CreateTopicsRequest>(table, drawing(&Controller::create_topics));
  serve<wire::CreatePartitionsRequest>(table, drawing(&Controller::create_partitions));
  serve<wire::DeleteTopicsRequest>(table, plain(&Controller::delete_topics));
  serve<wire::IncrementalAlterConfigsRequest>(table, plain(&Controller::incremental_alter_configs));
  serve<wire::AlterConfigsRequest>(table, plain(&Controller::alter_configs));
  serve<wire::UpdateFeaturesRequest>(table, plain(&Controller::update_features));
  table.on<wire::EnvelopeRequest>(
      [&table](const wire::EnvelopeRequest& envelope, rpc::IncomingRequest& in, rpc::ResponseSlot slot) {
        rpc::open_envelope(table, in, envelope, std::move(slot));
      });
}

ControllerStep ControllerDriver::assign_directories(
    const wire::AssignReplicasToDirsRequest& request,
    ControllerReply<wire::AssignReplicasToDirsResponse>& reply) {
  std::vector<DirectoryAssignment> assignments;
  for (const auto& directory : request.directories) {
    for (const auto& topic : directory.topics) {
      for (const auto& partition : topic.partitions)
        assignments.push_back({topic.topic_id, partition.partition_index, directory.id});
    }
  }
  Result<std::vector<ErrorCode>> codes = std::vector<ErrorCode>{};
  ControllerStep step =
      controller_.assign_directories(request.broker_id, request.broker_epoch, assignments, codes);
  if (!codes.ok()) {
    reply.response.error_code = static_cast<int16_t>(codes.error().code);
    return step;
  }
  wire::Arena& arena = reply.arena;
  size_t place = 0;
  reply.response.directories =
      arena.make_array<wire::AssignReplicasToDirsResponseDirectoryData>(request.directories.size());
  for (size_t d = 0; d < request.directories.size(); ++d) {
    const auto& asked = request.directories[d];
    auto& directory = reply.response.directories[d];
    directory.id = asked.id;
    directory.topics = arena.make_array<wire::AssignReplicasToDirsResponseTopicData>(asked.topics.size());
    for (size_t t = 0; t < asked.topics.size(); ++t) {
      auto& topic = directory.topics[t];
      topic.topic_id = asked.topics[t].topic_id;
      const size_t count = asked.topics[t].partitions.size();
      topic.partitions = arena.make_array<wire::AssignReplicasToDirsResponsePartitionData>(count);
      for (size_t p = 0; p < count; ++p) {
        topic.partitions[p].partition_index = asked.topics[t].partitions[p].partition_index;
        topic.partitions[p].error_code = static_cast<int16_t>((*codes)[place++]);
      }
    }
  }
  return step;
}

void ControllerDriver::let_out_stable() {
  const int64_t stable = controller_.stable_offset();
  while (!waiting_.empty() && waiting_.begin()->first <= stable) {
    const std::unique_ptr<Waiting> reply = std::move(waiting_.begin()->second);
    waiting_.erase(waiting_.begin());
    reply->let_out();
  }
}

// Outside a metadata transaction: what an open one brings may yet be taken back.
void ControllerDriver::emit_replayed(bool snapshot) {
  const MetadataImageRef image = controller_.stable_image();
  if (image->provenance.last_offset <= replayed_ && !snapshot) return;
  replayed_ = image->provenance.last_offset;
  env_.emit(ControllerReplayed{replayed_, image->provenance.last_epoch, snapshot, &image});
}

void ControllerDriver::emit_notes() {
  using Kind = ControllerNote::Kind;
  for (const ControllerNote& note : controller_.take_notes()) {
    switch (note.kind) {
      case Kind::broker_registered:
        env_.emit(BrokerRegistered{note.broker_id, note.broker_epoch, note.clean});
        break;
      case Kind::broker_fenced:
        env_.emit(BrokerFenced{note.broker_id, note.broker_epoch, note.reason});
        env_.reached(Mark::broker_fenced, std::to_string(note.broker_id));
        break;
      case Kind::broker_unfenced:
        env_.emit(BrokerUnfenced{note.broker_id, note.broker_epoch});
        env_.reached(Mark::broker_unfenced, std::to_string(note.broker_id));
        break;
      case Kind::partition_changed: {
        const PartitionRegistration& state = *note.state;
        PartitionChanged event;
        event.topic = note.topic;
        event.topic_id = note.topic_id;
        event.partition = note.partition;
        event.leader = state.leader;
        event.leader_epoch = state.leader_epoch;
        event.partition_epoch = state.partition_epoch;
        event.isr = state.isr;
        event.elr = state.elr;
        event.unclean = note.unclean;
        env_.emit(event);
        const std::string subject = note.topic + "-" + std::to_string(note.partition);
        if (note.unclean) env_.reached(Mark::partition_elected_unclean, subject);
        if (!state.has_leader()) env_.reached(Mark::partition_leaderless, subject);
        break;
      }
    }
  }
}

// ---- periodic duties ----

bool ControllerDriver::run_step(const ControllerStep& step) {
  if (append(step) != Append::done) return false;
  return !step.records.empty();
}

Instant ControllerDriver::next_duty() const {
  if (!controller_.active()) return Instant::never();
  return std::min({controller_.next_session_expiry(), next_no_op_, next_balance_, next_unclean_});
}

void ControllerDriver::run_duties() {
  for (;;) {
    const Instant next = next_duty();
    if (next > env_.now()) static_cast<void>(duties_changed_.wait(next, "controller duties"));
    if (controller_.active()) do_duties();
  }
}

void ControllerDriver::do_duties() {
  const Instant now = env_.now();
  // Rule C16: one at a time, each seeing what the one before has done.
  while (controller_.active() && run_step(controller_.fence_one_stale_broker(now))) {
  }
  if (controller_.active() && next_no_op_ <= now) {
    next_no_op_ = now + milliseconds(server_.integer("metadata.max.idle.interval.ms"));
    static_cast<void>(write(controller_.no_op()));
  }
  bool more = false;
  if (controller_.active() && next_balance_ <= now) {
    static_cast<void>(run_step(controller_.balance_leaders(more)));
    next_balance_ =
        now + (more ? kRepeatSoon : seconds(server_.integer("leader.imbalance.check.interval.seconds")));
  }
  if (controller_.active() && next_unclean_ <= now) {
    static_cast<void>(run_step(controller_.elect_unclean_leaders(more)));
    next_unclean_ =
        now + (more ? kRepeatSoon : milliseconds(server_.integer("unclean.leader.election.interval.ms")));
  }
}

}  // namespace ksim
