// An administrator without rest: deletes records of a topic, adds partitions to it, changes its
// configuration, has leaders elected, and deletes and re-creates a topic of its own. Every call is noted;
// what was deleted on purpose the observer is told.

#include <algorithm>

#include <fmt/format.h>

#include "core/base/contains.h"
#include "core/client/admin.h"
#include "sim/workloads/client_config.h"
#include "sim/workloads/own_topic_clients.h"
#include "sim/workloads/state.h"

namespace ksim::sim {
namespace {

constexpr Duration kPatience = seconds(15);
constexpr Duration kBetweenTries = milliseconds(500);
constexpr int32_t kMostNewPartitions = 4;
constexpr std::string_view kFlushMessages = "flush.messages";
constexpr char kMinInsync[] = "min.insync.replicas";

class ChurnProcess final : public ClientProcess {
 public:
  ChurnProcess(WorkloadState& state, const AdminPlan& plan, uint32_t number, Env& env)
      : ClientProcess(state),
        plan_(plan),
        env_(env),
        starts_in_(state.left_of(plan.starts)),
        dice_(env.random, Stream::workload, mix64(number, 4)),
        topic_(*state.topic(plan.topic)),
        own_topic_(plan.name + "-own"),
        clients_(state, env, own_topic_, topic_.partitions) {}

  void run(size_t) override {
    client::AdminConfig config;
    config.bootstrap_servers = parse_endpoints(state_.bootstrap);
    config.client_id = plan_.name;
    auto admin = client::Admin::create(env_, config);
    if (!admin.ok()) {
      state_.observer.on_violation("PLAN", now(), plan_.name, admin.error().message);
    } else {
      admin_ = admin->get();
      const auto started = has_clients() ? clients_.start(plan_.name) : Result<void>{};
      if (!started.ok()) state_.observer.on_violation("PLAN", now(), plan_.name, started.error().message);
      env_.sleep(starts_in_);
      while (!winding_up()) {
        act();
        // Half to one and a half times the interval.
        env_.sleep({plan_.interval.ns / 2 +
                    static_cast<int64_t>(dice_.below(static_cast<uint64_t>(plan_.interval.ns) + 1))});
      }
      if (!asked_to_stop() && has_clients()) try_out_own_topic();
      clients_.close();
      while (own_topic_may_exist_ && !delete_own_topic()) env_.sleep(kBetweenTries);
      if (!asked_to_stop()) prove_life();
      admin_->close();
    }
    ended();
  }

 private:
  Instant now() const { return state_.world.now(); }

  void act() {
    const std::string& call = plan_.calls[dice_.below(plan_.calls.size())];
    if (call == "delete_records") delete_records();
    if (call == "create_partitions") create_partitions();
    if (call == "alter_configs") alter_configs();
    if (call == "elect_leaders") elect_leaders();
    if (call == "elect_leaders_unclean") elect_unclean();
    if (call == "delete_topics") {
      if (own_topic_may_exist_) {
        static_cast<void>(delete_own_topic());
      } else {
        create_own_topic();
      }
    }
    if (has_clients() && own_topic_may_exist_)
      clients_.act(static_cast<int32_t>(dice_.below(static_cast<uint64_t>(topic_.partitions))));
  }
  bool has_call(std::string_view call) const { return contains(plan_.calls, call); }
  // Only where nobody else makes topics: a producer that asks for a topic would have it made.
  bool has_clients() const {
    const auto& config = state_.plan.cluster.config;
    const auto makes = config.find("auto.create.topics.enable");
    return has_call("delete_topics") && makes != config.end() && makes->second == "false";
  }

