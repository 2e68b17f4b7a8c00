// One of several administrators who all want something of the same few topics, through any broker, and do not
// wait long: creates, deletes, grows, configures, and looks. Each call is one attempt: what is done more
// often than the answers say was not answered, or a broker has sent it again (M5).

#include <array>

#include <fmt/format.h>

#include "core/rpc/connection.h"
#include "core/wire/messages/create_partitions.h"
#include "core/wire/messages/create_topics.h"
#include "core/wire/messages/delete_topics.h"
#include "core/wire/messages/describe_topic_partitions.h"
#include "core/wire/messages/incremental_alter_configs.h"
#include "core/wire/messages/metadata.h"
#include "sim/workloads/all.h"
#include "sim/workloads/state.h"

namespace ksim::sim {
namespace {

constexpr Duration kLongPatience = seconds(20);
constexpr int32_t kMostPartitions = 5;
constexpr std::string_view kKey = "max.message.bytes";
constexpr std::array<std::string_view, 3> kValues = {"1048588", "2097152", "4194304"};

class TopicAdminProcess final : public PlayingClient {
 public:
  TopicAdminProcess(WorkloadState& state, const WorkloadPlan& plan, uint32_t number, Env& env)
      : PlayingClient(state), plan_(plan), env_(env), dice_(env.random, Stream::workload, mix64(number, 6)) {
    const uint64_t topics = parameter(plan, "topics", uint64_t{2});
    for (uint64_t i = 1; i <= topics; ++i) names_.push_back(fmt::format("contested-{}", i));
    replication_ = static_cast<int16_t>(parameter(plan, "replication", uint64_t{1}));
    patience_ = parameter(plan, "patience", milliseconds(40));
    for (const std::string& name : names_) {
      state.observer.on_topic_contested(name);
      state.observer.view().promise(name, {replication_, 1, false});
    }
  }

 private:
  struct Link {
    std::unique_ptr<rpc::RpcConnection> connection;
    uint64_t number = 0;
  };

  void play() override {
    env_.sleep(plan_.starts);
    while (!winding_up()) {
      act();
      // Half to one and a half times the interval.
      env_.sleep({plan_.interval.ns / 2 +
                  static_cast<int64_t>(dice_.below(static_cast<uint64_t>(plan_.interval.ns) + 1))});
    }
    for (auto& [broker, link] : links_) link.connection->close();
  }

  void act() {
    auto at = state_.brokers.begin();
    std::advance(at, dice_.below(state_.brokers.size()));
    Link* link = reach(at->first, at->second);
    if (link == nullptr) return;
    TopicCall call;
    call.number = state_.new_topic_call();
    call.client = plan_.name;
    call.broker = at->first;
    call.link = link->number;
    call.topic = names_[dice_.below(names_.size())];
    const uint64_t choice = dice_.below(100);
    if (choice < 30) {
      create(*link, call);
    } else if (choice < 55) {
      remove(*link, call);
    } else if (choice < 67) {
      grow(*link, call);
    } else if (choice < 77) {
      configure(*link, call);
    } else {
      look(*link, call);
    }
    if (!link->connection->is_usable()) links_.erase(at->first);
  }

  // A connection to that broker; null: there is none to be had.
  Link* reach(int32_t broker, const Endpoint& endpoint) {
    const auto found = links_.find(broker);
    if (found != links_.end()) {
      if (found->second.connection->is_usable()) return &found->second;
      links_.erase(found);
    }
    auto opened =
        rpc::RpcConnection::open(env_, endpoint, {plan_.name, "topic admin"}, env_.after(seconds(2)));
    if (!opened.ok()) return nullptr;
    return &links_.emplace(broker, Link{std::move(*opened), state_.new_link()}).first->second;
  }

