#include "sim/workloads/raw_intruder.h"

#include <fmt/format.h>

#include "core/wire/header.h"
#include "core/wire/messages/alter_partition.h"
#include "core/wire/messages/api_versions.h"
#include "core/wire/messages/broker_heartbeat.h"
#include "core/wire/messages/broker_registration.h"
#include "core/wire/messages/fetch.h"

namespace ksim::sim {
namespace {

constexpr int64_t kPastEpoch = 0;  // no registration is the metadata log's first record
constexpr int64_t kFutureEpoch = int64_t{1} << 60;
constexpr int32_t kNoBroker = 4'711;

}  // namespace

void RawIntruder::act() { return wire_.dice().below(2) == 0 ? false_broker() : false_frame(); }

void RawIntruder::judge_controller(const Endpoint& controller, std::string text, std::string_view rule,
                                   ErrorCode right, int16_t answer) {
  ForgedRequest forged;
  forged.client = wire_.number();
  forged.subject = controller.host;
  forged.request = std::move(text);
  forged.rule = rule;
  forged.permitted = {right, ErrorCode::NOT_CONTROLLER};
  forged.answer = error_code_of(answer);
  wire_.judge(std::move(forged));
}

// What is refused must have no effect: the forgeries ask for what would hurt.
void RawIntruder::false_broker() {
  const std::vector<Endpoint>& controllers = wire_.controllers();
  const std::vector<int32_t> brokers = wire_.named();
  if (controllers.empty() || brokers.empty()) return;
  const Endpoint& controller = controllers[wire_.dice().below(controllers.size())];
  rpc::RpcConnection* const link = wire_.reach(controller);
  if (link == nullptr) return;
  const uint64_t which = wire_.dice().below(3);
  const int64_t epoch = which == 0 ? kPastEpoch : kFutureEpoch;
  const int32_t broker = which == 2 ? kNoBroker : brokers[wire_.dice().below(brokers.size())];
  const std::string_view word = which == 2   ? "of an unknown broker"
                                : which == 1 ? "with a broker epoch to come"
                                             : "with a past broker epoch";
  switch (wire_.dice().below(3)) {
    case 0: {
      wire::BrokerHeartbeatRequest request;
      request.broker_id = broker;
      request.broker_epoch = epoch;
      request.want_fence = true;
      request.want_shut_down = true;
      const auto reply = wire_.ask(*link, request, wire_.any_version<wire::BrokerHeartbeatRequest>());
      if (reply)
        judge_controller(controller, fmt::format("BrokerHeartbeat {}", word), "C13",
                         ErrorCode::STALE_BROKER_EPOCH, (*reply)->error_code);
      return;
    }
    case 1: {
      const auto target = wire_.target(
          static_cast<int32_t>(wire_.dice().below(static_cast<uint64_t>(wire_.topic().partitions))));
      if (!target) return;
      wire::BrokerState member;
      member.broker_id = broker;
      wire::AlterPartitionRequestPartitionData data;
      data.partition_index = target->partition;
      data.leader_epoch = target->epoch;
      data.new_isr_with_epochs = std::span(&member, 1);
      wire::AlterPartitionRequestTopicData topic;
      topic.topic_id = wire_.topic_id();
      topic.partitions = std::span(&data, 1);
      wire::AlterPartitionRequest request;
      request.broker_id = broker;
      request.broker_epoch = epoch;
      request.topics = std::span(&topic, 1);
      const auto reply = wire_.ask(*link, request, wire::AlterPartitionRequest::kMaxVersion);
      if (reply)
        judge_controller(controller, fmt::format("AlterPartition {}", word), "C32",
                         ErrorCode::STALE_BROKER_EPOCH, (*reply)->error_code);
      return;
    }
    default: {
      wire::BrokerRegistrationRequest request;
      request.broker_id = brokers[wire_.dice().below(brokers.size())];
      request.cluster_id = "another-cluster";
      request.incarnation_id = wire_.dice().uuid();
      request.rack.reset();
      const auto reply = wire_.ask(*link, request, wire::BrokerRegistrationRequest::kMaxVersion);
      if (reply)
        judge_controller(controller, "BrokerRegistration of another cluster", "C9",
                         ErrorCode::INCONSISTENT_CLUSTER_ID, (*reply)->error_code);
      return;
    }
  }
}

std::optional<ByteBuffer> RawIntruder::exchange(const Endpoint& server, Bytes frame, bool& known) {
  known = false;
  const Deadline deadline = wire_.env().after(seconds(10));
  auto connection = wire_.env().network.connect(server, "raw-frame", deadline);
  if (!connection.ok()) return std::nullopt;
  if (!write_all(**connection, frame, deadline).ok()) return std::nullopt;
  uint8_t size[4];
  const auto first = read_exactly(**connection, MutableBytes(size), deadline);
  if (!first.ok()) {
    known = first.error() != IoError::timed_out;
    return std::nullopt;
  }
  ByteBuffer answer(std::min<uint32_t>(load_be<uint32_t>(size), 1U << 20));
  if (!read_exactly(**connection, MutableBytes(answer), deadline).ok()) return std::nullopt;
  known = true;
  return answer;
}

// Rule D2: frames that cannot be understood end the connection without a word; only ApiVersions is answered
// in any version, in version 0 and with the table.
void RawIntruder::false_frame() {
  const bool to_controller = !wire_.controllers().empty() && wire_.dice().below(3) == 0;
  const std::vector<Endpoint>& servers = to_controller ? wire_.controllers() : wire_.bootstrap();
  const Endpoint& server = servers[wire_.dice().below(servers.size())];
  wire::RequestHeader header;
  header.correlation_id = 77;
  header.client_id = wire_.client();
  std::string text;
  bool flexible = false;
  std::optional<int32_t> size;
  switch (wire_.dice().below(7)) {
    case 0:
      header.api_key = wire::FetchRequest::kApiKey;
      header.api_version = wire::FetchRequest::kMaxVersion + 1;
      flexible = true;
      text = "Fetch of a version to come";
      break;
    case 1:
      header.api_key = wire::FetchRequest::kApiKey;
      header.api_version = wire::FetchRequest::kMinVersion - 1;
      text = "Fetch of a version that is gone";
      break;
    case 2:
      header.api_key = 9'999;
      text = "a request of an unknown api";
      break;
    case 3:
      // The other kind of listener serves it.
      header.api_key = to_controller ? wire::ProduceRequest::kApiKey : wire::AlterPartitionRequest::kApiKey;
      header.api_version = 3;
      flexible = !to_controller;
      text = "a request that this listener does not serve";
      break;
    case 4:
      header.api_key = wire::ApiVersionsRequest::kApiKey;
      header.api_version = 99;
      flexible = true;
      text = "ApiVersions of a version to come";
      break;
    case 5:
      size = -1;
      text = "a frame of a negative size";
      break;
    default:
      size = INT32_MAX;
      text = "a frame larger than any allowed";
      break;
  }
  wire::Writer w;
  w.i32(0);
  wire::encode(w, header, flexible);
  w.patch_i32(0, size.value_or(static_cast<int32_t>(w.size() - 4)));
  bool known = false;
  const auto answer = exchange(server, w.bytes(), known);
  if (!known) return;
  ForgedRequest forged;
  forged.client = wire_.number();
  forged.subject = server.host;
  forged.request = std::move(text);
  forged.rule = "D2";
  if (header.api_key == wire::ApiVersionsRequest::kApiKey && header.api_version == 99) {
    forged.permitted = {ErrorCode::UNSUPPORTED_VERSION};
    if (!answer) return;  // the server may have gone
  }
  // Behind the correlation id stands the error.
  if (answer) {
    forged.answer = answer->size() < 6 ? ErrorCode::UNKNOWN_SERVER_ERROR
                                       : error_code_of(load_be<int16_t>(answer->data() + 4));
  }
  wire_.judge(std::move(forged));
}

}  // namespace ksim::sim
