// Creates the plan's topics, asking again until the cluster has them.

#include "core/rpc/connection.h"
#include "core/wire/messages/create_topics.h"
#include "core/wire/messages/metadata.h"
#include "sim/workloads/client_config.h"
#include "sim/workloads/state.h"

namespace ksim::sim {
namespace {

// A controller makes 10,000 metadata records of one request at most; half of that leaves it air.
constexpr size_t kRecordsPerRequest = 5'000;

class AdminProcess final : public Process {
 public:
  AdminProcess(WorkloadState& state, Env& env) : state_(state), env_(env) {}

  void run(size_t) override {
    const std::vector<Endpoint> brokers = parse_endpoints(state_.bootstrap);
    for (size_t n = 0; !brokers.empty(); ++n) {
      if (create(brokers[n % brokers.size()])) break;
      env_.sleep(milliseconds(100));
    }
    state_.topics_ready = true;
  }
  void stop() override {}

 private:
  bool create(const Endpoint& broker) {
    auto connection = rpc::RpcConnection::open(env_, broker, {"admin", "admin"}, env_.after(seconds(5)));
    if (!connection.ok()) return false;
    while (first_ < state_.plan.topics.size()) {
      const size_t end = end_of_request();
      if (!ask(**connection, end)) break;
      first_ = end;
    }
    (*connection)->close();
    return first_ == state_.plan.topics.size();
  }

  /// Of the topics from `first_` on, how far one request goes.
  size_t end_of_request() const {
    size_t end = first_, records = 0;
    for (; end < state_.plan.topics.size(); ++end) {
      const TopicPlan& plan = state_.plan.topics[end];
      records += 1 + plan.config.size() + static_cast<size_t>(plan.partitions);
      if (end > first_ && records > kRecordsPerRequest) break;
    }
    return end;
  }

  bool ask(rpc::RpcConnection& connection, size_t end) {
    std::vector<wire::CreatableTopic> topics;
    std::vector<std::vector<wire::CreatableTopicConfig>> configs(state_.plan.topics.size());
    for (size_t i = first_; i < end; ++i) {
      const TopicPlan& plan = state_.plan.topics[i];
      for (const auto& [key, value] : plan.config) {
        wire::CreatableTopicConfig config;
        config.name = key;
        config.value = value;
        configs[i].push_back(config);
      }
      wire::CreatableTopic topic;
      topic.name = plan.name;
      topic.num_partitions = plan.partitions;
      topic.replication_factor = static_cast<int16_t>(plan.replication);
      topic.configs = configs[i];
      topics.push_back(topic);
    }
    wire::CreateTopicsRequest request;
    request.topics = topics;
    request.timeout_ms = 10'000;
    RunObserver& observer = state_.observer;
    const int64_t call = observer.on_call_invoked("admin", "create_topics", {}, state_.world.now());
    const auto reply = connection.call(request, env_.after(seconds(12)));
    ErrorCode first = reply.ok() ? ErrorCode::NONE : reply.error().code;
    for (size_t i = 0; reply.ok() && first == ErrorCode::NONE && i < (*reply)->topics.size(); ++i)
      first = error_code_of((*reply)->topics[i].error_code);
    observer.on_call_completed(call, state_.world.now(),
                               !reply.ok()                ? Outcome::unknown
                               : first == ErrorCode::NONE ? Outcome::ok
                                                          : Outcome::failed,
                               first);
    if (!reply.ok()) return false;
    for (const auto& topic : (*reply)->topics) {
      const ErrorCode error = error_code_of(topic.error_code);
      if (error == ErrorCode::NONE || error == ErrorCode::TOPIC_ALREADY_EXISTS) continue;
      // Too few brokers yet, no controller yet: ask again. Anything else is the plan's fault.
      const bool later = is_retriable(error) || error == ErrorCode::INVALID_REPLICATION_FACTOR ||
                         error == ErrorCode::NOT_CONTROLLER || error == ErrorCode::UNKNOWN_SERVER_ERROR;
      if (!later) {
        state_.observer.on_violation("PLAN", state_.world.now(), std::string(topic.name),
                                     "the topic was refused: " + std::string(to_string(error)) + " " +
                                         std::string(topic.error_message.value_or("")));
        return true;
      }
      return false;
    }
    return true;
  }

  WorkloadState& state_;
  Env& env_;
  size_t first_ = 0;  // of the topics that are not made yet
};

}  // namespace

ProcessFactory admin_process(WorkloadState& state) {
  return
      [&state](const std::vector<Env*>& shards) { return std::make_unique<AdminProcess>(state, *shards[0]); };
}

void BeliefWatch::look(const std::string& topic, int32_t partition, int32_t epoch) {
  const PartitionId id = state_.observer.names().id(topic, partition);
  const auto [it, fresh] = known_.try_emplace(id, epoch);
  if (!fresh && it->second == epoch) return;
  it->second = epoch;
  state_.observer.on_belief({client_, id, epoch, state_.world.now()});
}

}  // namespace ksim::sim
