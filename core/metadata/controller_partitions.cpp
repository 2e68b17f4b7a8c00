// Partitions: what happens to them when brokers come and go, AlterPartition, elections, reassignments (rules
// C17, C32 to C37).

#include <algorithm>
#include <set>

#include "core/base/contains.h"
#include "core/metadata/controller.h"
#include "core/metadata/controller_op.h"

namespace ksim {
namespace {

// Numbers of ElectLeaders' ElectionType.
constexpr int8_t kElectPreferred = 0;
constexpr int8_t kElectUnclean = 1;

std::vector<int32_t> without(const std::vector<int32_t>& ids, int32_t a, int32_t b) {
  std::vector<int32_t> rest;
  for (const int32_t id : ids) {
    if (id != a && id != b) rest.push_back(id);
  }
  return rest;
}

// Told this, the leader goes back to the committed ISR at once: it takes the proposal for one that will never
// come into force. Not copied: Kafka leaves the partition epoch as it is, and so takes a copy of the same
// proposal, which came late over a connection that was given up, when the replica is unfenced again. By then
// the leader may have committed what that replica lacks (R6). A change of nothing makes such a copy too old.
bool settles(ErrorCode refusal) {
  return refusal == ErrorCode::INELIGIBLE_REPLICA || refusal == ErrorCode::OPERATION_NOT_ATTEMPTED;
}

PartitionChange unchanged(const Uuid& topic_id, int32_t partition) {
  PartitionChange change;
  change.topic_id = topic_id;
  change.partition = partition;
  return change;
}

}  // namespace

void Controller::sweep_partitions(Op& op, const PartitionSweep& sweep) {
  const TopicsImage topics = op.image().topics;  // stays while the operation changes its own
  for (const auto& [topic_id, topic] : topics.by_id) {
    std::optional<PartitionContext> shared;  // the topic's settings are looked up once
    bool unclean = false;
    for (const auto& [index, partition] : topic->partitions) {
      if (!sweep.wanted(*partition)) continue;
      if (!shared) {
        shared = context_of(op.image(), *topic, *partition);
        unclean = unclean_enabled(op.image(), topic->name);
      }
      PartitionContext context = *shared;
      context.acceptable = [&, p = partition.get()](int32_t id) {
        if (id == sweep.remove || id == sweep.unclean_shutdown) return false;
        const BrokerRegistration* broker = op.image().broker(id);
        return broker != nullptr && broker->active() && broker->has_online_directory(p->directory_of(id));
      };
      PartitionChangeBuilder builder(*partition, topic_id, index, context);
      builder.target_isr(without(partition->isr, sweep.remove, sweep.unclean_shutdown));
      if (unclean) builder.election(Election::unclean);
      if (sweep.unclean_shutdown != PartitionSweep::kNone)
        builder.unclean_shutdown_of(sweep.unclean_shutdown);
      op.write_change(builder.build());
    }
  }
}

// ---- AlterPartition ----

// Rule C32, in its order; the code alone counts.
Result<void> Controller::check_alter_partition(const MetadataImage& image, int32_t broker,
                                               int16_t api_version, const PartitionRegistration& partition,
                                               const wire::AlterPartitionRequestPartitionData& data) const {
  // A leader that knows more than this controller: it is not the active one any more.
  if (data.leader_epoch > partition.leader_epoch || data.partition_epoch > partition.partition_epoch) {
    return fail(ErrorCode::NOT_CONTROLLER);
  }
  if (data.leader_epoch < partition.leader_epoch) return fail(ErrorCode::FENCED_LEADER_EPOCH);
  if (broker != partition.leader) return fail(ErrorCode::INVALID_REQUEST);
  if (data.partition_epoch < partition.partition_epoch) return fail(ErrorCode::INVALID_UPDATE_VERSION);

  std::vector<wire::BrokerState> members;
  if (api_version >= 3) {
    members.assign(data.new_isr_with_epochs.begin(), data.new_isr_with_epochs.end());
  } else {
    for (const int32_t id : data.new_isr) members.push_back({id, -1});
  }
  std::set<int32_t> ids;
  for (const wire::BrokerState& member : members) {
    if (!partition.is_replica(member.broker_id) || !ids.insert(member.broker_id).second) {
      return fail(ErrorCode::INVALID_REQUEST);
    }
  }
  if (ids.count(partition.leader) == 0) return fail(ErrorCode::INVALID_REQUEST);
  if (data.leader_recovery_state != 0 && data.leader_recovery_state != 1)
    return fail(ErrorCode::INVALID_REQUEST);
  const auto recovery = static_cast<LeaderRecovery>(data.leader_recovery_state);
  if (recovery == LeaderRecovery::recovering && ids.size() > 1) return fail(ErrorCode::INVALID_REQUEST);
  if (partition.recovery == LeaderRecovery::recovered && recovery == LeaderRecovery::recovering) {
    return fail(ErrorCode::INVALID_REQUEST);
  }
  for (const wire::BrokerState& member : members) {
    const BrokerRegistration* registered = image.broker(member.broker_id);
    // A fetch from before it lost the directory may have come later than the word of that, and may look as if
    // the replica had caught up: Apache Kafka takes it in again.
    const bool eligible = registered != nullptr && registered->active() &&
                          (member.broker_epoch == -1 || member.broker_epoch == registered->epoch) &&
                          registered->has_online_directory(partition.directory_of(member.broker_id));
    if (!eligible) {
      return fail(api_version > 1 ? ErrorCode::INELIGIBLE_REPLICA : ErrorCode::OPERATION_NOT_ATTEMPTED);
    }
  }
  return {};
}

ControllerStep Controller::alter_partition(const wire::AlterPartitionRequest& request,
                                           const ControllerRequestInfo& info,
                                           ControllerReply<wire::AlterPartitionResponse>& reply) {
  if (const auto checked = check_broker_epoch(request.broker_id, request.broker_epoch); !checked.ok()) {
    reply.response.error_code = number(checked.error().code);
    return nothing();
  }
  Op op(*this);
  reply.response.topics =
      reply.arena.make_array<wire::AlterPartitionResponseTopicData>(request.topics.size());
  for (size_t t = 0; t < request.topics.size(); ++t) {
    const wire::AlterPartitionRequestTopicData& asked = request.topics[t];
    wire::AlterPartitionResponseTopicData& answer = reply.response.topics[t];
    answer.topic_id = asked.topic_id;
    answer.partitions =
        reply.arena.make_array<wire::AlterPartitionResponsePartitionData>(asked.partitions.size());
    const TopicRef topic = op.image().topic(asked.topic_id);
    for (size_t p = 0; p < asked.partitions.size(); ++p) {
      const wire::AlterPartitionRequestPartitionData& data = asked.partitions[p];
      wire::AlterPartitionResponsePartitionData& result = answer.partitions[p];
      result.partition_index = data.partition_index;
      const PartitionRef partition = op.image().partition(asked.topic_id, data.partition_index);
      if (topic == nullptr || partition == nullptr) {
        result.error_code =
            number(topic == nullptr ? ErrorCode::UNKNOWN_TOPIC_ID : ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        continue;
      }
      const auto checked =
          check_alter_partition(op.image(), request.broker_id, info.api_version, *partition, data);
      if (!checked.ok()) {
        result.error_code = number(checked.error().code);
        if (settles(checked.error().code)) op.write_change(unchanged(topic->id, data.partition_index));
        continue;
      }
      const PartitionContext context = context_of(op.image(), *topic, *partition);
      PartitionChangeBuilder builder(*partition, topic->id, data.partition_index, context);
      std::vector<int32_t> isr(data.new_isr.begin(), data.new_isr.end());
      if (info.api_version >= 3) {
        isr.clear();
        for (const wire::BrokerState& member : data.new_isr_with_epochs) isr.push_back(member.broker_id);
      }
      builder.target_isr(std::move(isr));
      builder.target_recovery(static_cast<LeaderRecovery>(data.leader_recovery_state));
      if (unclean_enabled(op.image(), topic->name)) builder.election(Election::unclean);
      op.write_change(builder.build());
      const PartitionRef after = op.image().partition(topic->id, data.partition_index);
      if (after->leader != request.broker_id) {
        // Rule C33: the change is written, but the one who asked does not lead any more.
        result.error_code =
            number(info.api_version > 1 ? ErrorCode::NEW_LEADER_ELECTED : ErrorCode::FENCED_LEADER_EPOCH);
        continue;
      }
      result.leader_id = after->leader;
      result.leader_epoch = after->leader_epoch;
      result.isr = reply.arena.copy_array(std::span<const int32_t>(after->isr));
      result.leader_recovery_state = static_cast<int8_t>(after->recovery);
      result.partition_epoch = after->partition_epoch;
    }
  }
  return run(op, false);
}

// ---- elections ----

ErrorCode Controller::elect_leader(Op& op, std::string_view topic_name, int32_t index, Election election,
                                   std::string& message) {
  const TopicRef topic = op.image().topic(topic_name);
  if (topic == nullptr) {
    message = "No such topic as " + std::string(topic_name);
    return ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
  }
  const PartitionRef partition = op.image().partition(topic->id, index);
  if (partition == nullptr) {
    message = "No such partition as " + topic->name + "-" + std::to_string(index);
    return ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
  }
  if (election == Election::preferred ? partition->has_preferred_leader() : partition->has_leader()) {
    message = "Leader election not needed for topic partition.";
    return ErrorCode::ELECTION_NOT_NEEDED;
  }
  const PartitionContext context = context_of(op.image(), *topic, *partition);
  PartitionChangeBuilder builder(*partition, topic->id, index, context);
  builder.election(election);
  if (op.write_change(builder.build())) return ErrorCode::NONE;
  return election == Election::preferred ? ErrorCode::PREFERRED_LEADER_NOT_AVAILABLE
                                         : ErrorCode::ELIGIBLE_LEADERS_NOT_AVAILABLE;
}

ControllerStep Controller::elect_leaders(const wire::ElectLeadersRequest& request,
                                         const ControllerRequestInfo&,
                                         ControllerReply<wire::ElectLeadersResponse>& reply) {
  const bool known_type = request.election_type == kElectPreferred || request.election_type == kElectUnclean;
  if (!known_type) reply.response.error_code = number(ErrorCode::INVALID_REQUEST);
  if (!known_type && !request.topic_partitions) return nothing();
  const Election election = request.election_type == kElectUnclean ? Election::unclean : Election::preferred;
  Op op(*this);
  const auto elect = [&](std::string_view topic, int32_t index, wire::PartitionResult& result) {
    std::string message;
    ErrorCode code = ErrorCode::INVALID_REQUEST;
    if (known_type) {
      code = elect_leader(op, topic, index, election, message);
    } else {
      message = "Unknown election type " + std::to_string(request.election_type);
    }
    result.partition_id = index;
    result.error_code = number(code);
    result.error_message = std::nullopt;
    if (!message.empty()) result.error_message = keep(reply, message);
    return code;
  };
  if (request.topic_partitions) {
    const auto asked = *request.topic_partitions;
    reply.response.replica_election_results =
        reply.arena.make_array<wire::ReplicaElectionResult>(asked.size());
    for (size_t t = 0; t < asked.size(); ++t) {
      wire::ReplicaElectionResult& answer = reply.response.replica_election_results[t];
      answer.topic = keep(reply, asked[t].topic);
      answer.partition_result = reply.arena.make_array<wire::PartitionResult>(asked[t].partitions.size());
      for (size_t p = 0; p < asked[t].partitions.size(); ++p) {
        elect(asked[t].topic, asked[t].partitions[p], answer.partition_result[p]);
      }
    }
  } else {
    // Rule C36: of all partitions, those that need no election are left out.
    const TopicsImage topics = op.image().topics;
    reply.response.replica_election_results =
        reply.arena.make_array<wire::ReplicaElectionResult>(topics.by_name.size());
    size_t t = 0;
    for (const auto& [name, id] : topics.by_name) {
      const TopicRef& topic = *topics.by_id.find(id);
      wire::ReplicaElectionResult& answer = reply.response.replica_election_results[t++];
      answer.topic = keep(reply, name);
      answer.partition_result = reply.arena.make_array<wire::PartitionResult>(topic->partitions.size());
      size_t count = 0;
      for (const auto& partition : topic->partitions) {
        const ErrorCode code = elect(name, partition.first, answer.partition_result[count]);
        if (code != ErrorCode::ELECTION_NOT_NEEDED) ++count;
      }
      answer.partition_result = answer.partition_result.first(count);
    }
  }
  if (op.count() > settings_.max_records_per_request) {
    reply.response.replica_election_results = {};
    reply.response.error_code = number(ErrorCode::POLICY_VIOLATION);
    return nothing();
  }
  return run(op, false);
}

ControllerStep Controller::balance_leaders(bool& more) {
  Op op(*this);
  const TopicsImage topics = op.image().topics;
  for (const auto& [id, topic] : topics.by_id) {
    for (const auto& [index, partition] : topic->partitions) {
      if (op.count() >= settings_.max_elections_per_round) break;
      if (partition->has_preferred_leader()) continue;
      const PartitionContext context = context_of(op.image(), *topic, *partition);
      op.write_change(
          PartitionChangeBuilder(*partition, id, index, context).election(Election::preferred).build());
    }
  }
  more = op.count() >= settings_.max_elections_per_round;
  return run(op, false);
}

ControllerStep Controller::elect_unclean_leaders(bool& more) {
  Op op(*this);
  const TopicsImage topics = op.image().topics;
  for (const auto& [id, topic] : topics.by_id) {
    for (const auto& [index, partition] : topic->partitions) {
      if (op.count() >= settings_.max_elections_per_round) break;
      if (partition->has_leader() || !unclean_enabled(op.image(), topic->name)) continue;
      std::string message;
      static_cast<void>(elect_leader(op, topic->name, index, Election::unclean, message));
    }
  }
  more = op.count() >= settings_.max_elections_per_round;
  return run(op, false);
}

// ---- reassignment (rule C34) ----

Result<void> Controller::reassign(Op& op, const ReassignmentRequest& request) {
  const TopicRef topic = op.image().topic(request.topic);
  if (topic == nullptr) {
    return fail(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "Unable to find a topic named " + request.topic + ".");
  }
  const PartitionRef partition = op.image().partition(topic->id, request.partition);
  const std::string where = request.topic + ":" + std::to_string(request.partition);
  if (partition == nullptr) {
    return fail(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "Unable to find partition " + where + ".");
  }
  const bool unclean_allowed = unclean_enabled(op.image(), topic->name);
  const PartitionContext context = context_of(op.image(), *topic, *partition);
  PartitionChangeBuilder builder(*partition, topic->id, request.partition, context);
  if (!request.replicas) {
    if (!partition->reassigning()) {
      return fail(ErrorCode::NO_REASSIGNMENT_IN_PROGRESS, "No partition reassignment is in progress.");
    }
    ReassignmentRevert revert = revert_reassignment(*partition);
    if (revert.unclean) {
      // An eligible replica has all committed records, which the first replica may not have.
      const bool eligible_left =
          context.elr_enabled && std::any_of(partition->elr.begin(), partition->elr.end(),
                                             [&](int32_t id) { return contains(revert.replicas, id); });
      if (!eligible_left && !unclean_allowed) {
        return fail(ErrorCode::INVALID_REPLICA_ASSIGNMENT,
                    "Unable to revert partition assignment for " + where +
                        " because it would require an unclean leader election.");
      }
      // With ELR the election itself finds who may lead and says so; without, the ISR cannot be empty.
      if (context.elr_enabled) revert.isr.clear();
    }
    if (unclean_allowed) builder.election(Election::unclean);
    builder.target_isr(std::move(revert.isr)).target_replicas(std::move(revert.replicas));
    builder.target_removing({}).target_adding({});
    op.write_change(builder.build());
    return {};
  }
  TRY(check_manual_assignment(op.image(), *request.replicas, std::nullopt));
  Reassignment target = start_reassignment(*partition, *request.replicas);
  builder.target_replicas(std::move(target.replicas));
  builder.target_removing(std::move(target.removing)).target_adding(std::move(target.adding));
  op.write_change(builder.build());
  return {};
}

ControllerStep Controller::alter_reassignments(const std::vector<ReassignmentRequest>& requests,
                                               std::vector<Result<void>>& reply) {
  Op op(*this);
  reply.clear();
  for (const ReassignmentRequest& request : requests) reply.push_back(reassign(op, request));
  if (op.count() > settings_.max_records_per_request) {
    for (Result<void>& each : reply)
      each = fail(ErrorCode::POLICY_VIOLATION, "Unable to perform excessively large batch operation.");
    return nothing();
  }
  return run(op, true);
}

}  // namespace ksim
