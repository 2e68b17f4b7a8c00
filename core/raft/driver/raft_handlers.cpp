// Requests of other nodes: from the wire to the core and back. The answer of a fetch is completed here, with
// records read once the core has let it out.

#include "core/base/assert.h"
#include "core/raft/driver/raft_client.h"
#include "core/raft/driver/wire_requests.h"
#include "core/raft/driver/wire_responses.h"

namespace ksim::raft {

RaftClient::Waiter::Waiter(RaftClient& client, uint64_t ticket)
    : answered(client.env_.scheduler), client_(client), ticket_(ticket) {
  client_.waiters_[ticket] = this;
}

RaftClient::Waiter::~Waiter() { client_.waiters_.erase(ticket_); }

Result<Response> RaftClient::Waiter::wait() {
  while (!response) {
    if (client_.closed_ || client_.failure_)
      return fail(ErrorCode::BROKER_NOT_AVAILABLE, "the quorum has stopped");
    static_cast<void>(answered.wait(Instant::never(), "raft answer"));
  }
  return std::move(*response);
}

Result<Response> RaftClient::ask_core(Request request) {
  if (!started_ || closed_ || failure_)
    return fail(ErrorCode::BROKER_NOT_AVAILABLE, "the quorum does not run here");
  const uint64_t ticket = ++last_ticket_;
  Waiter waiter(*this, ticket);
  apply(RequestIn{ticket, std::move(request)});
  return waiter.wait();
}

namespace {

template <class Wire>
Wire refused(const Error& error) {
  Wire response;
  response.error_code = static_cast<int16_t>(error.code);
  return response;
}

// What was read is the answer only if this is still the log the core spoke of.
bool still_leads(const Node& node, int32_t epoch) { return node.is_leader() && node.epoch() == epoch; }

}  // namespace

wire::VoteResponse RaftClient::handle(const wire::VoteRequest& request, wire::Arena& arena) {
  const Result<VoteRequest> in = from_wire(request, options_.quorum);
  if (!in.ok()) return refused<wire::VoteResponse>(in.error());
  const Result<Response> out = ask_core(*in);
  if (!out.ok()) return refused<wire::VoteResponse>(out.error());
  return to_wire(std::get<VoteResponse>(*out), options_.quorum, arena);
}

wire::BeginQuorumEpochResponse RaftClient::handle(const wire::BeginQuorumEpochRequest& request,
                                                  wire::Arena& arena) {
  const Result<BeginQuorumEpochRequest> in = from_wire(request, options_.quorum);
  if (!in.ok()) return refused<wire::BeginQuorumEpochResponse>(in.error());
  const Result<Response> out = ask_core(*in);
  if (!out.ok()) return refused<wire::BeginQuorumEpochResponse>(out.error());
  return to_wire(std::get<BeginQuorumEpochResponse>(*out), options_.quorum, arena);
}

wire::EndQuorumEpochResponse RaftClient::handle(const wire::EndQuorumEpochRequest& request,
                                                wire::Arena& arena) {
  const Result<EndQuorumEpochRequest> in = from_wire(request, options_.quorum);
  if (!in.ok()) return refused<wire::EndQuorumEpochResponse>(in.error());
  const Result<Response> out = ask_core(*in);
  if (!out.ok()) return refused<wire::EndQuorumEpochResponse>(out.error());
  return to_wire(std::get<EndQuorumEpochResponse>(*out), options_.quorum, arena);
}

wire::FetchResponse RaftClient::handle(const wire::FetchRequest& request, wire::Arena& arena,
                                       ByteBuffer& records) {
  const Result<FetchRequest> in = from_wire(request, options_.quorum);
  if (!in.ok()) return refused<wire::FetchResponse>(in.error());
  Result<Response> out = ask_core(*in);
  if (!out.ok()) return refused<wire::FetchResponse>(out.error());
  auto& response = std::get<FetchResponse>(*out);
  records.clear();
  if (const auto& end = response.diverging_epoch; end && still_leads(node_, response.leader_epoch)) {
    env_.emit(EpochEndTold{kMetadataDirectory, kMetadataTopicId, 0, in->last_fetched_epoch, end->epoch,
                           end->offset});
  }
  if (response.read) {
    const int64_t most = std::clamp<int64_t>(response.read->max_bytes, 1, options_.node.max_fetch_bytes);
    Result<LogChunk> chunk = log_->read(response.read->from, most);
    // A leader that cannot read its log must not go on: its followers would wait for it for ever.
    if (!chunk.ok() && chunk.error().code != ErrorCode::OFFSET_OUT_OF_RANGE) failed(chunk.error());
    if (!still_leads(node_, response.leader_epoch) || !chunk.ok()) {
      FetchResponse gone;
      gone.error = ErrorCode::NOT_LEADER_OR_FOLLOWER;
      gone.leader_epoch = node_.epoch();
      gone.leader_id = node_.leader_id().value_or(kNoNode);
      return to_wire(gone, {}, options_.quorum, arena);
    }
    records = std::move(chunk).value().bytes;
  }
  return to_wire(response, records, options_.quorum, arena);
}

wire::FetchSnapshotResponse RaftClient::handle(const wire::FetchSnapshotRequest& request, wire::Arena& arena,
                                               ByteBuffer& bytes) {
  const Result<FetchSnapshotRequest> in = from_wire(request, options_.quorum);
  if (!in.ok()) return refused<wire::FetchSnapshotResponse>(in.error());
  Result<Response> out = ask_core(*in);
  if (!out.ok()) return refused<wire::FetchSnapshotResponse>(out.error());
  auto& response = std::get<FetchSnapshotResponse>(*out);
  bytes.clear();
  if (response.read) {
    Result<ByteBuffer> chunk = log_->read_snapshot(*response.read);
    if (chunk.ok()) {
      bytes = std::move(chunk).value();
    } else {
      response.error = chunk.error().code == ErrorCode::POSITION_OUT_OF_RANGE
                           ? ErrorCode::POSITION_OUT_OF_RANGE
                           : ErrorCode::SNAPSHOT_NOT_FOUND;
    }
  }
  return to_wire(response, bytes, options_.quorum, arena);
}

void RaftClient::fill_describe(const Leader& leader, wire::DescribeQuorumResponsePartitionData& partition,
                               wire::Arena& arena) const {
  const int64_t wall_ms = env_.clock.wall().ms();
  const Instant now = env_.now();
  const auto wall = [&](const std::optional<Instant>& at) {
    return at ? wall_ms - (now - *at).ms() : int64_t{-1};
  };
  const auto states = [&](const std::vector<ReplicaProgress>& replicas) {
    const auto out = arena.make_array<wire::DescribeQuorumResponseReplicaState>(replicas.size());
    for (size_t i = 0; i < replicas.size(); ++i) {
      const ReplicaProgress& replica = replicas[i];
      const bool self = replica.key.id == node_id();
      out[i].replica_id = replica.key.id;
      out[i].replica_directory_id = replica.key.directory;
      out[i].log_end_offset = self ? node_.log().end_offset() : replica.end_offset;
      out[i].last_fetch_timestamp = self ? wall_ms : wall(replica.last_fetch);
      out[i].last_caught_up_timestamp = self ? wall_ms : wall(replica.last_caught_up);
    }
    return out;
  };
  partition.leader_id = node_id();
  partition.leader_epoch = node_.epoch();
  partition.high_watermark = leader.high_watermark().value_or(-1);
  partition.current_voters = states(leader.voters());
  partition.observers = states(leader.observers());
}

// Each partition that was asked for is unknown here.
static void fill_unknown(const wire::DescribeQuorumRequest& request, wire::DescribeQuorumResponse& response,
                         wire::Arena& arena) {
  response.topics = arena.make_array<wire::DescribeQuorumResponseTopicData>(request.topics.size());
  for (size_t t = 0; t < request.topics.size(); ++t) {
    const auto& asked = request.topics[t];
    auto& topic = response.topics[t];
    topic.topic_name = asked.topic_name;
    topic.partitions = arena.make_array<wire::DescribeQuorumResponsePartitionData>(asked.partitions.size());
    for (size_t p = 0; p < asked.partitions.size(); ++p) {
      topic.partitions[p].partition_index = asked.partitions[p].partition_index;
      topic.partitions[p].error_code = static_cast<int16_t>(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
      topic.partitions[p].error_message = "Only __cluster_metadata-0 has a quorum.";
    }
  }
}

wire::DescribeQuorumResponse RaftClient::handle(const wire::DescribeQuorumRequest& request,
                                                wire::Arena& arena) const {
  wire::DescribeQuorumResponse response;
  response.error_message = std::nullopt;
  const bool known = request.topics.size() == 1 && request.topics[0].partitions.size() == 1 &&
                     request.topics[0].topic_name == kMetadataTopic &&
                     request.topics[0].partitions[0].partition_index == 0;
  if (!known) {
    fill_unknown(request, response, arena);
    return response;
  }
  const Leader* leader = node_.leader();
  if (leader == nullptr || closed_ || failure_) {
    response.error_code = static_cast<int16_t>(ErrorCode::NOT_LEADER_OR_FOLLOWER);
    return response;
  }
  response.topics = arena.make_array<wire::DescribeQuorumResponseTopicData>(1);
  response.topics[0].topic_name = kMetadataTopic;
  response.topics[0].partitions = arena.make_array<wire::DescribeQuorumResponsePartitionData>(1);
  auto& partition = response.topics[0].partitions[0];
  partition.error_message = std::nullopt;
  fill_describe(*leader, partition, arena);
  response.nodes = arena.make_array<wire::Node>(options_.quorum.voters.size());
  size_t i = 0;
  for (const auto& [id, endpoint] : options_.quorum.voters) {
    wire::Node& node = response.nodes[i++];
    node.node_id = id;
    node.listeners = arena.make_array<wire::DescribeQuorumResponseListener>(1);
    node.listeners[0].name = options_.quorum.listener;
    node.listeners[0].host = endpoint.host;
    node.listeners[0].port = endpoint.port;
  }
  return response;
}

void RaftClient::register_handlers(rpc::HandlerTable& table) {
  table.on<wire::VoteRequest>([this](const wire::VoteRequest& request, rpc::IncomingRequest& in,
                                     rpc::ResponseSlot slot) { slot.respond(handle(request, in.arena)); });
  table.on<wire::BeginQuorumEpochRequest>(
      [this](const wire::BeginQuorumEpochRequest& request, rpc::IncomingRequest& in, rpc::ResponseSlot slot) {
        slot.respond(handle(request, in.arena));
      });
  table.on<wire::EndQuorumEpochRequest>(
      [this](const wire::EndQuorumEpochRequest& request, rpc::IncomingRequest& in, rpc::ResponseSlot slot) {
        slot.respond(handle(request, in.arena));
      });
  table.on<wire::FetchRequest>(
      [this](const wire::FetchRequest& request, rpc::IncomingRequest& in, rpc::ResponseSlot slot) {
        ByteBuffer records;
        slot.respond(handle(request, in.arena, records));
      });
  table.on<wire::FetchSnapshotRequest>(
      [this](const wire::FetchSnapshotRequest& request, rpc::IncomingRequest& in, rpc::ResponseSlot slot) {
        ByteBuffer bytes;
        slot.respond(handle(request, in.arena, bytes));
      });
  table.on<wire::DescribeQuorumRequest>(
      [this](const wire::DescribeQuorumRequest& request, rpc::IncomingRequest& in, rpc::ResponseSlot slot) {
        slot.respond(handle(request, in.arena));
      });
}

}  // namespace ksim::raft
