// kctl cluster and quorum.

#include <CLI/CLI.hpp>
#include <algorithm>

#include <fmt/format.h>

#include "core/apps/kctl/command_line.h"
#include "core/apps/kctl/commands.h"
#include "core/apps/kctl/text/time_text.h"
#include "core/wire/api_table.h"

namespace ksim::kctl {
namespace {

using client::BrokerNode;
using client::ClusterDescription;
using client::NodeVersions;

constexpr std::string_view kMetadataVersion = "metadata.version";

struct ClusterOptions {
  bool apis = false;
};

std::string api_name(int16_t key) {
  const wire::ApiInfo* const api = wire::find_api(key);
  return api == nullptr ? fmt::format("({})", key) : std::string(api->name);
}

std::string range_text(const NodeVersions::Range& range) {
  return range.lowest == range.highest ? std::to_string(range.lowest)
                                       : fmt::format("{}-{}", range.lowest, range.highest);
}

Json broker_json(const BrokerNode& broker, bool fenced) {
  return {{"id", broker.id},
          {"host", broker.endpoint.host},
          {"port", broker.endpoint.port},
          {"rack", broker.rack ? Json(*broker.rack) : Json()},
          {"fenced", fenced}};
}

void show_brokers(Session& session, const ClusterDescription& cluster, Json& json) {
  Table table({"BROKER", "ADDRESS", "RACK", "STATE"});
  const auto add = [&](const BrokerNode& broker, bool fenced) {
    const bool controls = broker.id == cluster.controller_id;
    table.add({int64_t{broker.id}, to_string(broker.endpoint), broker.rack.value_or("-"),
               fenced     ? Cell("fenced", Style::bad)
               : controls ? Cell("active, controller", Style::good)
                          : Cell("active", Style::good)});
    json["brokers"].push_back(broker_json(broker, fenced));
  };
  for (const BrokerNode& broker : cluster.brokers) add(broker, false);
  for (const BrokerNode& broker : cluster.fenced) add(broker, true);
  if (!session.output.json()) session.output.table(table);
}

void show_features(Session& session, const NodeVersions& versions, Json& json) {
  Table table({"FEATURE", "LEVEL", "SUPPORTED"});
  json["features"] = Json::object();
  for (const auto& [name, range] : versions.supported_features) {
    const auto it = versions.finalized_features.find(name);
    const bool off = it == versions.finalized_features.end();
    table.add({name, off ? Cell("-") : Cell(int64_t{it->second}), range_text(range)});
    json["features"][name] = {{"level", off ? Json() : Json(it->second)},
                              {"supported", {range.lowest, range.highest}}};
  }
  json["features_epoch"] = versions.finalized_epoch;
  if (session.output.json() || table.empty()) return;
  session.output.line("");
  session.output.table(table);
}

// One column for each broker that speaks other versions than those before it.
void show_apis(Session& session, const std::map<int32_t, NodeVersions>& versions, Json& json) {
  std::map<int16_t, std::vector<Cell>> rows;
  std::vector<std::string> headings{"KEY", "API"};
  std::vector<const NodeVersions*> columns;
  json["apis"] = Json::object();
  for (const auto& [broker, has] : versions) {
    headings.push_back("BROKER " + std::to_string(broker));
    columns.push_back(&has);
    Json& apis = json["apis"][std::to_string(broker)];
    for (const auto& [key, range] : has.apis) {
      rows[key];
      apis.push_back({{"key", key}, {"name", api_name(key)}, {"min", range.lowest}, {"max", range.highest}});
    }
  }
  if (session.output.json()) return;
  Table table(headings);
  for (auto& [key, row] : rows) {
    row = {int64_t{key}, api_name(key)};
    for (const NodeVersions* const column : columns) {
      const auto it = column->apis.find(key);
      row.push_back(it == column->apis.end() ? Cell("-") : Cell(range_text(it->second)));
    }
    table.add(row);
  }
  session.output.line("");
  session.output.table(table);
}

int show_cluster(Session& session, const ClusterOptions& options) {
  auto admin = AdminClient::connect(session);
  if (!admin.ok()) return session.failed(admin.error().message);
  const Deadline deadline = session.deadline();
  const auto cluster = (*admin)->describe_cluster(deadline);
  if (!cluster.ok()) return session.failed("describing the cluster", cluster.error());
  const auto versions = (*admin)->describe_versions(std::nullopt, deadline);
  if (!versions.ok()) return session.failed("asking for features", versions.error());
  Json json{{"cluster_id", cluster->cluster_id},
            {"controller", cluster->controller_id < 0 ? Json() : Json(cluster->controller_id)},
            {"brokers", Json::array()}};
  if (!session.output.json()) {
    const auto level = versions->finalized_features.find(std::string(kMetadataVersion));
    std::string line = fmt::format("cluster {}  {}", cluster->cluster_id,
                                   counted(static_cast<int64_t>(cluster->brokers.size()), "broker"));
    if (level != versions->finalized_features.end())
      line += fmt::format(", {} {}", kMetadataVersion, level->second);
    session.output.line(line);
  }
  show_brokers(session, *cluster, json);
  show_features(session, *versions, json);
  if (options.apis) {
    std::map<int32_t, NodeVersions> by_broker;
    for (const BrokerNode& broker : cluster->brokers) {
      auto of_broker = (*admin)->describe_versions(broker.id, deadline);
      if (!of_broker.ok())
        return session.failed(fmt::format("asking broker {} for its versions", broker.id), of_broker.error());
      by_broker[broker.id] = std::move(*of_broker);
    }
    show_apis(session, by_broker, json);
  }
  if (session.output.json()) session.output.document(json);
  return kDone;
}

// ---- quorum ----

struct QuorumOptions {};

int show_quorum(Session& session, const QuorumOptions&) {
  auto admin = AdminClient::connect(session);
  if (!admin.ok()) return session.failed(admin.error().message);
  const auto quorum = (*admin)->describe_quorum(session.deadline());
  if (!quorum.ok()) return session.failed("describing the quorum", quorum.error());
  int64_t end = quorum->high_watermark;
  for (const client::QuorumReplica& voter : quorum->voters)
    if (voter.id == quorum->leader_id) end = std::max(end, voter.log_end_offset);
  const int64_t now = session.env.clock.wall().ms();
  Table table({"NODE", "ROLE", "LOG END", "LAG", "CAUGHT UP", "DIRECTORY"});
  Json json{{"leader", quorum->leader_id},
            {"leader_epoch", quorum->leader_epoch},
            {"high_watermark", quorum->high_watermark},
            {"voters", Json::array()},
            {"observers", Json::array()}};
  const auto add = [&](const client::QuorumReplica& replica, const char* list) {
    const bool leads = replica.id == quorum->leader_id;
    const int64_t lag = replica.log_end_offset < 0 ? -1 : std::max<int64_t>(end - replica.log_end_offset, 0);
    const int64_t behind_ms = replica.last_caught_up_timestamp_ms < 0
                                  ? -1
                                  : std::max<int64_t>(now - replica.last_caught_up_timestamp_ms, 0);
    table.add({int64_t{replica.id},
               leads ? Cell("leader", Style::good)
                     : Cell(list == std::string_view("voters") ? "voter" : "observer"),
               replica.log_end_offset < 0 ? Cell("-") : Cell(replica.log_end_offset),
               lag < 0 ? Cell("unknown", Style::bad) : Cell(lag),
               leads           ? Cell("-")
               : behind_ms < 0 ? Cell("unknown")
                               : Cell(fmt::format("{:.1f} s ago", static_cast<double>(behind_ms) / 1000)),
               replica.directory_id.is_zero() ? "-" : replica.directory_id.to_string()});
    json[list].push_back({{"id", replica.id},
                          {"log_end_offset", replica.log_end_offset},
                          {"lag", lag < 0 ? Json() : Json(lag)},
                          {"last_fetch_timestamp", replica.last_fetch_timestamp_ms},
                          {"last_caught_up_timestamp", replica.last_caught_up_timestamp_ms},
                          {"directory_id", replica.directory_id.to_string()}});
  };
  for (const client::QuorumReplica& voter : quorum->voters) add(voter, "voters");
  for (const client::QuorumReplica& observer : quorum->observers) add(observer, "observers");
  if (session.output.json()) {
    session.output.document(json);
    return kDone;
  }
  session.output.line(fmt::format("leader {}, epoch {}, high watermark {}", quorum->leader_id,
                                  quorum->leader_epoch, quorum->high_watermark));
  session.output.table(table);
  return kDone;
}

}  // namespace

void add_cluster_commands(CLI::App& kctl, Invocation& invocation) {
  CLI::App& cluster =
      add_command(kctl, "cluster", "brokers, controller, features",
                  "  kctl cluster -b broker1:9092,broker2:9092\n"
                  "  kctl cluster --apis        which requests each broker knows, by version");
  const auto options = std::make_shared<ClusterOptions>();
  cluster.add_flag("--apis", options->apis, "the versions of each API");
  runs(cluster, invocation, options, show_cluster);
  CLI::App& quorum = add_command(kctl, "quorum", "the metadata quorum: leader, epoch, who lags",
                                 "  kctl quorum\n  kctl quorum --json");
  runs(quorum, invocation, std::make_shared<QuorumOptions>(), show_quorum);
}

}  // namespace ksim::kctl