  static Outcome outcome_of(const client::ChangeResult& result) {
    if (result.ok()) return Outcome::ok;
    return result.may_have_happened ? Outcome::unknown : Outcome::failed;
  }
  // Notes a call that changes one thing.
  template <class Call>
  client::ChangeResult change(std::string_view kind, const std::string& subject, int64_t offset, Call call) {
    const Instant invoked = now();
    const int64_t number = state_.observer.on_call_invoked(plan_.name, kind, subject, invoked);
    const client::ChangeResult result = call();
    state_.observer.on_call_completed(number, now(), outcome_of(result), result.error, offset);
    ended_with(kind, subject, invoked, result.error);
    return result;
  }
  void ended_with(std::string_view kind, const std::string& subject, Instant invoked, ErrorCode error) {
    if (!asked_to_stop())
      state_.observer.on_admin_call({plan_.name, kind, subject, invoked, now(), kPatience, error});
  }
  // One of its own topic, which is judged: nobody else changes that.
  template <class Call>
  client::ChangeResult change_topic(TopicCall::Kind kind, Call call) {
    TopicCall fact;
    fact.kind = kind;
    fact.number = state_.new_topic_call();
    fact.client = plan_.name;
    fact.topic = own_topic_;
    fact.partitions = topic_.partitions;
    fact.invoked = now();
    const int64_t number = state_.observer.on_topic_call_invoked(fact);
    const client::ChangeResult result = call();
    fact.completed = now();
    fact.outcome = outcome_of(result);
    fact.error = result.error;
    fact.may_happen_again = result.may_happen_again;
    state_.observer.on_topic_call_completed(number, fact);
    ended_with(kind == TopicCall::Kind::create ? "create_topics" : "delete_topics", own_topic_, fact.invoked,
               result.error);
    return result;
  }
  template <class Key>
  static client::ChangeResult one(const std::map<Key, client::ChangeResult>& results, const Key& key) {
    const auto found = results.find(key);
    if (found != results.end()) return found->second;
    return {ErrorCode::UNKNOWN_SERVER_ERROR, "the call does not speak of it", true};
  }

  // Where the partition ends or begins; none: nobody told.
  std::optional<int64_t> offset_of(const TopicPartition& partition, int64_t asked_for) {
    const Instant invoked = now();
    const int64_t asked =
        state_.observer.on_call_invoked(plan_.name, "list_offsets", partition.to_string(), invoked);
    const auto told = admin_->list_offsets({{partition, asked_for}}, client::IsolationLevel::read_uncommitted,
                                           env_.after(kPatience));
    const bool known = told.ok() && told->contains(partition);
    const int64_t offset = known ? told->at(partition).offset : -1;
    const ErrorCode error = told.ok() ? ErrorCode::NONE : told.error().code;
    state_.observer.on_call_completed(asked, now(), known ? Outcome::ok : Outcome::failed, error, offset);
    ended_with("list_offsets", partition.to_string(), invoked, error);
    return known ? std::optional(offset) : std::nullopt;
  }

  void delete_records() {
    const auto index = static_cast<int32_t>(dice_.below(static_cast<uint64_t>(topic_.partitions)));
    const TopicPartition partition{topic_.name, index};
    const int64_t end = offset_of(partition, client::kLatestOffset).value_or(-1);
    if (end <= 0) return;
    // Mostly the older half, now and then everything.
    const bool all = dice_.below(8) == 0;
    delete_before(partition,
                  all ? -1 : static_cast<int64_t>(dice_.below(static_cast<uint64_t>(end / 2) + 1)));
  }

  client::ChangeResult delete_before(const TopicPartition& partition, int64_t before) {
    DeletionCall call;
    call.number = state_.new_deletion();
    call.partition = state_.observer.names().id(partition.topic, partition.partition);
    call.before = before;
    call.invoked = now();
    state_.observer.on_deletion(call);
    const auto result = change("delete_records", partition.to_string(), before, [&] {
      return one(admin_->delete_records({{partition, before}}, env_.after(kPatience)), partition);
    });
    call.completed = now();
    call.outcome = outcome_of(result);
    state_.observer.on_deletion(call);
    return result;
  }

  // Everything is healed: records can be deleted everywhere. The run does not end before, and L says what it
  // waits for.
  void prove_life() {
    if (!has_call("delete_records")) return;
    std::string& waits = state_.unproven[plan_.name];
    for (int32_t index = 0; index < topic_.partitions; ++index) {
      const TopicPartition partition{topic_.name, index};
      const PartitionId id = state_.observer.names().id(topic_.name, index);
      while (!asked_to_stop() && !state_.observer.view().offline_permitted(id)) {
        const auto start = offset_of(partition, client::kEarliestOffset);
        const auto end = offset_of(partition, client::kLatestOffset);
        if (start && end && *start >= *end) break;
        client::ChangeResult result{ErrorCode::OFFSET_NOT_AVAILABLE, {}, false};
        if (start && end) result = delete_before(partition, *start + 1);
        if (result.ok()) break;
        waits = fmt::format("{} gets no record deleted from {}: {}", plan_.name, partition.to_string(),
                            to_string(result.error));
        env_.sleep(kBetweenTries);
      }
    }
    waits.clear();
  }

