#include "sim/workloads/raw_wire.h"

#include <fmt/format.h>

#include "core/wire/messages/fetch.h"
#include "core/wire/messages/list_offsets.h"
#include "core/wire/messages/metadata.h"
#include "sim/workloads/client_config.h"

namespace ksim::sim {

RawWire::RawWire(WorkloadState& state, const RawDriverPlan& plan, uint32_t number, Env& env)
    : state_(state),
      plan_(plan),
      number_(number),
      env_(env),
      topic_(*state.topic(plan.topic)),
      dice_(env.random, Stream::workload, mix64(number, 3)),
      bootstrap_(parse_endpoints(state.bootstrap)),
      controllers_(parse_endpoints(state.controllers)) {}

PartitionId RawWire::partition_id(int32_t partition) {
  return state_.observer.names().id(topic_.name, partition);
}

rpc::RpcConnection* RawWire::reach(const Endpoint& endpoint) {
  std::unique_ptr<rpc::RpcConnection>& link = links_[endpoint];
  if (link != nullptr && link->is_usable()) return link.get();
  link.reset();
  rpc::RpcClientConfig config;
  config.client_id = plan_.name;
  config.purpose = "raw";
  auto opened = rpc::RpcConnection::open(env_, endpoint, config, env_.after(seconds(3)));
  if (opened.ok()) link = std::move(*opened);
  return link.get();
}

rpc::RpcConnection* RawWire::broker(int32_t id) {
  const auto known = brokers_.find(id);
  return known == brokers_.end() ? nullptr : reach(known->second);
}

void RawWire::hang_up(int32_t broker) {
  const auto known = brokers_.find(broker);
  if (known != brokers_.end()) links_.erase(known->second);
}

std::vector<int32_t> RawWire::named() const {
  std::vector<int32_t> ids;
  for (const auto& [id, endpoint] : brokers_) ids.push_back(id);
  return ids;
}

bool RawWire::learn() {
  rpc::RpcConnection* const link = reach(bootstrap_[dice_.below(bootstrap_.size())]);
  return link != nullptr && learn_from(*link);
}

bool RawWire::learn_from(rpc::RpcConnection& link) {
  wire::MetadataRequestTopic asked;
  asked.name = topic_.name;
  wire::MetadataRequest request;
  request.topics = std::span(&asked, 1);
  request.allow_auto_topic_creation = false;
  const auto reply = ask(link, request, wire::MetadataRequest::kMaxVersion);
  if (!reply || (*reply)->topics.empty() || (*reply)->topics[0].error_code != 0) return false;
  brokers_.clear();
  for (const wire::MetadataResponseBroker& broker : (*reply)->brokers)
    brokers_[broker.node_id] = {std::string(broker.host), static_cast<uint16_t>(broker.port)};
  const wire::MetadataResponseTopic& topic = (*reply)->topics[0];
  if (topic.topic_id != topic_id_) targets_.clear();
  topic_id_ = topic.topic_id;
  for (const wire::MetadataResponsePartition& partition : topic.partitions) {
    // As every client (K2): what an older leader or a broker that lags behind believes is no news, also where
    // nobody leads by now.
    const auto known = targets_.find(partition.partition_index);
    if (known != targets_.end() && known->second.epoch > partition.leader_epoch) continue;
    targets_[partition.partition_index] = {partition.partition_index,
                                           partition.leader_id,
                                           partition.leader_epoch,
                                           {partition.replica_nodes.begin(), partition.replica_nodes.end()}};
  }
  return true;
}

std::optional<RawTarget> RawWire::target(int32_t partition) const {
  const auto known = targets_.find(partition);
  return known == targets_.end() || known->second.leader < 0 ? std::nullopt : std::optional(known->second);
}

std::optional<ErrorCode> RawWire::leads(rpc::RpcConnection& link, const RawTarget& target) {
  wire::ListOffsetsPartition partition;
  partition.partition_index = target.partition;
  partition.current_leader_epoch = target.epoch;
  partition.timestamp = -2;  // earliest: answered even while the high watermark is not yet known
  wire::ListOffsetsTopic topic;
  topic.name = topic_.name;
  topic.partitions = std::span(&partition, 1);
  wire::ListOffsetsRequest request;
  request.replica_id = -1;
  request.topics = std::span(&topic, 1);
  const auto reply = ask(link, request, wire::ListOffsetsRequest::kMaxVersion);
  if (!reply || (*reply)->topics.empty() || (*reply)->topics[0].partitions.empty()) return std::nullopt;
  return error_code_of((*reply)->topics[0].partitions[0].error_code);
}

bool RawWire::has_replica(rpc::RpcConnection& link, const RawTarget& target) {
  wire::FetchPartition partition;
  partition.partition = target.partition;
  partition.current_leader_epoch = target.epoch;
  wire::FetchTopic topic;
  topic.topic_id = topic_id_;
  topic.partitions = std::span(&partition, 1);
  wire::FetchRequest request;
  request.topics = std::span(&topic, 1);
  const auto reply = ask(link, request, wire::FetchRequest::kMaxVersion);
  if (!reply || (*reply)->responses.empty() || (*reply)->responses[0].partitions.empty()) return false;
  const ErrorCode error = error_code_of((*reply)->responses[0].partitions[0].error_code);
  return error == ErrorCode::NONE || error == ErrorCode::OFFSET_OUT_OF_RANGE;
}

ForgedRequest RawWire::forgery(const RawTarget& target, int32_t broker, std::string request,
                               std::string_view rule, std::vector<ErrorCode> permitted) const {
  ForgedRequest forged;
  forged.client = number_;
  forged.subject = fmt::format("{}-{} at broker {}", topic_.name, target.partition, broker);
  forged.broker = broker;
  forged.request = std::move(request);
  forged.rule = rule;
  forged.permitted = std::move(permitted);
  return forged;
}

void RawWire::judge(ForgedRequest forged) {
  forged.at = state_.world.now();
  state_.observer.on_forged(forged);
}

}  // namespace ksim::sim
