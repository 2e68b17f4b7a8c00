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
#include "sim/faults/all.h"
#include "sim/faults/settings.h"
#include "sim/plan/words.h"
#include "sim/runner/cluster.h"
#include "sim/workloads/all.h"
#include "sim/workloads/client_config.h"

namespace ksim::sim {
namespace {

// What is wrong, and with which part of the plan.
struct Finding {
  std::string path;
  std::string text;
};
using Wrong = std::optional<Finding>;

Wrong wrong_names(const Plan& plan) {
  std::set<std::string> names = {"admin"};
  const auto add = [&](const std::string& path, const std::string& name) -> Wrong {
    if (names.insert(name).second) return std::nullopt;
    return Finding{path + ".name",
                   fmt::format("two machines have the name \"{}\" (nodes, producers, consumers, raw "
                               "drivers and \"admin\" are machines)",
                               name)};
  };
  for (const NodePlan& node : plan.cluster.nodes) {
    if (Wrong wrong = add(node.path, machine_name(node))) return wrong;
  }
  for (const ProducerPlan& producer : plan.producers) {
    if (Wrong wrong = add(producer.path, producer.name)) return wrong;
  }
  for (const ConsumerPlan& consumer : plan.consumers) {
    if (Wrong wrong = add(consumer.path, consumer.name)) return wrong;
  }
  for (const RawDriverPlan& driver : plan.raw_drivers) {
    if (Wrong wrong = add(driver.path, driver.name)) return wrong;
  }
  for (const AdminPlan& admin : plan.admins) {
    if (Wrong wrong = add(admin.path, admin.name)) return wrong;
  }
  for (const WorkloadPlan& workload : plan.workloads) {
    if (Wrong wrong = add(workload.path, workload.name)) return wrong;
  }
  return std::nullopt;
}

Wrong wrong_sites(const Plan& plan) {
  std::vector<std::string> sites;
  for (size_t i = 0; i < kSiteCount; ++i) sites.emplace_back(site_name(static_cast<Site>(i)));
  for (const std::string& site : plan.buggify) {
    if (std::find(sites.begin(), sites.end(), site) == sites.end())
      return Finding{"buggify", fmt::format("buggify: no site \"{}\"{}", site, did_you_mean(site, sites))};
  }
  return std::nullopt;
}

// ---- faults ----

using Words = std::optional<std::string>;

Words one_of(const std::string& value, std::initializer_list<std::string_view> allowed) {
  if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return std::nullopt;
  return fmt::format("expected one of {}", fmt::join(allowed, ", "));
}

Words wrong_value(const std::string& name, const std::string& value) {
  if (name == "direction") return one_of(value, {"in", "out"});
  if (name == "what") return one_of(value, {"read", "write", "sync", "all"});
  constexpr std::string_view kDurations[] = {"extra", "down", "up", "gap", "up_to", "pause"};
  if (std::find(std::begin(kDurations), std::end(kDurations), name) != std::end(kDurations) &&
      !parse_duration(value))
    return "expected a duration such as \"250ms\" or \"10s\"";
  if (name == "by") {
    const auto by = parse_duration(value.starts_with("-") ? value.substr(1) : value);
    if (!by || *by > seconds(10LL * 365 * 24 * 3600))
      return "expected how far to jump, such as \"1h\" or \"-10s\", at most 10 years";
  }
  if (name == "factor" && !parse_int(value, 1, 1'000'000)) return "expected a number from 1 to 1000000";
  if (name == "bytes_per_second" && !parse_int(value, 1'000, 1'000'000'000))
    return "expected a number from 1000 to 1000000000";
  if (name == "batches" && !parse_int(value, 1, 1'000)) return "expected a number from 1 to 1000";
  if (name == "room" && !parse_int(value, 0, 1'000'000'000)) return "expected a number from 0 to 1000000000";
  if (name == "ppm" && !parse_int(value, -50'000, 50'000)) return "expected a number from -50000 to 50000";
  return std::nullopt;
}

// "leader(orders-0)" -> "orders-0".
std::optional<std::string> within(const std::string& target, std::string_view word) {
  if (!target.starts_with(word) || target.size() < word.size() + 2) return std::nullopt;
  if (target[word.size()] != '(' || target.back() != ')') return std::nullopt;
  return target.substr(word.size() + 1, target.size() - word.size() - 2);
}

Words wrong_partition(const Plan& plan, const std::string& name) {
  const auto split = split_log_name(name);
  std::vector<std::string> known;
  for (const TopicPlan& topic : plan.topics) {
    known.push_back(topic.name + "-0");
    if (!split || topic.name != split->first) continue;
    if (split->second >= 0 && split->second < topic.partitions) return std::nullopt;
    return fmt::format("topic {} has the partitions 0 to {}", topic.name, topic.partitions - 1);
  }
  return fmt::format("no partition \"{}\"{}", name, did_you_mean(name, known));
}

// A target, or a peer: `clients` may be meant where the fault can strike them.
Words wrong_target(const Plan& plan, const std::string& target, bool clients, bool here) {
  for (std::string_view word : {"leader", "follower", "outsider"}) {
    const auto name = within(target, word);
    if (name && here && *name == kHere) return std::nullopt;
    if (name) return wrong_partition(plan, *name);
  }
  std::vector<std::string> known = {"controller", "all",        "brokers",       "controllers",
                                    "any",        "any broker", "any controller"};
  if (here) known.emplace_back(kHere);
  for (const NodePlan& node : plan.cluster.nodes) {
    known.push_back(machine_name(node));
    if (!node.rack.empty()) known.push_back("rack " + node.rack);
  }
  std::vector<std::string> machines;
  for (const ProducerPlan& producer : plan.producers) machines.push_back(producer.name);
  for (const ConsumerPlan& consumer : plan.consumers) machines.push_back(consumer.name);
  for (const RawDriverPlan& driver : plan.raw_drivers) machines.push_back(driver.name);
  for (const AdminPlan& admin : plan.admins) machines.push_back(admin.name);
  for (const WorkloadPlan& workload : plan.workloads) machines.push_back(workload.name);
  if (!clients && std::find(machines.begin(), machines.end(), target) != machines.end())
    return fmt::format("\"{}\" is a client: this cannot be done to its machine", target);
  if (clients) {
    for (const char* word :
         {"clients", "producers", "consumers", "any client", "any producer", "any consumer"})
      known.emplace_back(word);
    known.insert(known.end(), machines.begin(), machines.end());
  }
  if (std::find(known.begin(), known.end(), target) != known.end()) return std::nullopt;
  return fmt::format("no target \"{}\"{}", target, did_you_mean(target, known));
}

Words wrong_key(const std::string& key) {
  if (key.starts_with("listener.name.") || find_broker_config(key) != nullptr) return std::nullopt;
  std::vector<std::string> known;
  for (const ConfigDef& def : broker_config_defs()) known.emplace_back(def.name);
  return fmt::format("no configuration \"{}\"{}", key, did_you_mean(key, known));
}

Words wrong_configuration(const Plan& plan, const NodePlan& node) {
  std::vector<std::string> warnings;
  const Result<ServerConfig> config = ServerConfig::parse_text(server_properties(plan, node), warnings);
  return config.ok() ? std::nullopt : Words(config.error().message);
}

// The settings of a restart, over those of every node.
Words wrong_settings(const Plan& plan, const FaultPlan& fault) {
  const Result<Properties> settings = parse_settings(parameter(fault, "set", std::string()));
  if (!settings.ok()) return settings.error().message;
  if (settings->empty()) return "no settings: expected key=value, ...";
  for (const auto& [key, value] : *settings) {
    if (const Words words = wrong_key(key)) return words;
  }
  for (NodePlan node : plan.cluster.nodes) {
    for (const auto& [key, value] : *settings) node.config[key] = value;
    if (const Words words = wrong_configuration(plan, node)) return words;
  }
  return std::nullopt;
}

Wrong wrong_fault(const Plan& plan) {
  for (const FaultPlan& fault : plan.faults) {
    const auto wrong = [&](const std::string& key, const std::string& text) {
      return Finding{fault.path + "." + key, fmt::format("fault {}: {}: {}", fault.kind, key, text)};
    };
    const std::optional<FaultKind> kind = find_fault(fault.kind);
    const bool clients = kind && kind->clients;
    for (const auto& [name, value] : fault.parameters) {
      if (const Words words = wrong_value(name, value)) return wrong(name, *words);
      if (name != "peer") continue;
      if (const Words words = wrong_target(plan, value, true, false)) return wrong(name, *words);
    }
    if (const Words words = wrong_target(plan, fault.target, clients, true)) return wrong("target", *words);
    if (fault.kind != "restart") continue;
    if (const Words words = wrong_settings(plan, fault)) return wrong("set", *words);
  }
  return std::nullopt;
}

// ---- Kafka's configurations ----

Wrong wrong_node(const Plan& plan) {
  const auto unknown = [&](const std::string& path, const Properties& config) -> Wrong {
    for (const auto& [key, value] : config) {
      if (const Words words = wrong_key(key))
        return Finding{fmt::format("{}.config.{}", path, key), "cluster: " + *words};
    }
    return std::nullopt;
  };
  if (Wrong wrong = unknown("cluster", plan.cluster.config)) return wrong;
  for (const NodePlan& node : plan.cluster.nodes) {
    if (Wrong wrong = unknown(node.path, node.config)) return wrong;
    if (const Words words = wrong_configuration(plan, node))
      return Finding{node.path, fmt::format("{}: {}", machine_name(node), *words)};
  }
  return std::nullopt;
}

Wrong wrong_topic(const Plan& plan) {
  std::vector<std::string> known;
  for (const ConfigDef& def : topic_config_defs()) known.emplace_back(def.name);
  std::set<std::string> names;
  for (const TopicPlan& topic : plan.topics) {
    if (!names.insert(topic.name).second)
      return Finding{topic.path + ".name", fmt::format("two topics have the name \"{}\"", topic.name)};
    if (const Result<void> good = check_topic_name(topic.name); !good.ok())
      return Finding{topic.path + ".name", fmt::format("topic \"{}\": {}", topic.name, good.error().message)};
    ConfigMap settings;
    for (const auto& [key, value] : topic.config) {
      if (std::find(known.begin(), known.end(), key) == known.end()) {
        return Finding{
            fmt::format("{}.config.{}", topic.path, key),
            fmt::format("topic {}: no configuration \"{}\"{}", topic.name, key, did_you_mean(key, known))};
      }
      settings[key] = value;
    }
    if (const Result<void> good = check_topic_configs(settings); !good.ok())
      return Finding{topic.path + ".config", fmt::format("topic {}: {}", topic.name, good.error().message)};
  }
  return std::nullopt;
}

template <class Config>
Wrong refused(const std::string& path, const std::string& name, const Properties& properties,
              const std::vector<std::string>& known, Config make) {
  for (const auto& [key, value] : properties) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    return Finding{
        fmt::format("{}.config.{}", path, key),
        fmt::format("{}: no configuration \"{}\" of this client{}", name, key, did_you_mean(key, known))};
  }
  constexpr std::string_view kAnyServer = "broker-1:9092";
  const auto config = make(properties, std::string(kAnyServer));
  if (!config.ok()) return Finding{path + ".config", fmt::format("{}: {}", name, config.error().message)};
  const Result<void> good = config->validate();
  if (!good.ok()) return Finding{path + ".config", fmt::format("{}: {}", name, good.error().message)};
  return std::nullopt;
}

Wrong wrong_client(const Plan& plan) {
  for (const ProducerPlan& producer : plan.producers) {
    if (Wrong wrong =
            refused(producer.path, producer.name, producer.config, producer_keys(), producer_config))
      return wrong;
  }
  for (const ConsumerPlan& consumer : plan.consumers) {
    if (Wrong wrong =
            refused(consumer.path, consumer.name, consumer.config, consumer_keys(), consumer_config))
      return wrong;
  }
  return std::nullopt;
}

Wrong wrong_workload(const Plan& plan) {
  for (const WorkloadPlan& workload : plan.workloads) {
    const std::optional<WorkloadKind> kind = find_workload(workload.kind);
    if (!kind) continue;  // the parser has told
    if (kind->topic && workload.topic.empty())
      return Finding{workload.path, fmt::format("workload {}: topic is missing", workload.name)};
    for (const WorkloadParameter& known : kind->parameters) {
      const auto given = workload.parameters.find(std::string(known.name));
      if (given == workload.parameters.end()) continue;
      const bool number = known.type == WorkloadParameter::Type::number;
      if (number ? parse_int(given->second, 1, 1'000'000).has_value()
                 : parse_duration(given->second).has_value())
        continue;
      return Finding{
          fmt::format("{}.{}", workload.path, known.name),
          fmt::format("workload {}: {}: expected a {}", workload.name, known.name,
                      number ? "number from 1 to 1000000" : "duration such as \"250ms\" or \"10s\"")};
    }
  }
  return std::nullopt;
}

Wrong wrong_cluster(const Plan& plan) {
  if (plan.cluster.nodes.empty()) return Finding{"cluster", "cluster: there are no nodes"};
  const bool any = std::any_of(plan.cluster.nodes.begin(), plan.cluster.nodes.end(),
                               [](const NodePlan& node) { return node.controller; });
  if (!any) return Finding{"cluster", "cluster: no node is a controller"};
  return std::nullopt;
}

Wrong wrong_time(const Plan& plan) {
  constexpr Duration kMost = seconds(30LL * 24 * 3600);
  for (const auto& [key, value] : {std::pair("duration", plan.duration), {"settle", plan.settle}}) {
    if (value > kMost) return Finding{key, fmt::format("{}: at most 30 days", key)};
  }
  return std::nullopt;
}

// What is no cluster of Kafka has none of Kafka's parts.
Wrong wrong_parts(const Plan& plan) {
  const auto wrong = [&](const char* what) {
    return Finding{"scenario",
                   fmt::format("scenario \"{}\" is no cluster of Kafka: it has no {}", plan.scenario, what)};
  };
  if (!plan.topics.empty()) return wrong("topics");
  if (!plan.producers.empty() || !plan.consumers.empty() || !plan.raw_drivers.empty() ||
      !plan.admins.empty() || !plan.workloads.empty())
    return wrong("clients");
  return std::nullopt;
}

}  // namespace

std::optional<std::string> what_is_wrong(const Plan& plan, const std::string& name, bool for_kafka) {
  using Check = Wrong (*)(const Plan&);
  constexpr Check kKafka[] = {wrong_cluster, wrong_node, wrong_topic, wrong_client, wrong_workload};
  constexpr Check kAlways[] = {wrong_time, wrong_names, wrong_sites, wrong_fault};
  Wrong wrong = for_kafka ? std::nullopt : wrong_parts(plan);
  for (const Check check : kKafka) {
    if (for_kafka && !wrong) wrong = check(plan);
  }
  for (const Check check : kAlways) {
    if (!wrong) wrong = check(plan);
  }
  if (!wrong) return std::nullopt;
  const Place place = plan.place_of(wrong->path);
  return place.line == 0 ? fmt::format("{}: {}", name, wrong->text)
                         : fmt::format("{}:{}:{}: {}", name, place.line, place.column, wrong->text);
}

}  // namespace ksim::sim