  // Everything is healed: clients that have seen topics of this name come and go get on with the last one.
  void try_out_own_topic() {
    std::string& waits = state_.unproven[plan_.name + ", own topic"];
    for (int32_t index = 0; index < topic_.partitions; ++index) {
      while (!asked_to_stop()) {
        if (!own_topic_may_exist_) create_own_topic();
        const PartitionId id = state_.observer.names().id(own_topic_, index);
        if (state_.observer.view().offline_permitted(id)) break;
        waits = clients_.try_out(index);
        if (waits.empty()) break;
        waits = fmt::format("of {}-{} {}", own_topic_, index, waits);
        env_.sleep(kBetweenTries);
        create_own_topic();  // a deletion may have come late
      }
    }
    waits.clear();
  }

  void create_partitions() {
    const int64_t asked = state_.observer.on_call_invoked(plan_.name, "describe_topics", topic_.name, now());
    const auto described = admin_->describe_topics({topic_.name}, env_.after(kPatience));
    state_.observer.on_call_completed(asked, now(), described.ok() ? Outcome::ok : Outcome::failed,
                                      described.ok() ? ErrorCode::NONE : described.error().code);
    if (!described.ok()) return;
    const auto count = static_cast<int32_t>(described->at(topic_.name).partitions.size());
    if (count >= topic_.partitions + kMostNewPartitions) return;
    change("create_partitions", topic_.name, count + 1, [&] {
      return one(admin_->create_partitions({{topic_.name, count + 1}}, env_.after(kPatience)), topic_.name);
    });
  }

  // Such that nothing that was promised of the topic changes.
  void alter_configs() {
    const uint64_t what = dice_.below(7);
    if (what == 0) return alter_defaults();
    if (what == 1) return alter_min_insync();
    struct Choice {
      std::string_view key;
      std::vector<const char*> values;
    };
    const Choice choices[] = {{"segment.ms", {"1000", "10000", "604800000"}},
                              {"index.interval.bytes", {"100", "4096"}},
                              {kFlushMessages, {"10", "9223372036854775807"}},
                              {"flush.ms", {"500", "9223372036854775807"}},
                              {"max.message.bytes", {"1000", "1048588"}}};
    const Choice& choice = choices[dice_.below(std::size(choices))];
    // What is promised of a topic is drawn from its plan.
    if (choice.key == kFlushMessages && topic_.config.contains(std::string(choice.key))) return;
    client::ConfigChange wanted{std::string(choice.key), client::ConfigOperation::remove, std::nullopt};
    if (const uint64_t n = dice_.below(choice.values.size() + 1); n < choice.values.size()) {
      wanted.operation = client::ConfigOperation::set;
      wanted.value = choice.values[n];
    }
    configure({client::ConfigResourceType::topic, topic_.name}, wanted);
  }

  void configure(const client::ConfigResource& resource, const client::ConfigChange& wanted) {
    change("alter_configs", resource.name, -1,
           [&] { return admin_->incremental_alter_configs(resource, {wanted}, env_.after(kPatience)); });
  }

  // Of all brokers, or of one: what topics have that say nothing themselves.
  void alter_defaults() {
    const auto& nodes = state_.plan.cluster.nodes;
    const NodePlan& node = nodes[dice_.below(nodes.size())];
    const bool one = node.broker && dice_.below(2) == 0;
    if (!one && dice_.below(2) == 0) return alter_cluster_minimum();
    configure(
        {client::ConfigResourceType::broker, one ? std::to_string(node.id) : ""},
        {"log.index.interval.bytes", client::ConfigOperation::set, dice_.below(2) == 0 ? "100" : "4096"});
  }