  static Outcome outcome_of(ErrorCode error) {
    switch (error) {
      case ErrorCode::NONE:
        return Outcome::ok;
      case ErrorCode::NOT_CONTROLLER:  // what it had decided may be committed yet
      case ErrorCode::REQUEST_TIMED_OUT:
      case ErrorCode::UNKNOWN_SERVER_ERROR:
        return Outcome::unknown;
      default:
        return Outcome::failed;
    }
  }

  // Sends the request once. `take` finds the error of the one thing that was asked in the answer, and notes
  // in the call what else it says; nothing: the answer does not speak of it.
  template <class Request, class Take>
  void ask(Link& link, TopicCall& call, const Request& request, Take take) {
    call.invoked = now();
    const int64_t op = state_.observer.on_topic_call_invoked(call);
    const Duration patience = dice_.below(2) == 0 ? patience_ : kLongPatience;
    const auto reply = link.connection->call(request, env_.after(patience));
    call.completed = now();
    call.outcome = Outcome::unknown;
    call.error = ErrorCode::NETWORK_EXCEPTION;
    if (reply.ok()) {
      const std::optional<ErrorCode> answer = take((*reply).message);
      call.error = answer.value_or(ErrorCode::UNKNOWN_SERVER_ERROR);
      call.outcome = outcome_of(call.error);
    } else if (reply.error().code == ErrorCode::UNSUPPORTED_VERSION) {
      call.outcome = Outcome::failed;  // nothing was sent
      call.error = reply.error().code;
    }
    state_.observer.on_topic_call_completed(op, call);
  }

  void create(Link& link, TopicCall& call) {
    call.kind = TopicCall::Kind::create;
    call.partitions = 1 + static_cast<int32_t>(dice_.below(3));
    std::array<wire::CreatableTopicConfig, 1> configs;
    wire::CreatableTopic topic;
    topic.name = call.topic;
    topic.num_partitions = call.partitions;
    topic.replication_factor = replication_;
    if (dice_.below(2) == 0) {
      call.key = kKey;
      call.value = kValues[dice_.below(kValues.size())];
      configs[0].name = call.key;
      configs[0].value = std::string_view(*call.value);
      topic.configs = configs;
    }
    wire::CreateTopicsRequest request;
    request.topics = std::span<wire::CreatableTopic>(&topic, 1);
    ask(link, call, request, [&](const wire::CreateTopicsResponse& response) -> std::optional<ErrorCode> {
      if (response.topics.size() != 1 || response.topics[0].name != call.topic) return std::nullopt;
      call.id = response.topics[0].topic_id;
      return error_code_of(response.topics[0].error_code);
    });
  }

  void remove(Link& link, TopicCall& call) {
    call.kind = TopicCall::Kind::remove;
    wire::DeleteTopicState topic;
    topic.name = std::string_view(call.topic);
    wire::DeleteTopicsRequest request;
    request.topics = std::span<wire::DeleteTopicState>(&topic, 1);
    request.timeout_ms = 10'000;
    ask(link, call, request, [&](const wire::DeleteTopicsResponse& response) -> std::optional<ErrorCode> {
      if (response.responses.size() != 1) return std::nullopt;
      call.id = response.responses[0].topic_id;
      return error_code_of(response.responses[0].error_code);
    });
  }

  void grow(Link& link, TopicCall& call) {
    call.kind = TopicCall::Kind::grow;
    call.partitions = 2 + static_cast<int32_t>(dice_.below(kMostPartitions - 1));
    wire::CreatePartitionsTopic topic;
    topic.name = call.topic;
    topic.count = call.partitions;
    topic.assignments = std::nullopt;  // an empty list would be one without brokers
    wire::CreatePartitionsRequest request;
    request.topics = std::span<wire::CreatePartitionsTopic>(&topic, 1);
    request.timeout_ms = 10'000;
    ask(link, call, request, [&](const wire::CreatePartitionsResponse& response) -> std::optional<ErrorCode> {
      if (response.results.size() != 1) return std::nullopt;
      return error_code_of(response.results[0].error_code);
    });
  }

