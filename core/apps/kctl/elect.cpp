// kctl elect and log-dirs.

#include <CLI/CLI.hpp>

#include <fmt/format.h>

#include "core/apps/kctl/command_line.h"
#include "core/apps/kctl/commands.h"
#include "core/apps/kctl/place.h"
#include "core/base/contains.h"

namespace ksim::kctl {
namespace {

struct ElectOptions {
  client::ElectionType type = client::ElectionType::preferred;
  std::vector<std::string> topics;
  std::vector<int32_t> partitions;
  bool all = false;
};

int elect(Session& session, const ElectOptions& options) {
  if (options.topics.empty() == !options.all)
    return session.bad_input("elect: name topics, or say --all for every partition of the cluster");
  auto admin = AdminClient::connect(session);
  if (!admin.ok()) return session.failed(admin.error().message);
  std::vector<TopicPartition> partitions;
  if (!options.all) {
    auto found = find_partitions(**admin, options.topics, options.partitions, session.deadline());
    if (!found.ok()) return session.failed("electing leaders", found.error());
    partitions = std::move(*found);
  }
  const auto results = (*admin)->elect_leaders(options.type, partitions, session.deadline());
  if (!results.ok()) return session.failed("electing leaders", results.error());
  int exit_code = kDone;
  Json list = Json::array();
  int64_t elected = 0;
  for (const auto& [partition, change] : *results) {
    const bool needless = change.error == ErrorCode::ELECTION_NOT_NEEDED;
    list.push_back({{"topic", partition.topic},
                    {"partition", partition.partition},
                    {"result", change.ok() ? "elected" : to_string(change.error)}});
    if (!change.ok() && !needless) {
      exit_code =
          session.failed(fmt::format("electing a leader of {}: {}", partition.to_string(), describe(change)));
    } else if (change.ok()) {
      ++elected;
      if (!session.output.json()) session.output.line("elected a leader of " + partition.to_string());
    }
  }
  if (session.output.json()) {
    session.output.document({{"partitions", list}});
  } else if (elected == 0 && exit_code == kDone) {
    session.output.line("no election was needed");
  }
  return exit_code;
}

void add_election(CLI::App& elect_group, Invocation& invocation, const char* name, client::ElectionType type,
                  const char* about, const char* examples) {
  CLI::App& command = add_command(elect_group, name, about, examples);
  const auto options = std::make_shared<ElectOptions>();
  options->type = type;
  command.add_option("topic", options->topics, "whose partitions")->type_name("TOPIC...");
  command.add_option("-p,--partition", options->partitions, "only this one; may come more than once")
      ->type_name("N")
      ->allow_extra_args(false);
  command.add_flag("--all", options->all, "every partition of the cluster");
  runs(command, invocation, options, elect);
}

// ---- log-dirs ----

struct LogDirsOptions {
  std::vector<int32_t> brokers;
  std::vector<std::string> topics;
  bool replicas = false;
};

Json directory_json(const client::LogDirDescription& directory) {
  Json json{{"path", directory.path},
            {"error", directory.error == ErrorCode::NONE ? Json() : Json(to_string(directory.error))},
            {"total_bytes", directory.total_bytes},
            {"usable_bytes", directory.usable_bytes},
            {"replicas", Json::array()}};
  for (const auto& [partition, replica] : directory.replicas)
    json["replicas"].push_back({{"topic", partition.topic},
                                {"partition", partition.partition},
                                {"size_bytes", replica.size_bytes},
                                {"offset_lag", replica.offset_lag},
                                {"future", replica.is_future}});
  return json;
}

int show_log_dirs(Session& session, const LogDirsOptions& options) {
  auto admin = AdminClient::connect(session);
  if (!admin.ok()) return session.failed(admin.error().message);
  std::vector<int32_t> brokers = options.brokers;
  if (brokers.empty()) {
    const auto cluster = (*admin)->describe_cluster(session.deadline());
    if (!cluster.ok()) return session.failed("describing the cluster", cluster.error());
    for (const client::BrokerNode& broker : cluster->brokers) brokers.push_back(broker.id);
  }
  Table directories({"BROKER", "DIRECTORY", "STATE", "REPLICAS", "RECORDS", "FREE", "OF"});
  Table replicas({"BROKER", "DIRECTORY", "PARTITION", "BYTES", "LAG"});
  Json list = Json::array();
  for (const int32_t broker : brokers) {
    auto described = (*admin)->describe_log_dirs(broker, session.deadline());
    if (!described.ok())
      return session.failed(fmt::format("asking broker {} for its log directories", broker),
                            described.error());
    Json of_broker{{"broker", broker}, {"directories", Json::array()}};
    for (client::LogDirDescription& directory : *described) {
      int64_t bytes = 0;
      for (auto it = directory.replicas.begin(); it != directory.replicas.end();) {
        const auto& [partition, replica] = *it;
        if (!options.topics.empty() && !contains(options.topics, partition.topic)) {
          it = directory.replicas.erase(it);
          continue;
        }
        bytes += replica.size_bytes;
        replicas.add({int64_t{broker}, directory.path,
                      partition.to_string() + (replica.is_future ? " (future)" : ""), replica.size_bytes,
                      replica.offset_lag});
        ++it;
      }
      const bool good = directory.error == ErrorCode::NONE;
      directories.add(
          {int64_t{broker}, directory.path,
           good ? Cell("online", Style::good) : Cell(std::string(to_string(directory.error)), Style::bad),
           static_cast<int64_t>(directory.replicas.size()), human_bytes(bytes),
           human_bytes(directory.usable_bytes), human_bytes(directory.total_bytes)});
      of_broker["directories"].push_back(directory_json(directory));
    }
    list.push_back(std::move(of_broker));
  }
  if (session.output.json()) {
    session.output.document({{"brokers", list}});
    return kDone;
  }
  session.output.table(options.replicas ? replicas : directories);
  return kDone;
}

}  // namespace

void add_elect_commands(CLI::App& kctl, Invocation& invocation) {
  CLI::App& elect_group = add_group(kctl, "elect", "elect leaders of partitions");
  add_election(elect_group, invocation, "preferred", client::ElectionType::preferred,
               "give leadership back to the first replica of each partition",
               "  kctl elect preferred orders\n  kctl elect preferred --all");
  add_election(elect_group, invocation, "unclean", client::ElectionType::unclean,
               "let a replica lead that may lack records: what it lacks is lost",
               "  kctl elect unclean orders --partition 3");
  CLI::App& command = add_command(kctl, "log-dirs", "log directories of brokers, and what lies in them",
                                  "  kctl log-dirs\n"
                                  "  kctl log-dirs --broker 1 --replicas --topic orders");
  const auto options = std::make_shared<LogDirsOptions>();
  command.add_option("--broker", options->brokers, "only this one; may come more than once")
      ->type_name("ID")
      ->allow_extra_args(false);
  command.add_option("--topic", options->topics, "only its replicas; may come more than once")
      ->type_name("NAME")
      ->allow_extra_args(false);
  command.add_flag("--replicas", options->replicas, "a line for each replica");
  runs(command, invocation, options, show_log_dirs);
}

}  // namespace ksim::kctl
