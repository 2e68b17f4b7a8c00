// kctl topic: create, delete, alter, trim. What only looks is in topic_describe.cpp.

#include "core/apps/kctl/topic.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include <fmt/format.h>

#include "core/apps/kctl/command_line.h"
#include "core/apps/kctl/commands.h"
#include "core/apps/kctl/place.h"
#include "core/storage/text.h"

namespace ksim::kctl {

using client::ChangeResult;
using client::ChangeResults;

Result<std::map<int32_t, std::vector<int32_t>>> parse_assignment(std::string_view text) {
  std::map<int32_t, std::vector<int32_t>> assignment;
  const auto bad = [&] {
    return fail(
        ErrorCode::INVALID_REQUEST,
        fmt::format("--assignment '{}': must be the brokers of each partition, with ':' between brokers "
                    "and ',' between partitions, like 1:2:3,2:3:1",
                    text));
  };
  for (size_t at = 0; at <= text.size();) {
    const size_t comma = std::min(text.find(',', at), text.size());
    std::vector<int32_t>& replicas = assignment[static_cast<int32_t>(assignment.size())];
    for (size_t from = at; from <= comma;) {
      const size_t colon = std::min(text.find(':', from), comma);
      const auto broker = storage::parse_number<int32_t>(text.substr(from, colon - from));
      if (!broker || *broker < 0) return bad();
      replicas.push_back(*broker);
      from = colon + 1;
    }
    at = comma + 1;
  }
  return assignment;
}

int report_changes(Session& session, std::string_view doing, std::string_view done,
                   const ChangeResults& results, const std::vector<ErrorCode>& welcome) {
  int exit_code = kDone;
  Json list = Json::array();
  for (const auto& [name, change] : results) {
    const bool good = change.ok() || contains(welcome, change.error);
    Json entry{{"name", name}, {"ok", good}};
    if (!change.ok()) entry["error"] = to_string(change.error);
    list.push_back(std::move(entry));
    if (!good) {
      exit_code = session.failed(fmt::format("{} {}: {}", doing, name, describe(change)));
    } else if (!session.output.json()) {
      session.output.line(change.ok() ? fmt::format("{} {}", done, name)
                                      : fmt::format("{}: nothing to do ({})", name, to_string(change.error)));
    }
  }
  if (session.output.json()) session.output.document({{"topics", list}});
  return exit_code;
}

namespace {

struct CreateOptions {
  std::vector<std::string> names;
  int32_t partitions = -1;
  int16_t replication = -1;
  std::vector<std::string> configs;
  std::string assignment;
  bool if_not_exists = false;
  bool dry_run = false;
};

int create_topics(Session& session, const CreateOptions& options) {
  client::NewTopic topic;
  topic.partitions = options.partitions;
  topic.replication_factor = options.replication;
  if (!options.assignment.empty()) {
    auto assignment = parse_assignment(options.assignment);
    if (!assignment.ok()) return session.bad_input(assignment.error().message);
    topic.assignment = std::move(*assignment);
  }
  const auto configs = parse_assignments(options.configs);
  if (!configs.ok()) return session.bad_input("--config " + configs.error().message);
  for (const auto& [key, value] : *configs) topic.configs[key] = value;
  std::vector<client::NewTopic> topics;
  for (const std::string& name : options.names) {
    topic.name = name;
    topics.push_back(topic);
  }
  auto admin = AdminClient::connect(session);
  if (!admin.ok()) return session.failed(admin.error().message);
  const ChangeResults results = (*admin)->create_topics(topics, session.deadline(), options.dry_run);
  std::vector<ErrorCode> welcome;
  if (options.if_not_exists) welcome.push_back(ErrorCode::TOPIC_ALREADY_EXISTS);
  return report_changes(session, "creating", options.dry_run ? "could create" : "created", results, welcome);
}

void add_create(CLI::App& topic, Invocation& invocation) {
  CLI::App& command = add_command(topic, "create", "create topics",
                                  "  kctl topic create orders --partitions 6 --replication 3\n"
                                  "  kctl topic create audit --config retention.ms=-1 --if-not-exists\n"
                                  "  kctl topic create orders --assignment 1:2:3,2:3:1");
  const auto options = std::make_shared<CreateOptions>();
  command.add_option("name", options->names, "of topics")->required()->type_name("NAME...");
  auto* partitions =
      command.add_option("-p,--partitions", options->partitions, "the broker's num.partitions")
          ->type_name("N")
          ->check(CLI::Range(1, 1'000'000));
  auto* replication =
      command.add_option("-r,--replication", options->replication, "the broker's default.replication.factor")
          ->type_name("N")
          ->check(CLI::Range(1, 32'767));
  command.add_option("--config", options->configs, "of the topic, may come more than once")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command.add_option("--assignment", options->assignment, "brokers of each partition: 1:2:3,2:3:1")
      ->type_name("LIST")
      ->excludes(partitions)
      ->excludes(replication);
  command.add_flag("--if-not-exists", options->if_not_exists, "one that exists is no failure");
  command.add_flag("--dry-run", options->dry_run, "only ask whether it could be done");
  runs(command, invocation, options, create_topics);
}

struct DeleteOptions {
  std::vector<std::string> names;
  bool if_exists = false;
};

int delete_topics(Session& session, const DeleteOptions& options) {
  auto admin = AdminClient::connect(session);
  if (!admin.ok()) return session.failed(admin.error().message);
  const ChangeResults results = (*admin)->delete_topics(options.names, session.deadline());
  std::vector<ErrorCode> welcome;
  if (options.if_exists) welcome.push_back(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
  return report_changes(session, "deleting", "deleted", results, welcome);
}

void add_delete(CLI::App& topic, Invocation& invocation) {
  CLI::App& command = add_command(topic, "delete", "delete topics with all their records",
                                  "  kctl topic delete orders audit\n"
                                  "  kctl topic delete scratch --if-exists");
  const auto options = std::make_shared<DeleteOptions>();
  command.add_option("name", options->names, "of topics")->required()->type_name("NAME...");
  command.add_flag("--if-exists", options->if_exists, "one that does not exist is no failure");
  runs(command, invocation, options, delete_topics);
}

struct AlterOptions {
  std::string name;
  int32_t partitions = 0;
  std::vector<std::string> configs;
  std::vector<std::string> removed;
};

int alter_topic(Session& session, const AlterOptions& options) {
  const auto configs = parse_assignments(options.configs);
  if (!configs.ok()) return session.bad_input("--config " + configs.error().message);
  if (options.partitions == 0 && configs->empty() && options.removed.empty())
    return session.bad_input("topic alter: nothing to change; see --partitions, --config, --delete-config");
  std::vector<client::ConfigChange> changes;
  for (const auto& [key, value] : *configs) changes.push_back({key, client::ConfigOperation::set, value});
  for (const std::string& key : options.removed)
    changes.push_back({key, client::ConfigOperation::remove, std::nullopt});
  auto admin = AdminClient::connect(session);
  if (!admin.ok()) return session.failed(admin.error().message);
  ChangeResults results{{options.name, {}}};
  if (!changes.empty())
    results[options.name] = (*admin)->incremental_alter_configs(
        {client::ConfigResourceType::topic, options.name}, changes, session.deadline());
  if (options.partitions > 0 && results[options.name].ok())
    results = (*admin)->create_partitions({{options.name, options.partitions}}, session.deadline());
  return report_changes(session, "altering", "altered", results, {});
}

void add_alter(CLI::App& topic, Invocation& invocation) {
  CLI::App& command = add_command(topic, "alter", "add partitions, change configs",
                                  "  kctl topic alter orders --partitions 12\n"
                                  "  kctl topic alter orders --config retention.ms=86400000 "
                                  "--delete-config segment.bytes");
  const auto options = std::make_shared<AlterOptions>();
  command.add_option("name", options->name, "of the topic")->required()->type_name("NAME");
  command
      .add_option("-p,--partitions", options->partitions,
                  "in all; there is no way to fewer. Keys go to other partitions from then on")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000));
  command.add_option("--config", options->configs, "may come more than once")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command.add_option("--delete-config", options->removed, "back to the default; may come more than once")
      ->type_name("KEY")
      ->allow_extra_args(false);
  runs(command, invocation, options, alter_topic);
}

struct TrimOptions {
  std::string name;
  std::vector<int32_t> partitions;
  std::string before;
};

int trim_topic(Session& session, const TrimOptions& options) {
  const auto place = Place::parse(options.before, session.env.clock.wall());
  if (!place.ok()) return session.bad_input("--before " + place.error().message);
  auto admin = AdminClient::connect(session);
  if (!admin.ok()) return session.failed(admin.error().message);
  const Deadline deadline = session.deadline();
  constexpr auto kIsolation = client::IsolationLevel::read_uncommitted;
  const auto partitions = find_partitions(**admin, {options.name}, options.partitions, deadline);
  if (!partitions.ok()) return session.failed("trimming " + options.name, partitions.error());
  const auto before = offsets_of(**admin, *place, *partitions, kIsolation, deadline);
  if (!before.ok()) return session.failed("trimming " + options.name, before.error());
  const auto results = (*admin)->delete_records(*before, deadline);
  const auto starts = offsets_of(**admin, {Place::Kind::beginning, 0}, *partitions, kIsolation, deadline);
  if (!starts.ok()) return session.failed("asking where partitions begin now", starts.error());
  int exit_code = kDone;
  Table table({"PARTITION", "BEGINS AT"});
  Json list = Json::array();
  for (const auto& [partition, change] : results) {
    const int64_t start = starts->at(partition);
    table.add({partition.to_string(), start});
    list.push_back({{"topic", partition.topic},
                    {"partition", partition.partition},
                    {"log_start_offset", start},
                    {"ok", change.ok()}});
    if (!change.ok())
      exit_code = session.failed(fmt::format("trimming {}: {}", partition.to_string(), describe(change)));
  }
  if (session.output.json()) {
    session.output.document({{"partitions", list}});
  } else {
    session.output.table(table);
  }
  return exit_code;
}

void add_trim(CLI::App& topic, Invocation& invocation) {
  CLI::App& command = add_command(topic, "trim", "delete the oldest records (DeleteRecords)",
                                  "  kctl topic trim orders --before end            all records\n"
                                  "  kctl topic trim orders --before -7d            those older than a week\n"
                                  "  kctl topic trim orders --partition 0 --before 1000");
  const auto options = std::make_shared<TrimOptions>();
  command.add_option("name", options->name, "of the topic")->required()->type_name("NAME");
  command.add_option("--before", options->before, std::string("what is kept begins here: ") + kPlaceHelp)
      ->required()
      ->type_name("WHERE");
  command.add_option("--partition", options->partitions, "only this one; may come more than once")
      ->type_name("N")
      ->allow_extra_args(false);
  runs(command, invocation, options, trim_topic);
}

}  // namespace

void add_topic_commands(CLI::App& kctl, Invocation& invocation) {
  CLI::App& topic = add_group(kctl, "topic", "topics: create, list, describe, alter, trim, delete");
  add_create(topic, invocation);
  add_topic_list(topic, invocation);
  add_topic_describe(topic, invocation);
  add_alter(topic, invocation);
  add_trim(topic, invocation);
  add_delete(topic, invocation);
}

}  // namespace ksim::kctl
