#pragma once
// What the parts of a raw driver share: connections, what metadata says, and how a forged request is judged.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/record/batch.h"
#include "core/rpc/connection.h"
#include "core/wire/messages/produce.h"
#include "sim/workloads/state.h"

namespace ksim::sim {

// A partition as metadata tells it.
struct RawTarget {
  int32_t partition = 0;
  int32_t leader = -1;
  int32_t epoch = -1;
  std::vector<int32_t> replicas;
};

class RawWire {
 public:
  RawWire(WorkloadState& state, const RawDriverPlan& plan, uint32_t number, Env& env);

  Env& env() { return env_; }
  Dice& dice() { return dice_; }
  WorkloadState& state() { return state_; }
  const std::string& client() const { return plan_.name; }
  uint32_t number() const { return number_; }
  const TopicPlan& topic() const { return topic_; }
  PartitionId partition_id(int32_t partition);
  // A version that both sides have, drawn.
  template <class Request>
  int16_t any_version(int16_t lowest = Request::kMinVersion, int16_t highest = Request::kMaxVersion) {
    return static_cast<int16_t>(
        lowest + static_cast<int16_t>(dice_.below(static_cast<uint64_t>(highest - lowest) + 1)));
  }

  // Asks a broker for metadata. False: it did not answer, or not usefully.
  bool learn();
  bool learn_from(rpc::RpcConnection& link);
  const Uuid& topic_id() const { return topic_id_; }
  // Nothing: no leader is known.
  std::optional<RawTarget> target(int32_t partition) const;
  // Brokers that metadata names, which are those that are not fenced.
  bool is_named(int32_t broker) const { return brokers_.contains(broker); }
  std::vector<int32_t> named() const;

  // A connection, made if need be; null: there is none to be had. Lives until the next call of these.
  rpc::RpcConnection* broker(int32_t id);
  rpc::RpcConnection* reach(const Endpoint& endpoint);
  const std::vector<Endpoint>& bootstrap() const { return bootstrap_; }
  const std::vector<Endpoint>& controllers() const { return controllers_; }
  // The next use of this broker is on a new connection.
  void hang_up(int32_t broker);

  // Nothing: there was no answer.
  template <class Request>
  std::optional<rpc::Reply<typename Request::Response>> ask(rpc::RpcConnection& link, const Request& request,
                                                            int16_t version) {
    auto reply = link.call(request, env_.after(seconds(5)), version);
    if (!reply.ok()) return std::nullopt;
    return std::move(*reply);
  }

  // What a broker says of leading a partition in exactly this epoch: NONE, it leads, and is in that epoch for
  // sure (rule D31); or why not. Nothing: no answer.
  std::optional<ErrorCode> leads(rpc::RpcConnection& link, const RawTarget& target);
  // The broker has a replica of it that is in exactly this epoch: a consumer may read from it. That it does
  // not lead would not tell: a replica that a broker has heard of and not made yet has no epoch.
  bool has_replica(rpc::RpcConnection& link, const RawTarget& target);

  ForgedRequest forgery(const RawTarget& target, int32_t broker, std::string request, std::string_view rule,
                        std::vector<ErrorCode> permitted) const;
  void judge(ForgedRequest forged);
  // `ask` sends the forged request and notes the answer in its argument; false: none came. Judged only if
  // the broker stood, before and after it on this connection, in the target's epoch, and as `standing` says:
  // NONE, it leads; NOT_LEADER_OR_FOLLOWER, it does not. Else nobody can tell what it knew.
  template <class Ask>
  bool in_epoch(rpc::RpcConnection& link, const RawTarget& target, ErrorCode standing, ForgedRequest forged,
                Ask ask) {
    if (!stands(link, target, standing) || !ask(forged) || !stands(link, target, standing)) return false;
    judge(std::move(forged));
    return true;
  }

 private:
  bool stands(rpc::RpcConnection& link, const RawTarget& target, ErrorCode standing) {
    return standing == ErrorCode::NONE ? leads(link, target) == ErrorCode::NONE : has_replica(link, target);
  }

  WorkloadState& state_;
  const RawDriverPlan& plan_;
  uint32_t number_;
  Env& env_;
  const TopicPlan& topic_;
  Dice dice_;
  std::vector<Endpoint> bootstrap_;
  std::vector<Endpoint> controllers_;
  std::map<Endpoint, std::unique_ptr<rpc::RpcConnection>> links_;
  std::map<int32_t, Endpoint> brokers_;
  std::map<int32_t, RawTarget> targets_;  // also without a leader, for its epoch
  Uuid topic_id_;
};

}  // namespace ksim::sim