  // It is in force nowhere, since all topics have their own, and yet nobody is eligible any more (rule C30).
  void alter_cluster_minimum() {
    const auto has_its_own = [](const TopicPlan& topic) { return topic.config.contains(kMinInsync); };
    const auto& topics = state_.plan.topics;
    if (!std::all_of(topics.begin(), topics.end(), has_its_own)) return;
    configure({client::ConfigResourceType::broker, ""},
              {kMinInsync, client::ConfigOperation::set, std::to_string(dice_.below(3) + 1)});
  }

  // From what is promised up to all replicas: fewer are never enough.
  void alter_min_insync() {
    const TopicPromise promise = state_.observer.view().promise_of(topic_.name);
    if (promise.min_insync >= promise.replication) return;
    const auto choices = static_cast<uint64_t>(promise.replication - promise.min_insync) + 1;
    configure({client::ConfigResourceType::topic, topic_.name},
              {kMinInsync, client::ConfigOperation::set,
               std::to_string(promise.min_insync + static_cast<int32_t>(dice_.below(choices)))});
  }

  void elect_leaders() {
    const Instant invoked = now();
    const int64_t number = state_.observer.on_call_invoked(plan_.name, "elect_leaders", {}, invoked);
    const auto elected = admin_->elect_leaders(client::ElectionType::preferred, {}, env_.after(kPatience));
    state_.observer.on_call_completed(number, now(), elected.ok() ? Outcome::ok : Outcome::unknown,
                                      elected.ok() ? ErrorCode::NONE : elected.error().code);
    ended_with("elect_leaders", {}, invoked, elected.ok() ? ErrorCode::NONE : elected.error().code);
  }

  void elect_unclean() {
    const auto index = static_cast<int32_t>(dice_.below(static_cast<uint64_t>(topic_.partitions)));
    const TopicPartition partition{topic_.name, index};
    const PartitionId id = state_.observer.names().id(topic_.name, index);
    const uint64_t call = state_.observer.on_unclean_asked(id);
    const auto result = change("elect_leaders", to_string({topic_.name, index}), -1, [&] {
      const auto elected =
          admin_->elect_leaders(client::ElectionType::unclean, {partition}, env_.after(kPatience));
      return elected.ok() ? one(*elected, partition)
                          : client::ChangeResult{elected.error().code, elected.error().message, true};
    });
    if (!result.may_have_happened && !result.may_happen_again) state_.observer.on_unclean_answered(id, call);
  }

  void create_own_topic() {
    client::NewTopic topic;
    topic.name = own_topic_;
    topic.configs[kMinInsync] = "1";
    topic.partitions = topic_.partitions;
    topic.replication_factor = static_cast<int16_t>(topic_.replication);
    own_topic_may_exist_ = true;
    state_.observer.view().promise(own_topic_, {topic_.replication, 1, false});
    const auto result = change_topic(TopicCall::Kind::create, [&] {
      return one(admin_->create_topics({topic}, env_.after(kPatience)), own_topic_);
    });
    if (!result.ok() && !result.may_have_happened && result.error != ErrorCode::TOPIC_ALREADY_EXISTS)
      own_topic_may_exist_ = false;
  }

  // True: it is certain that it is gone.
  bool delete_own_topic() {
    state_.observer.on_topic_deleted(own_topic_);
    const auto result = change_topic(TopicCall::Kind::remove, [&] {
      return one(admin_->delete_topics({own_topic_}, env_.after(kPatience)), own_topic_);
    });
    const bool gone = result.ok() || result.error == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    if (gone) own_topic_may_exist_ = false;
    return gone;
  }

  const AdminPlan& plan_;
  Env& env_;
  Duration starts_in_;
  Dice dice_;
  const TopicPlan& topic_;
  std::string own_topic_;
  client::Admin* admin_ = nullptr;
  bool own_topic_may_exist_ = true;  // one that died may have left it
  OwnTopicClients clients_;
};

}  // namespace

ProcessFactory churn_process(WorkloadState& state, const AdminPlan& plan) {
  return [&state, &plan](const std::vector<Env*>& shards) {
    return std::make_unique<ChurnProcess>(state, plan, state.new_driver(), *shards[0]);
  };
}

}  // namespace ksim::sim
