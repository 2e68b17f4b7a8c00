// kctl offsets.

#include <CLI/CLI.hpp>

#include <fmt/format.h>

#include "core/apps/kctl/command_line.h"
#include "core/apps/kctl/commands.h"
#include "core/apps/kctl/place.h"
#include "core/apps/kctl/text/time_text.h"

namespace ksim::kctl {
namespace {

using client::IsolationLevel;
using client::OffsetAndTimestamp;
using Found = std::map<TopicPartition, OffsetAndTimestamp>;

struct OffsetsOptions {
  std::vector<std::string> topics;
  std::vector<int32_t> partitions;
  std::optional<std::string> at;
  bool max_timestamp = false;
  std::string isolation = "read_uncommitted";
};

Result<Found> ask(client::Admin& admin, const std::vector<TopicPartition>& partitions, int64_t timestamp,
                  IsolationLevel isolation, Deadline deadline) {
  std::map<TopicPartition, int64_t> asked;
  for (const TopicPartition& partition : partitions) asked[partition] = timestamp;
  return admin.list_offsets(asked, isolation, deadline);
}

Cell offset_cell(int64_t offset) { return offset < 0 ? Cell("-", Style::faint) : Cell(offset); }

void show_range(Session& session, const Found& earliest, const Found& latest) {
  Table table({"TOPIC", "PARTITION", "EARLIEST", "LATEST", "OFFSETS", "EPOCH"});
  Json list = Json::array();
  for (const auto& [partition, begin] : earliest) {
    const OffsetAndTimestamp& end = latest.at(partition);
    table.add({partition.topic, int64_t{partition.partition}, begin.offset, end.offset,
               end.offset - begin.offset, offset_cell(end.leader_epoch.value_or(-1))});
    list.push_back({{"topic", partition.topic},
                    {"partition", partition.partition},
                    {"earliest", begin.offset},
                    {"latest", end.offset},
                    {"leader_epoch", end.leader_epoch.value_or(-1)}});
  }
  if (session.output.json()) return session.output.document({{"partitions", list}});
  session.output.table(table);
}

void show_places(Session& session, const Found& found) {
  Table table({"TOPIC", "PARTITION", "OFFSET", "TIMESTAMP", "EPOCH"});
  Json list = Json::array();
  for (const auto& [partition, at] : found) {
    table.add({partition.topic, int64_t{partition.partition}, offset_cell(at.offset),
               format_time(at.timestamp_ms), offset_cell(at.leader_epoch.value_or(-1))});
    list.push_back({{"topic", partition.topic},
                    {"partition", partition.partition},
                    {"offset", at.offset < 0 ? Json() : Json(at.offset)},
                    {"timestamp", at.timestamp_ms < 0 ? Json() : Json(at.timestamp_ms)},
                    {"leader_epoch", at.leader_epoch.value_or(-1)}});
  }
  if (session.output.json()) return session.output.document({{"partitions", list}});
  session.output.table(table);
}

int offsets(Session& session, const OffsetsOptions& options) {
  std::optional<int64_t> at;
  if (options.at) {
    const auto place = Place::parse(*options.at, session.env.clock.wall());
    if (!place.ok() || place->kind != Place::Kind::time)
      return session.bad_input(
          fmt::format("--at '{}': must be a time (2026-01-31T12:00:05, UTC; @MILLISECONDS) or -5m, -2h, -7d",
                      *options.at));
    at = place->value;
  }
  const auto isolation = options.isolation == "read_committed" ? IsolationLevel::read_committed
                                                               : IsolationLevel::read_uncommitted;
  auto admin = AdminClient::connect(session);
  if (!admin.ok()) return session.failed(admin.error().message);
  const Deadline deadline = session.deadline();
  const auto partitions = find_partitions(**admin, options.topics, options.partitions, deadline);
  if (!partitions.ok()) return session.failed("asking for offsets", partitions.error());
  if (at || options.max_timestamp) {
    const int64_t timestamp = at.value_or(client::kMaxTimestampOffset);
    const auto found = ask(**admin, *partitions, timestamp, isolation, deadline);
    if (!found.ok()) return session.failed("asking for offsets", found.error());
    show_places(session, *found);
    return kDone;
  }
  const auto earliest = ask(**admin, *partitions, client::kEarliestOffset, isolation, deadline);
  if (!earliest.ok()) return session.failed("asking for the earliest offsets", earliest.error());
  const auto latest = ask(**admin, *partitions, client::kLatestOffset, isolation, deadline);
  if (!latest.ok()) return session.failed("asking for the latest offsets", latest.error());
  show_range(session, *earliest, *latest);
  return kDone;
}

}  // namespace

void add_offsets_command(CLI::App& kctl, Invocation& invocation) {
  CLI::App& command =
      add_command(kctl, "offsets", "where partitions begin and end, or are at a time",
                  "  kctl offsets orders\n"
                  "  kctl offsets orders --at 2026-01-31T12:00     the first record since then\n"
                  "  kctl offsets orders --at -1h\n"
                  "  kctl offsets orders --max-timestamp           the record with the latest "
                  "timestamp");
  const auto options = std::make_shared<OffsetsOptions>();
  command.add_option("topic", options->topics, "of which")->required()->type_name("TOPIC...");
  command.add_option("-p,--partition", options->partitions, "only this one; may come more than once")
      ->type_name("N")
      ->allow_extra_args(false);
  auto* at = command.add_option("--at", options->at, "the first record whose timestamp is at or after this")
                 ->type_name("TIME");
  command.add_flag("--max-timestamp", options->max_timestamp, "the record with the largest timestamp")
      ->excludes(at);
  command
      .add_option("--isolation", options->isolation, "the latest as such readers see it (read_uncommitted)")
      ->check(CLI::IsMember({"read_uncommitted", "read_committed"}))
      ->type_name("LEVEL");
  runs(command, invocation, options, offsets);
}

}  // namespace ksim::kctl
