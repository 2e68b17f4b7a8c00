#include "sim/plan/check_whole.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "sim/plan/words.h"

namespace ksim::sim {
namespace {

using Complain = std::function<void(const std::string& path, std::string what)>;

// What is well by itself and too much together.
void check_sizes(const Plan& plan, const Complain& complain) {
  constexpr int64_t kMostReplicas = 200'000;
  constexpr uint64_t kMostBurstBytes = 1ULL << 30;
  const size_t clients = plan.producers.size() + plan.consumers.size() + plan.raw_drivers.size() +
                         plan.admins.size() + plan.workloads.size();
  if (clients > kMostClients) complain("", fmt::format("at most {} clients, all together", kMostClients));
  int64_t replicas = 0;
  for (const TopicPlan& topic : plan.topics) {
    replicas += int64_t{topic.partitions} * topic.replication;
    if (replicas > kMostReplicas)
      complain(topic.path, fmt::format("more than {} replicas of partitions, all together", kMostReplicas));
  }
  for (const ProducerPlan& producer : plan.producers) {
    const uint64_t longest = uint64_t{producer.record_bytes} * (producer.large_every > 0 ? kLargeTimes : 1);
    if (producer.burst * longest > kMostBurstBytes)
      complain(producer.path, fmt::format("{}: a burst of {} records of {} bytes: at most 1 GiB",
                                          producer.name, producer.burst, longest));
  }
}

// Names stand in reports and in the history as they are.
void check_names(const Plan& plan, const Complain& complain) {
  const auto check = [&](const std::string& path, const std::string& name) {
    if (!is_plain_name(name)) complain(path, path + ": a name has 1 to 200 letters, digits and \"._-\"");
  };
  check("scenario", plan.scenario);
  for (const ProducerPlan& producer : plan.producers) check(producer.path + ".name", producer.name);
  for (const ConsumerPlan& consumer : plan.consumers) check(consumer.path + ".name", consumer.name);
  for (const RawDriverPlan& driver : plan.raw_drivers) check(driver.path + ".name", driver.name);
  for (const AdminPlan& admin : plan.admins) check(admin.path + ".name", admin.name);
  for (const WorkloadPlan& workload : plan.workloads) check(workload.path + ".name", workload.name);
  for (const NodePlan& node : plan.cluster.nodes) {
    if (!node.rack.empty()) check(node.path == "cluster" ? "cluster.racks" : node.path + ".rack", node.rack);
  }
}

}  // namespace

void check_whole(const Plan& plan, const Complain& complain) {
  check_names(plan, complain);
  check_sizes(plan, complain);
  std::set<int32_t> ids;
  int32_t brokers = 0;
  for (const NodePlan& node : plan.cluster.nodes) {
    if (!ids.insert(node.id).second)
      complain(node.path + ".id", fmt::format("cluster: two nodes have the id {}", node.id));
    if (node.broker) ++brokers;
  }
  std::vector<std::string> topics;
  for (const TopicPlan& topic : plan.topics) {
    topics.push_back(topic.name);
    if (topic.replication > brokers) {
      complain(topic.path + ".replication",
               fmt::format("topic {}: replication {} needs as many brokers, there are {}", topic.name,
                           topic.replication, brokers));
    }
  }
  const auto known = [&](const std::string& path, const std::string& name, const std::string& topic) {
    if (std::find(topics.begin(), topics.end(), topic) != topics.end()) return;
    complain(path, fmt::format("{}: no topic \"{}\"{}", name, topic, did_you_mean(topic, topics)));
  };
  const auto check = [&](const std::string& path, const std::string& name, const std::string& topic) {
    known(path + ".topic", name, topic);
  };
  const auto check_all = [&](const auto& client) {
    check(client.path, client.name, client.topic);
    std::set<std::string> named{client.topic};
    for (const std::string& topic : client.also) {
      known(client.path + ".also", client.name, topic);
      if (!named.insert(topic).second)
        complain(client.path + ".also", fmt::format("{}: names topic \"{}\" twice", client.name, topic));
    }
  };
  for (const ProducerPlan& producer : plan.producers) check_all(producer);
  for (const ConsumerPlan& consumer : plan.consumers) check_all(consumer);
  for (const RawDriverPlan& driver : plan.raw_drivers) check(driver.path, driver.name, driver.topic);
  for (const AdminPlan& admin : plan.admins) check(admin.path, admin.name, admin.topic);
  for (const WorkloadPlan& workload : plan.workloads) {
    if (!workload.topic.empty()) check(workload.path, workload.name, workload.topic);
  }
}

}  // namespace ksim::sim
