// Brokers: registration, heartbeats, fencing, shutdown, directories (rules C9 to C21), and what they ask of
// the controller for themselves (C43).

#include <algorithm>

#include "core/base/contains.h"
#include "core/metadata/controller.h"
#include "core/metadata/controller_op.h"

namespace ksim {
namespace {

Result<void> check_features(const wire::BrokerRegistrationRequest& request, const FeaturesImage& features) {
  const auto range_of = [&](std::string_view name) {
    for (const wire::BrokerRegistrationRequestFeature& feature : request.features) {
      if (feature.name == name)
        return VersionRange{feature.min_supported_version, feature.max_supported_version};
    }
    return VersionRange{};
  };
  const auto check = [&](std::string_view name) -> Result<void> {
    const int16_t level = features.level(name);
    const VersionRange range = range_of(name);
    if (range.contains(level)) return {};
    return fail(ErrorCode::UNSUPPORTED_VERSION,
                "Unable to register because the broker does not support finalized version " +
                    std::to_string(level) + " of " + std::string(name) +
                    ". The broker wants a version between " + std::to_string(range.min) + " and " +
                    std::to_string(range.max) + ", inclusive.");
  };
  TRY(check(kMetadataVersionFeature));
  for (const wire::BrokerRegistrationRequestFeature& feature : request.features) TRY(check(feature.name));
  for (const auto& [name, level] : features.finalized) TRY(check(name));
  return {};
}

Result<void> check_directories(const wire::BrokerRegistrationRequest& request, const MetadataImage& image) {
  const auto invalid = [](std::string why) { return fail(ErrorCode::INVALID_REGISTRATION, std::move(why)); };
  if (request.log_dirs.empty()) return invalid("No directories specified in request");
  for (size_t i = 0; i < request.log_dirs.size(); ++i) {
    const Uuid& directory = request.log_dirs[i];
    if (directory.is_reserved()) return invalid("Reserved directory ID in request");
    if (contains(request.log_dirs.first(i), directory)) return invalid("Duplicate directory ID in request");
    for (const auto& [id, broker] : image.cluster.brokers) {
      if (id != request.broker_id && contains(broker->directories, directory)) {
        return invalid("Broker " + std::to_string(id) + " is already registered with directory " +
                       directory.to_string());
      }
    }
  }
  return {};
}

}  // namespace

// ---- registration ----

Result<void> Controller::check_registration(const wire::BrokerRegistrationRequest& request,
                                            Instant now) const {
  if (request.cluster_id != settings_.cluster_id) {
    return fail(ErrorCode::INCONSISTENT_CLUSTER_ID, "Expected cluster ID " + settings_.cluster_id +
                                                        ", but got cluster ID " +
                                                        std::string(request.cluster_id));
  }
  const BrokerRegistration* existing = image().broker(request.broker_id);
  if (existing != nullptr && existing->incarnation_id != request.incarnation_id &&
      !existing->in_controlled_shutdown && sessions_.valid(existing->id, existing->epoch, now)) {
    return fail(ErrorCode::DUPLICATE_BROKER_REGISTRATION,
                "Another broker is registered with that broker id.");
  }
  if (request.is_migrating_zk_broker) {
    return fail(ErrorCode::BROKER_ID_NOT_REGISTERED, "Controller does not support registering ZK brokers.");
  }
  if (image().features.metadata_version >= kMetadataVersion37Iv2) TRY(check_directories(request, image()));
  return check_features(request, image().features);
}

ControllerStep Controller::register_broker(const wire::BrokerRegistrationRequest& request,
                                           const ControllerRequestInfo& info,
                                           ControllerReply<wire::BrokerRegistrationResponse>& reply) {
  if (const auto checked = check_registration(request, info.now); !checked.ok()) {
    reply.response.error_code = number(checked.error().code);
    return nothing();
  }
  Op op(*this);
  const int32_t id = request.broker_id;
  const BrokerRef* found = op.image().cluster.brokers.find(id);
  const BrokerRef existing = found == nullptr ? nullptr : *found;
  const bool same_incarnation = existing != nullptr && existing->incarnation_id == request.incarnation_id;
  if (!same_incarnation) {
    const bool clean = existing != nullptr && request.previous_broker_epoch == existing->epoch;
    if (clean) op.registered_clean(id);
    write_shutdown_cleanup(op, id, clean);
  }
  std::vector<wire::BrokerEndpoint> endpoints;
  for (const wire::BrokerRegistrationRequestListener& listener : request.listeners) {
    endpoints.push_back({listener.name, listener.host, listener.port, listener.security_protocol});
  }
  std::vector<wire::BrokerFeature> features;
  for (const wire::BrokerRegistrationRequestFeature& feature : request.features) {
    features.push_back({feature.name, feature.min_supported_version, feature.max_supported_version});
  }
  wire::RegisterBrokerRecord record;
  record.broker_id = id;
  record.incarnation_id = request.incarnation_id;
  record.end_points = endpoints;
  record.features = features;
  record.rack = request.rack;
  const int16_t version = register_broker_record_version(op.metadata_version());
  if (version >= 3) record.log_dirs = request.log_dirs;
  // Rule C9.
  record.broker_epoch = same_incarnation ? existing->epoch : op.next_offset();
  record.fenced = same_incarnation ? existing->fenced : true;
  record.in_controlled_shutdown = same_incarnation && existing->in_controlled_shutdown;
  op.write(record, version);
  sessions_.registered(id, record.broker_epoch, info.now);
  reply.response.broker_epoch = record.broker_epoch;
  return run(op, true);
}

// Rule C11: what an earlier incarnation leaves behind.
void Controller::write_shutdown_cleanup(Op& op, int32_t broker, bool clean) {
  const bool elr = op.image().features.elr_enabled();
  PartitionSweep sweep;
  if (clean || !elr) {
    sweep.remove = broker;
    sweep.wanted = [broker](const PartitionRegistration& partition) { return partition.in_isr(broker); };
    sweep_partitions(op, sweep);
  }
  if (clean) return;
  // Eligible replicas may be left from before the feature was switched off.
  sweep.remove = PartitionSweep::kNone;
  sweep.unclean_shutdown = broker;
  sweep.wanted = [broker, elr](const PartitionRegistration& partition) {
    return (elr && partition.in_isr(broker)) || contains(partition.elr, broker);
  };
  sweep_partitions(op, sweep);
}

ControllerStep Controller::unregister_broker(const wire::UnregisterBrokerRequest& request,
                                             const ControllerRequestInfo&,
                                             ControllerReply<wire::UnregisterBrokerResponse>& reply) {
  reply.response.error_message = std::nullopt;
  const BrokerRegistration* broker = image().broker(request.broker_id);
  if (broker == nullptr) {
    reply.response.error_code = number(ErrorCode::BROKER_ID_NOT_REGISTERED);
    reply.response.error_message =
        keep(reply, "Broker ID " + std::to_string(request.broker_id) + " is not currently registered");
    return nothing();
  }
  Op op(*this);
  const int32_t id = broker->id;
  const int64_t epoch = broker->epoch;
  PartitionSweep sweep;
  sweep.remove = id;
  sweep.wanted = [id](const PartitionRegistration& partition) {
    return partition.in_isr(id) || contains(partition.elr, id);
  };
  sweep_partitions(op, sweep);
  if (op.count() >= settings_.max_records_per_request) {
    reply.response.error_code = number(ErrorCode::POLICY_VIOLATION);
    reply.response.error_message = "Unable to perform excessively large batch operation.";
    return nothing();
  }
  wire::UnregisterBrokerRecord record;
  record.broker_id = id;
  record.broker_epoch = epoch;
  op.write(record, 0);
  sessions_.forget(id);
  return run(op, false);
}

ControllerStep Controller::register_controller(const wire::ControllerRegistrationRequest& request,
                                               const ControllerRequestInfo&,
                                               ControllerReply<wire::ControllerRegistrationResponse>& reply) {
  reply.response.error_message = std::nullopt;
  if (image().features.metadata_version < kMetadataVersion37Iv0) {
    reply.response.error_code = number(ErrorCode::UNSUPPORTED_VERSION);
    reply.response.error_message =
        "The current MetadataVersion is too old to support controller registrations.";
    return nothing();
  }
  Op op(*this);
  std::vector<wire::ControllerEndpoint> endpoints;
  for (const wire::ControllerRegistrationRequestListener& listener : request.listeners) {
    endpoints.push_back({listener.name, listener.host, listener.port, listener.security_protocol});
  }
  std::vector<wire::ControllerFeature> features;
  for (const wire::ControllerRegistrationRequestFeature& feature : request.features) {
    features.push_back({feature.name, feature.min_supported_version, feature.max_supported_version});
  }
  wire::RegisterControllerRecord record;
  record.controller_id = request.controller_id;
  record.incarnation_id = request.incarnation_id;
  record.end_points = endpoints;
  record.features = features;
  op.write(record, 0);
  return run(op, true);
}

// ---- liveness ----

ControllerStep Controller::heartbeat(const wire::BrokerHeartbeatRequest& request,
                                     const ControllerRequestInfo& info,
                                     ControllerReply<wire::BrokerHeartbeatResponse>& reply) {
  using State = BrokerControlState;
  if (const auto checked = check_broker_epoch(request.broker_id, request.broker_epoch); !checked.ok()) {
    reply.response.error_code = number(checked.error().code);
    return nothing();
  }
  Op op(*this);
  const int32_t id = request.broker_id;
  const BrokerRegistration& broker = *op.image().broker(id);
  const std::optional<int64_t> shutdown_offset = sessions_.shutdown_offset(id);
  const State current = shutdown_offset ? State::controlled_shutdown
                        : broker.fenced ? State::fenced
                                        : State::unfenced;
  bool leads = false;
  if (current == State::controlled_shutdown || (current == State::unfenced && request.want_shut_down)) {
    for (const auto& topic : op.image().topics.by_id) {
      for (const auto& partition : topic.second->partitions) leads = leads || partition.second->leader == id;
    }
  }
  const HeartbeatWish wish{request.want_fence, request.want_shut_down, request.current_metadata_offset};
  const State next = next_broker_state(current, wish, request.broker_epoch, leads, shutdown_offset,
                                       sessions_.lowest_active_offset(op.image()));
  if (next != current) {
    wire::BrokerRegistrationChangeRecord change;
    change.broker_id = id;
    change.broker_epoch = request.broker_epoch;
    PartitionSweep sweep;
    switch (next) {
      case State::fenced:
      case State::shutdown_now:
        write_fencing(op, id, next == State::fenced ? "asked to be fenced" : "shut down");
        break;
      case State::unfenced:
        // Rule C17: first it counts as active, then it may take what nobody leads.
        change.fenced = -1;
        op.write(change, 0);
        sweep.wanted = [](const PartitionRegistration& partition) { return !partition.has_leader(); };
        sweep_partitions(op, sweep);
        break;
      case State::controlled_shutdown:
        // Rule C15.
        if (!broker.in_controlled_shutdown) {
          change.in_controlled_shutdown = 1;
          op.write(change, 1);
        }
        sweep.remove = id;
        sweep.wanted = [id](const PartitionRegistration& partition) { return partition.in_isr(id); };
        sweep_partitions(op, sweep);
        break;
    }
  }
  sessions_.heartbeat(id, request.broker_epoch, info.now, request.current_metadata_offset);
  const bool fenced = next == State::fenced || next == State::shutdown_now;
  if (fenced) sessions_.fenced(id);
  // It promised to be gone, so its next incarnation need not wait for a session to run out.
  if (next == State::shutdown_now) sessions_.forget(id);
  if (op.metadata_version() >= kMetadataVersion37Iv2)
    write_offline_directories(op, id, request.offline_log_dirs);
  if (next == State::controlled_shutdown) sessions_.entered_shutdown(id, op.next_offset() - 1);
  reply.response.is_caught_up = request.current_metadata_offset >= request.broker_epoch;
  reply.response.is_fenced = fenced;
  reply.response.should_shut_down = next == State::shutdown_now;
  return run(op, false);
}

void Controller::expired_heartbeat(const wire::BrokerHeartbeatRequest& request, Instant now) {
  if (active_ && check_broker_epoch(request.broker_id, request.broker_epoch).ok()) {
    sessions_.contact(request.broker_id, request.broker_epoch, now);
  }
}

// Rule C17: leadership and ISR places go first, then the registration says so.
void Controller::write_fencing(Op& op, int32_t broker, std::string_view reason) {
  const BrokerRegistration* registered = op.image().broker(broker);
  if (registered->fenced) return;
  wire::BrokerRegistrationChangeRecord change;
  change.broker_id = broker;
  change.broker_epoch = registered->epoch;
  change.fenced = 1;
  PartitionSweep sweep;
  sweep.remove = broker;
  sweep.wanted = [broker](const PartitionRegistration& partition) { return partition.in_isr(broker); };
  sweep_partitions(op, sweep);
  op.write(change, 0);
  op.fence_reason(reason);
}

ControllerStep Controller::fence_one_stale_broker(Instant now) {
  const std::optional<int32_t> stale = sessions_.stalest(image(), now);
  if (!stale) return nothing();
  Op op(*this);
  write_fencing(op, *stale, "session timed out");
  sessions_.fenced(*stale);
  return run(op, false);
}

// ---- directories ----

// Rule C20.
void Controller::write_offline_directories(Op& op, int32_t broker, std::span<const Uuid> offline) {
  std::vector<Uuid> newly_offline;
  std::vector<Uuid> online;
  for (const Uuid& directory : op.image().broker(broker)->directories) {
    (contains(offline, directory) ? newly_offline : online).push_back(directory);
  }
  if (newly_offline.empty()) return;
  PartitionSweep sweep;
  sweep.remove = broker;
  sweep.wanted = [broker, &newly_offline](const PartitionRegistration& partition) {
    return partition.is_replica(broker) && contains(newly_offline, partition.directory_of(broker));
  };
  sweep_partitions(op, sweep);
  wire::BrokerRegistrationChangeRecord change;
  change.broker_id = broker;
  change.broker_epoch = op.image().broker(broker)->epoch;
  change.log_dirs = online;
  op.write(change, 2);
}

ControllerStep Controller::assign_directories(int32_t broker, int64_t broker_epoch,
                                              const std::vector<DirectoryAssignment>& assignments,
                                              Result<std::vector<ErrorCode>>& reply) {
  if (auto checked = check_broker_epoch(broker, broker_epoch); !checked.ok()) {
    reply = fail(std::move(checked).error());
    return nothing();
  }
  if (image().features.metadata_version < kMetadataVersion37Iv2) {
    reply = fail(ErrorCode::UNSUPPORTED_VERSION, "Directory assignment is not supported yet.");
    return nothing();
  }
  Op op(*this);
  std::vector<ErrorCode> codes;
  for (const DirectoryAssignment& assignment : assignments) {
    const TopicRef topic = op.image().topic(assignment.topic_id);
    const PartitionRef partition = op.image().partition(assignment.topic_id, assignment.partition);
    if (topic == nullptr || partition == nullptr) {
      codes.push_back(topic == nullptr ? ErrorCode::UNKNOWN_TOPIC_ID : ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
      continue;
    }
    if (!partition->is_replica(broker)) {
      codes.push_back(ErrorCode::NOT_LEADER_OR_FOLLOWER);
      continue;
    }
    codes.push_back(ErrorCode::NONE);
    PartitionContext context = context_of(op.image(), *topic, *partition);
    const bool online = op.image().broker(broker)->has_online_directory(assignment.directory);
    const LeaderCheck before = context.acceptable;
    context.acceptable = [&](int32_t id) {
      return id == broker ? online && op.image().broker_active(id) : before(id);
    };
    PartitionChangeBuilder builder(*partition, topic->id, assignment.partition, context);
    builder.directory(broker, assignment.directory);
    if (!online) {
      if (unclean_enabled(op.image(), topic->name)) builder.election(Election::unclean);
      std::vector<int32_t> isr;
      for (const int32_t member : partition->isr) {
        if (member != broker) isr.push_back(member);
      }
      builder.target_isr(std::move(isr));
    }
    op.write_change(builder.build());
  }
  reply = std::move(codes);
  return run(op, false);
}

// ---- producer ids ----

ControllerStep Controller::allocate_producer_ids(const wire::AllocateProducerIdsRequest& request,
                                                 const ControllerRequestInfo&,
                                                 ControllerReply<wire::AllocateProducerIdsResponse>& reply) {
  const int64_t start = image().next_producer_id;
  ErrorCode code = ErrorCode::NONE;
  if (const auto checked = check_broker_epoch(request.broker_id, request.broker_epoch); !checked.ok()) {
    code = checked.error().code;
  } else if (start > INT64_MAX - settings_.producer_id_block) {
    code = ErrorCode::UNKNOWN_SERVER_ERROR;
  }
  reply.response.error_code = number(code);
  if (code != ErrorCode::NONE) return nothing();
  Op op(*this);
  wire::ProducerIdsRecord record;
  record.broker_id = request.broker_id;
  record.broker_epoch = request.broker_epoch;
  record.next_producer_id = start + settings_.producer_id_block;
  op.write(record, 0);
  reply.response.producer_id_start = start;
  reply.response.producer_id_len = static_cast<int32_t>(settings_.producer_id_block);
  return run(op, true);
}

}  // namespace ksim