  void configure(Link& link, TopicCall& call) {
    call.kind = TopicCall::Kind::configure;
    call.key = kKey;
    wire::IncrementalAlterConfigsRequestAlterableConfig change;
    change.name = call.key;
    change.config_operation = 1;  // DELETE
    if (const uint64_t n = dice_.below(kValues.size() + 1); n < kValues.size()) {
      call.value = kValues[n];
      change.config_operation = 0;  // SET
      change.value = std::string_view(*call.value);
    }
    wire::IncrementalAlterConfigsRequestAlterConfigsResource resource;
    resource.resource_type = 2;  // a topic
    resource.resource_name = call.topic;
    resource.configs = std::span<wire::IncrementalAlterConfigsRequestAlterableConfig>(&change, 1);
    wire::IncrementalAlterConfigsRequest request;
    request.resources = std::span<wire::IncrementalAlterConfigsRequestAlterConfigsResource>(&resource, 1);
    ask(link, call, request,
        [&](const wire::IncrementalAlterConfigsResponse& response) -> std::optional<ErrorCode> {
          if (response.responses.size() != 1) return std::nullopt;
          return error_code_of(response.responses[0].error_code);
        });
  }

  // At all of them at once: what one answer says is true at one moment.
  void look(Link& link, TopicCall& call) {
    call.topic.clear();
    if (dice_.below(2) == 0) return describe(link, call);
    std::vector<wire::MetadataRequestTopic> topics(names_.size());
    for (size_t i = 0; i < names_.size(); ++i) topics[i].name = std::string_view(names_[i]);
    wire::MetadataRequest request;
    request.topics = std::span<wire::MetadataRequestTopic>(topics);
    request.allow_auto_topic_creation = false;
    ask(link, call, request,
        [&](const wire::MetadataResponse& response) { return see(call, response.topics); });
  }

  void describe(Link& link, TopicCall& call) {
    std::vector<wire::DescribeTopicPartitionsRequestTopicRequest> topics(names_.size());
    for (size_t i = 0; i < names_.size(); ++i) topics[i].name = names_[i];
    wire::DescribeTopicPartitionsRequest request;
    request.topics = std::span<wire::DescribeTopicPartitionsRequestTopicRequest>(topics);
    ask(link, call, request,
        [&](const wire::DescribeTopicPartitionsResponse& response) { return see(call, response.topics); });
  }

  template <class Topics>
  static std::optional<ErrorCode> see(TopicCall& call, const Topics& topics) {
    for (const auto& topic : topics) {
      const ErrorCode error = error_code_of(topic.error_code);
      if (error != ErrorCode::NONE && error != ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) return error;
      TopicSeen& seen = call.seen.emplace_back();
      seen.name = topic.name.value_or(std::string_view());
      if (error != ErrorCode::NONE) continue;
      seen.id = topic.topic_id;
      seen.partitions = static_cast<int32_t>(topic.partitions.size());
    }
    return ErrorCode::NONE;
  }

  const WorkloadPlan& plan_;
  Env& env_;
  Dice dice_;
  std::vector<std::string> names_;
  int16_t replication_ = 1;
  Duration patience_{0};
  std::map<int32_t, Link> links_;
};

}  // namespace

WorkloadKind topic_admin_workload() {
  WorkloadKind kind;
  kind.name = "topic_admin";
  kind.text = "creates, deletes, grows, configures and looks at topics that others of its kind want as well";
  kind.parameters = {{"topics", WorkloadParameter::Type::number},
                     {"replication", WorkloadParameter::Type::number},
                     {"patience", WorkloadParameter::Type::duration}};
  kind.topic = false;
  kind.make = [](WorkloadState& state, const WorkloadPlan& plan) -> ProcessFactory {
    return [&state, &plan](const std::vector<Env*>& shards) {
      return std::make_unique<TopicAdminProcess>(state, plan, state.new_driver(), *shards[0]);
    };
  };
  return kind;
}

}  // namespace ksim::sim
