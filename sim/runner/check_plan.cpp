#include "sim/runner/check_plan.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "core/base/hooks.h"
#include "core/metadata/config.h"
#include "core/metadata/config_def.h"
#include "core/metadata/server_config.h"
#include "sim/plan/words.h"
#include "sim/runner/cluster.h"
#include "sim/workloads/client_config.h"

namespace ksim::sim {
namespace {

using Wrong = std::optional<std::string>;

std::string meant(std::string_view word, const std::vector<std::string>& known) {
  const auto near = nearest(word, known);
  return near ? fmt::format("; did you mean \"{}\"?", *near) : std::string();
}

Wrong wrong_names(const Plan& plan) {
  std::set<std::string> names = {"admin"};
  const auto add = [&](const std::string& name) -> Wrong {
    if (names.insert(name).second) return std::nullopt;
    return fmt::format(
        "two machines have the name \"{}\" (nodes, producers, consumers and \"admin\" are machines)", name);
  };
  for (const NodePlan& node : plan.cluster.nodes) {
    if (const Wrong wrong = add(machine_name(node))) return wrong;
  }
  for (const ProducerPlan& producer : plan.producers) {
    if (const Wrong wrong = add(producer.name)) return wrong;
  }
  for (const ConsumerPlan& consumer : plan.consumers) {
    if (const Wrong wrong = add(consumer.name)) return wrong;
  }
  return std::nullopt;
}

Wrong wrong_sites(const Plan& plan) {
  std::vector<std::string> sites;
  for (size_t i = 0; i < kSiteCount; ++i) sites.emplace_back(site_name(static_cast<Site>(i)));
  for (const std::string& site : plan.buggify) {
    if (std::find(sites.begin(), sites.end(), site) == sites.end())
      return fmt::format("buggify: no site \"{}\"{}", site, meant(site, sites));
  }
  return std::nullopt;
}

// ---- faults ----

Wrong wrong_parameter(const FaultPlan& fault, const std::string& name, const std::string& value) {
  if (name == "direction" && value != "in" && value != "out")
    return fmt::format("fault {}: direction: expected \"in\" or \"out\"", fault.kind);
  if ((name == "extra" || name == "down" || name == "gap") && !parse_duration(value))
    return fmt::format("fault {}: {}: expected a duration such as \"250ms\" or \"10s\"", fault.kind, name);
  if (name == "factor" && !parse_int(value, 1, 1'000'000))
    return fmt::format("fault {}: factor: expected a number from 1 to 1000000", fault.kind);
  return std::nullopt;
}

// "leader(orders-0)" -> "orders-0".
std::optional<std::string> within(const std::string& target, std::string_view word) {
  if (!target.starts_with(word) || target.size() < word.size() + 2) return std::nullopt;
  if (target[word.size()] != '(' || target.back() != ')') return std::nullopt;
  return target.substr(word.size() + 1, target.size() - word.size() - 2);
}

Wrong wrong_partition(const Plan& plan, const std::string& name) {
  const auto split = split_log_name(name);
  for (const TopicPlan& topic : plan.topics) {
    if (!split || topic.name != split->first) continue;
    if (split->second >= 0 && split->second < topic.partitions) return std::nullopt;
    return fmt::format("topic {} has the partitions 0 to {}", topic.name, topic.partitions - 1);
  }
  return fmt::format("no partition \"{}\"", name);
}

Wrong wrong_target(const Plan& plan, const FaultPlan& fault) {
  const std::string& target = fault.target;
  for (std::string_view word : {"leader", "follower"}) {
    if (const auto name = within(target, word)) return wrong_partition(plan, *name);
  }
  std::vector<std::string> known = {"controller", "all",        "brokers",        "controllers",
                                    "any",        "any broker", "any controller", std::string(kHere)};
  for (const NodePlan& node : plan.cluster.nodes) {
    known.push_back(machine_name(node));
    if (!node.rack.empty()) known.push_back("rack " + node.rack);
  }
  for (const ProducerPlan& producer : plan.producers) known.push_back(producer.name);
  for (const ConsumerPlan& consumer : plan.consumers) known.push_back(consumer.name);
  if (std::find(known.begin(), known.end(), target) != known.end()) return std::nullopt;
  return fmt::format("no target \"{}\"{}", target, meant(target, known));
}

Wrong wrong_fault(const Plan& plan) {
  for (const FaultPlan& fault : plan.faults) {
    for (const auto& [name, value] : fault.parameters) {
      if (const Wrong wrong = wrong_parameter(fault, name, value)) return wrong;
    }
    if (const Wrong wrong = wrong_target(plan, fault)) return fmt::format("fault {}: {}", fault.kind, *wrong);
  }
  return std::nullopt;
}

// ---- Kafka's configurations ----

Wrong wrong_node(const Plan& plan) {
  std::vector<std::string> known;
  for (const ConfigDef& def : broker_config_defs()) known.emplace_back(def.name);
  const auto unknown = [&](const Properties& config) -> Wrong {
    for (const auto& [key, value] : config) {
      if (key.starts_with("listener.name.") || std::find(known.begin(), known.end(), key) != known.end())
        continue;
      return fmt::format("cluster: no configuration \"{}\"{}", key, meant(key, known));
    }
    return std::nullopt;
  };
  if (const Wrong wrong = unknown(plan.cluster.config)) return wrong;
  for (const NodePlan& node : plan.cluster.nodes) {
    if (const Wrong wrong = unknown(node.config)) return wrong;
    std::vector<std::string> warnings;
    const Result<ServerConfig> config = ServerConfig::parse_text(server_properties(plan, node), warnings);
    if (!config.ok()) return fmt::format("{}: {}", machine_name(node), config.error().message);
  }
  return std::nullopt;
}

Wrong wrong_topic(const Plan& plan) {
  std::set<std::string> names;
  for (const TopicPlan& topic : plan.topics) {
    if (!names.insert(topic.name).second) return fmt::format("two topics have the name \"{}\"", topic.name);
    if (const Result<void> good = check_topic_name(topic.name); !good.ok())
      return fmt::format("topic \"{}\": {}", topic.name, good.error().message);
    ConfigMap settings;
    for (const auto& [key, value] : topic.config) settings[key] = value;
    if (const Result<void> good = check_topic_configs(settings); !good.ok())
      return fmt::format("topic {}: {}", topic.name, good.error().message);
  }
  return std::nullopt;
}

template <class Config>
Wrong refused(const std::string& name, const Result<Config>& config) {
  if (!config.ok()) return fmt::format("{}: {}", name, config.error().message);
  const Result<void> good = config->validate();
  if (!good.ok()) return fmt::format("{}: {}", name, good.error().message);
  return std::nullopt;
}

Wrong wrong_client(const Plan& plan) {
  constexpr std::string_view kAnyServer = "broker-1:9092";
  for (const ProducerPlan& producer : plan.producers) {
    if (const Wrong wrong = refused(producer.name, producer_config(producer.config, std::string(kAnyServer))))
      return wrong;
  }
  for (const ConsumerPlan& consumer : plan.consumers) {
    if (const Wrong wrong = refused(consumer.name, consumer_config(consumer.config, std::string(kAnyServer))))
      return wrong;
  }
  return std::nullopt;
}

Wrong wrong_cluster(const Plan& plan) {
  if (plan.cluster.nodes.empty()) return "cluster: there are no nodes";
  const bool any = std::any_of(plan.cluster.nodes.begin(), plan.cluster.nodes.end(),
                               [](const NodePlan& node) { return node.controller; });
  if (!any) return "cluster: no node is a controller";
  return std::nullopt;
}

Wrong wrong_time(const Plan& plan) {
  constexpr Duration kMost = seconds(30LL * 24 * 3600);
  if (plan.duration > kMost || plan.settle > kMost) return "duration and settle: at most 30 days";
  return std::nullopt;
}

}  // namespace

Wrong what_is_wrong(const Plan& plan, bool for_kafka) {
  using Check = Wrong (*)(const Plan&);
  constexpr Check kAlways[] = {wrong_time, wrong_names, wrong_sites, wrong_fault};
  constexpr Check kKafka[] = {wrong_cluster, wrong_node, wrong_topic, wrong_client};
  for (const Check check : kAlways) {
    if (Wrong wrong = check(plan)) return wrong;
  }
  for (const Check check : kKafka) {
    if (!for_kafka) break;
    if (Wrong wrong = check(plan)) return wrong;
  }
  return std::nullopt;
}

}  // namespace ksim::sim
