// kctl topic list and describe.

#include <CLI/CLI.hpp>
#include <algorithm>

#include <fmt/format.h>

#include "core/apps/kctl/command_line.h"
#include "core/apps/kctl/config_text.h"
#include "core/apps/kctl/topic.h"

namespace ksim::kctl {
namespace {

using client::PartitionMetadata;
using client::TopicDescription;
using Topics = std::map<std::string, TopicDescription>;
using Eligible = std::map<TopicPartition, client::EligibleReplicas>;

struct ListOptions {
  bool internal = false;
  bool names = false;
};

size_t replication_of(const TopicDescription& topic) {
  size_t least = SIZE_MAX;
  for (const auto& [index, partition] : topic.partitions) least = std::min(least, partition.replicas.size());
  return topic.partitions.empty() ? 0 : least;
}

bool is_unhealthy(const PartitionMetadata& partition) {
  return !partition.leader.has_leader() || partition.isr.size() < partition.replicas.size();
}

int64_t unhealthy_partitions(const TopicDescription& topic) {
  return std::count_if(topic.partitions.begin(), topic.partitions.end(),
                       [](const auto& entry) { return is_unhealthy(entry.second); });
}

int list_topics(Session& session, const ListOptions& options) {
  auto admin = AdminClient::connect(session);
  if (!admin.ok()) return session.failed(admin.error().message);
  const auto names = (*admin)->list_topics(session.deadline(), options.internal);
  if (!names.ok()) return session.failed("listing topics", names.error());
  if (options.names) {
    Json list = Json::array();
    for (const std::string& name : *names) {
      if (!session.output.json()) session.output.line(name);
      list.push_back(name);
    }
    if (session.output.json()) session.output.document({{"topics", list}});
    return kDone;
  }
  Topics topics;
  if (!names->empty()) {
    auto described = (*admin)->describe_topics(*names, session.deadline());
    if (!described.ok()) return session.failed("describing topics", described.error());
    topics = std::move(*described);
  }
  Table table({"TOPIC", "PARTITIONS", "REPLICAS", "UNHEALTHY"});
  Json list = Json::array();
  for (const auto& [name, topic] : topics) {
    const int64_t unhealthy = unhealthy_partitions(topic);
    table.add({Cell(name, topic.is_internal ? Style::faint : Style::plain),
               static_cast<int64_t>(topic.partitions.size()), static_cast<int64_t>(replication_of(topic)),
               Cell(std::to_string(unhealthy), unhealthy > 0 ? Style::bad : Style::plain)});
    list.push_back({{"name", name},
                    {"id", topic.id.to_string()},
                    {"internal", topic.is_internal},
                    {"partitions", topic.partitions.size()},
                    {"replication", replication_of(topic)},
                    {"unhealthy_partitions", unhealthy}});
  }
  if (session.output.json()) {
    session.output.document({{"topics", list}});
  } else {
    session.output.table(table);
  }
  return kDone;
}

struct DescribeOptions {
  std::vector<std::string> names;
  bool internal = false;
  bool unhealthy = false;
};

std::string ids(const std::vector<int32_t>& list) {
  return list.empty() ? "-" : fmt::format("{}", fmt::join(list, ","));
}

Json partition_json(int32_t index, const PartitionMetadata& partition,
                    const client::EligibleReplicas* eligible) {
  Json json{{"partition", index},
            {"leader", partition.leader.leader_id},
            {"leader_epoch", partition.leader.epoch.value_or(-1)},
            {"replicas", partition.replicas},
            {"isr", partition.isr},
            {"offline", partition.offline_replicas}};
  if (eligible != nullptr) {
    json["elr"] = eligible->eligible;
    json["last_known_elr"] = eligible->last_known;
  }
  if (partition.error != ErrorCode::NONE) json["error"] = to_string(partition.error);
  return json;
}

std::vector<Cell> partition_row(int32_t index, const PartitionMetadata& partition,
                                const client::EligibleReplicas* eligible) {
  const bool leaderless = !partition.leader.has_leader();
  const bool short_isr = partition.isr.size() < partition.replicas.size();
  return {
      int64_t{index},
      leaderless ? Cell("none", Style::bad) : Cell(int64_t{partition.leader.leader_id}),
      partition.leader.epoch ? Cell(int64_t{*partition.leader.epoch}) : Cell("-"),
      ids(partition.replicas),
      Cell(ids(partition.isr), short_isr ? Style::bad : Style::plain),
      eligible == nullptr ? "-" : ids(eligible->eligible),
      Cell(ids(partition.offline_replicas), partition.offline_replicas.empty() ? Style::plain : Style::bad)};
}

struct Description {
  const std::string& name;
  const TopicDescription& topic;
  const Eligible& eligible;
  std::vector<client::ConfigEntry> configs;  // that differ from the default
};

void show(Session& session, const Description& description, bool unhealthy_only, Json& list) {
  const auto& [name, topic, eligible, configs] = description;
  Table table({"PARTITION", "LEADER", "EPOCH", "REPLICAS", "ISR", "ELR", "OFFLINE"});
  Json partitions = Json::array();
  for (const auto& [index, partition] : topic.partitions) {
    if (unhealthy_only && !is_unhealthy(partition)) continue;
    const auto it = eligible.find({name, index});
    const auto* const elr = it == eligible.end() ? nullptr : &it->second;
    table.add(partition_row(index, partition, elr));
    partitions.push_back(partition_json(index, partition, elr));
  }
  if (unhealthy_only && table.empty()) return;
  Json json{{"name", name}, {"id", topic.id.to_string()}, {"internal", topic.is_internal}};
  json["partitions"] = std::move(partitions);
  json["configs"] = configs_json(configs);
  list.push_back(std::move(json));
  if (session.output.json()) return;
  if (list.size() > 1) session.output.line("");
  session.output.line(
      fmt::format("{}  {}, {}, id {}", coloured(name, Style::heading, session.output.colours()),
                  counted(static_cast<int64_t>(topic.partitions.size()), "partition"),
                  counted(static_cast<int64_t>(replication_of(topic)), "replica"), topic.id.to_string()));
  for (const client::ConfigEntry& config : configs)
    session.output.line(fmt::format("  {}={}  ({})", config.name, config.value.value_or("<hidden>"),
                                    source_name(config.source)));
  session.output.table(table);
}

int describe_topics(Session& session, const DescribeOptions& options) {
  auto admin = AdminClient::connect(session);
  if (!admin.ok()) return session.failed(admin.error().message);
  std::vector<std::string> names = options.names;
  if (names.empty()) {
    auto all = (*admin)->list_topics(session.deadline(), options.internal);
    if (!all.ok()) return session.failed("listing topics", all.error());
    names = std::move(*all);
  }
  Json list = Json::array();
  if (!names.empty()) {
    const auto topics = (*admin)->describe_topics(names, session.deadline());
    if (!topics.ok()) return session.failed("describing topics", topics.error());
    auto eligible = (*admin)->describe_eligible_replicas(names, session.deadline());
    if (!eligible.ok() && eligible.error().code != ErrorCode::UNSUPPORTED_VERSION)
      return session.failed("asking for eligible leader replicas", eligible.error());
    const Eligible known = eligible.ok() ? std::move(*eligible) : Eligible{};
    for (const auto& [name, topic] : *topics) {
      auto configs =
          (*admin)->describe_configs({client::ConfigResourceType::topic, name}, session.deadline());
      if (!configs.ok()) return session.failed("asking for configs of " + name, configs.error());
      show(session, {name, topic, known, set_configs(std::move(*configs))}, options.unhealthy, list);
    }
  }
  if (session.output.json()) session.output.document({{"topics", list}});
  return kDone;
}

}  // namespace

void add_topic_list(CLI::App& topic, Invocation& invocation) {
  CLI::App& command =
      add_command(topic, "list", "list topics", "  kctl topic list\n  kctl topic list --names --internal");
  const auto options = std::make_shared<ListOptions>();
  command.add_flag("--internal", options->internal,
                   "with those of the brokers' own, like __consumer_offsets");
  command.add_flag("--names", options->names, "nothing but names");
  runs(command, invocation, options, list_topics);
}

void add_topic_describe(CLI::App& topic, Invocation& invocation) {
  CLI::App& command = add_command(
      topic, "describe", "leaders, replicas and configs of topics",
      "  kctl topic describe orders\n"
      "  kctl topic describe --unhealthy      partitions without a leader or with replicas out of sync");
  const auto options = std::make_shared<DescribeOptions>();
  command.add_option("name", options->names, "all but internal ones if none is given")->type_name("NAME...");
  command.add_flag("--internal", options->internal, "with those of the brokers' own, if none is given");
  command.add_flag("--unhealthy", options->unhealthy, "only partitions that are");
  runs(command, invocation, options, describe_topics);
}

}  // namespace ksim::kctl
