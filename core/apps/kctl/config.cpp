// kctl config.

#include <CLI/CLI.hpp>
#include <algorithm>

#include <fmt/format.h>

#include "core/apps/kctl/command_line.h"
#include "core/apps/kctl/commands.h"
#include "core/apps/kctl/config_text.h"
#include "core/storage/text.h"

namespace ksim::kctl {
namespace {

using client::ConfigOperation;
using client::ConfigResource;
using client::ConfigResourceType;

struct ConfigOptions {
  std::string kind;
  std::vector<std::string> rest;  // the name, unless it is the cluster; then keys, or pairs
  bool all = false;
  bool dry_run = false;
  ConfigOperation operation = ConfigOperation::set;
};

// Takes the resource's name off the front of `rest`.
Result<ConfigResource> resource_of(const ConfigOptions& options, std::vector<std::string>& rest) {
  ConfigResource resource;
  if (options.kind == "cluster") return ConfigResource{ConfigResourceType::broker, ""};
  if (rest.empty())
    return fail(ErrorCode::INVALID_REQUEST, fmt::format("config: which {0}? Like: {0} {1}", options.kind,
                                                        options.kind == "topic" ? "orders" : "1"));
  resource.type = options.kind == "topic" ? ConfigResourceType::topic : ConfigResourceType::broker;
  resource.name = rest.front();
  rest.erase(rest.begin());
  if (resource.type == ConfigResourceType::broker && !storage::parse_number<int32_t>(resource.name))
    return fail(ErrorCode::INVALID_REQUEST,
                fmt::format("config: broker '{}': must be the id of a broker", resource.name));
  return resource;
}

std::string title_of(const ConfigOptions& options, const ConfigResource& resource) {
  return resource.name.empty() ? "the cluster" : fmt::format("{} {}", options.kind, resource.name);
}

int describe_config(Session& session, const ConfigOptions& options) {
  std::vector<std::string> keys = options.rest;
  const auto resource = resource_of(options, keys);
  if (!resource.ok()) return session.bad_input(resource.error().message);
  auto admin = AdminClient::connect(session);
  if (!admin.ok()) return session.failed(admin.error().message);
  auto entries = (*admin)->describe_configs(*resource, session.deadline());
  if (!entries.ok())
    return session.failed("describing configs of " + title_of(options, *resource), entries.error());
  if (keys.empty() && !options.all) *entries = set_configs(std::move(*entries));
  Table table({"CONFIG", "VALUE", "SOURCE"});
  std::vector<client::ConfigEntry> shown;
  std::sort(entries->begin(), entries->end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  for (const client::ConfigEntry& entry : *entries) {
    const auto wanted = std::find(keys.begin(), keys.end(), entry.name);
    if (!options.rest.empty() && wanted == keys.end() && !keys.empty()) continue;
    table.add({entry.name, entry.value ? Cell(*entry.value) : Cell("<hidden>", Style::faint),
               std::string(source_name(entry.source)) + (entry.is_read_only ? ", read-only" : "")});
    shown.push_back(entry);
  }
  for (const std::string& key : keys)
    if (std::none_of(shown.begin(), shown.end(), [&](const auto& entry) { return entry.name == key; }))
      return session.failed(fmt::format("{} has no config '{}'; --all shows which there are",
                                        title_of(options, *resource), key));
  if (session.output.json()) {
    session.output.document(
        {{"resource", options.kind}, {"name", resource->name}, {"configs", configs_json(shown)}});
  } else if (table.empty()) {
    session.output.line(
        fmt::format("{} has nothing but defaults; --all shows them", title_of(options, *resource)));
  } else {
    session.output.table(table);
  }
  return kDone;
}

int change_config(Session& session, const ConfigOptions& options) {
  std::vector<std::string> rest = options.rest;
  const auto resource = resource_of(options, rest);
  if (!resource.ok()) return session.bad_input(resource.error().message);
  std::vector<client::ConfigChange> changes;
  if (options.operation == ConfigOperation::remove) {
    for (const std::string& key : rest) changes.push_back({key, options.operation, std::nullopt});
  } else {
    const auto pairs = parse_assignments(rest);
    if (!pairs.ok()) return session.bad_input("config: " + pairs.error().message);
    for (const auto& [key, value] : *pairs) changes.push_back({key, options.operation, value});
  }
  if (changes.empty()) return session.bad_input("config: no key is named; nothing to change");
  auto admin = AdminClient::connect(session);
  if (!admin.ok()) return session.failed(admin.error().message);
  const client::ChangeResult change =
      (*admin)->incremental_alter_configs(*resource, changes, session.deadline(), options.dry_run);
  if (!change.ok())
    return session.failed(
        fmt::format("changing configs of {}: {}", title_of(options, *resource), describe(change)));
  if (session.output.json()) {
    session.output.document(
        {{"resource", options.kind}, {"name", resource->name}, {"changed", changes.size()}});
  } else {
    session.output.line(fmt::format("{} {} of {}", options.dry_run ? "could change" : "changed",
                                    changes.size(), title_of(options, *resource)));
  }
  return kDone;
}

struct Verb {
  const char* name;
  ConfigOperation operation;
  const char* about;
  const char* rest;
  const char* example;
};

void add_change(CLI::App& config, Invocation& invocation, const Verb& verb) {
  CLI::App& command = add_command(config, verb.name, verb.about, verb.example);
  const auto options = std::make_shared<ConfigOptions>();
  options->operation = verb.operation;
  command.add_option("kind", options->kind, "topic NAME, broker ID, or cluster: all brokers' default")
      ->required()
      ->check(CLI::IsMember({"topic", "broker", "cluster"}))
      ->type_name("KIND");
  command.add_option("rest", options->rest, verb.rest)->type_name("[NAME] ...");
  command.add_flag("--dry-run", options->dry_run, "only ask whether it could be done");
  runs(command, invocation, options, change_config);
}

}  // namespace

void add_config_commands(CLI::App& kctl, Invocation& invocation) {
  CLI::App& config = add_group(kctl, "config", "configs of topics, brokers and the cluster");
  CLI::App& command = add_command(config, "describe", "configs that are not the default",
                                  "  kctl config describe topic orders\n"
                                  "  kctl config describe broker 1 --all\n"
                                  "  kctl config describe topic orders retention.ms cleanup.policy");
  const auto options = std::make_shared<ConfigOptions>();
  command.add_option("kind", options->kind, "topic NAME, broker ID, or cluster: all brokers' default")
      ->required()
      ->check(CLI::IsMember({"topic", "broker", "cluster"}))
      ->type_name("KIND");
  command.add_option("rest", options->rest, "keys, if not all are wanted")->type_name("[NAME] [KEY...]");
  command.add_flag("--all", options->all, "defaults too");
  runs(command, invocation, options, describe_config);
  add_change(config, invocation,
             {"set", ConfigOperation::set, "set configs", "KEY=VALUE...",
              "  kctl config set topic orders retention.ms=86400000 min.insync.replicas=2\n"
              "  kctl config set broker 1 log.cleaner.threads=2\n"
              "  kctl config set cluster message.max.bytes=2097152"});
  add_change(config, invocation,
             {"delete", ConfigOperation::remove, "back to the default", "KEY...",
              "  kctl config delete topic orders retention.ms"});
  add_change(config, invocation,
             {"append", ConfigOperation::append, "add to configs that are lists", "KEY=VALUE...",
              "  kctl config append topic orders cleanup.policy=compact"});
  add_change(config, invocation,
             {"subtract", ConfigOperation::subtract, "take from configs that are lists", "KEY=VALUE...",
              "  kctl config subtract topic orders cleanup.policy=delete"});
}

}  // namespace ksim::kctl
