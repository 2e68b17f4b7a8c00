#include "core/apps/kctl/log_dump/small_files.h"

#include <fmt/format.h>

#include "core/apps/kctl/text/time_text.h"
#include "core/base/properties.h"
#include "core/raft/driver/quorum_state_file.h"
#include "core/storage/clean_shutdown.h"
#include "core/storage/meta_properties.h"
#include "core/storage/partition_metadata.h"
#include "core/storage/segment.h"
#include "core/storage/text.h"

namespace ksim::kctl {
namespace {

Result<ByteBuffer> read(Disk& disk, const std::string& path) {
  auto bytes = read_file(disk, path);
  if (!bytes.ok()) return fail(Error(bytes.error(), path));
  return std::move(*bytes);
}

}  // namespace

Result<storage::ProducerState::Producers> dump_producer_snapshot(Disk& disk, const std::string& path,
                                                                 const DumpOptions& options, DumpSink& sink) {
  TRY_ASSIGN(const ByteBuffer bytes, read(disk, path));
  const std::string name = path.substr(path.rfind('/') + 1);
  storage::ProducerState state;
  const int64_t offset = storage::offset_of_file_name(name).value_or(0);
  // Nobody is expired for a dump.
  if (const auto loaded = state.load_snapshot(bytes, offset, 0, INT64_MAX); !loaded.ok()) {
    sink.problem(path, loaded.error().message);
    return storage::ProducerState::Producers{};
  }
  if (options.detail == Detail::summary) {
    Json json = dump_object(path, "producer_snapshot");
    json["producers"] = state.producers().size();
    sink.show(json, fmt::format("{}: {} producers", path, state.producers().size()));
    return state.producers();
  }
  for (const auto& [id, entry] : state.producers()) {
    const storage::BatchMetadata* const last = entry.last_batch();
    Json json = dump_object(path, "producer");
    json.update(Json{
        {"producer_id", id},
        {"producer_epoch", entry.epoch},
        {"last_sequence", entry.last_sequence()},
        {"last_offset", last == nullptr ? -1 : last->last_offset},
        {"offset_delta", last == nullptr ? 0 : last->offset_delta},
        {"last_timestamp", entry.last_timestamp_ms},
        {"coordinator_epoch", entry.coordinator_epoch},
        {"transaction_first_offset", entry.txn_first_offset < 0 ? Json() : Json(entry.txn_first_offset)}});
    sink.show(json,
              fmt::format("{}: producer {} epoch {}  last sequence {} at offset {}  time {}{}", path, id,
                          entry.epoch, entry.last_sequence(), last == nullptr ? -1 : last->last_offset,
                          format_time(entry.last_timestamp_ms),
                          entry.txn_first_offset < 0
                              ? std::string()
                              : fmt::format("  open transaction from {}", entry.txn_first_offset)));
  }
  return state.producers();
}

Result<std::vector<storage::EpochEntry>> dump_epochs(Disk& disk, const std::string& path, DumpSink& sink) {
  TRY_ASSIGN(const ByteBuffer bytes, read(disk, path));
  std::vector<storage::EpochEntry> entries;
  const auto lines = storage::parse_checkpoint(as_text(bytes));
  if (!lines.ok()) {
    sink.problem(path, lines.error().message);
    return entries;
  }
  Json json = dump_object(path, "leader_epochs");
  json["epochs"] = Json::array();
  std::string text;
  for (const std::string_view line : *lines) {
    const auto words = storage::split_words(line);
    const auto epoch = words.size() == 2 ? storage::parse_number<int32_t>(words[0]) : std::nullopt;
    const auto start = words.size() == 2 ? storage::parse_number<int64_t>(words[1]) : std::nullopt;
    if (!epoch || !start) {
      sink.problem(path, fmt::format("'{}' is no epoch and offset", line));
      continue;
    }
    if (!entries.empty() && (*epoch <= entries.back().epoch || *start <= entries.back().start_offset))
      sink.problem(path, fmt::format("epoch {} from {} follows epoch {} from {}", *epoch, *start,
                                     entries.back().epoch, entries.back().start_offset));
    entries.push_back({*epoch, *start});
    json["epochs"].push_back({{"epoch", *epoch}, {"start_offset", *start}});
    text += fmt::format("  {} from {}", *epoch, *start);
  }
  sink.show(json, fmt::format("{}: epochs{}", path, text.empty() ? "  none" : text));
  return entries;
}

Result<storage::OffsetMap> dump_offsets(Disk& disk, const std::string& path, const DumpOptions& options,
                                        DumpSink& sink) {
  TRY_ASSIGN(const ByteBuffer bytes, read(disk, path));
  const auto offsets = storage::parse_offset_map(as_text(bytes));
  if (!offsets.ok()) {
    sink.problem(path, offsets.error().message);
    return storage::OffsetMap{};
  }
  Json json = dump_object(path, "offset_checkpoint");
  json["partitions"] = Json::array();
  std::string text = fmt::format("{}: {} partitions", path, offsets->size());
  for (const auto& [partition, offset] : *offsets) {
    json["partitions"].push_back(
        {{"topic", partition.topic}, {"partition", partition.partition}, {"offset", offset}});
    if (options.detail != Detail::summary) text += fmt::format("\n  {} {}", partition.to_string(), offset);
  }
  sink.show(json, text);
  return *offsets;
}

Result<void> dump_partition_metadata(Disk& disk, const std::string& path, DumpSink& sink) {
  TRY_ASSIGN(const ByteBuffer bytes, read(disk, path));
  const auto id = storage::parse_partition_metadata(as_text(bytes));
  if (!id.ok()) {
    sink.problem(path, id.error().message);
    return {};
  }
  Json json = dump_object(path, "partition_metadata");
  json["topic_id"] = id->to_string();
  sink.show(json, fmt::format("{}: topic id {}", path, id->to_string()));
  return {};
}

Result<void> dump_meta_properties(Disk& disk, const std::string& path, DumpSink& sink) {
  TRY_ASSIGN(const ByteBuffer bytes, read(disk, path));
  if (const auto known = storage::parse_meta_properties(as_text(bytes)); !known.ok()) {
    sink.problem(path, known.error().message);
    return {};
  }
  const auto properties = parse_properties(as_text(bytes));
  Json json = dump_object(path, "meta_properties");
  std::string text = path + ":";
  for (const auto& [key, value] : *properties) {
    json["properties"][key] = value;
    text += fmt::format("  {}={}", key, value);
  }
  sink.show(json, text);
  return {};
}

Result<void> dump_quorum_state(Disk& disk, const std::string& path, DumpSink& sink) {
  TRY_ASSIGN(const ByteBuffer bytes, read(disk, path));
  if (const auto known = raft::parse_quorum_state(as_text(bytes)); !known.ok()) {
    sink.problem(path, known.error().message);
    return {};
  }
  Json json = dump_object(path, "quorum_state");
  json["state"] = Json::parse(as_text(bytes), nullptr, false);
  sink.show(json, fmt::format("{}: {}", path, to_line(json["state"])));
  return {};
}

Result<void> dump_clean_shutdown(Disk& disk, const std::string& path, DumpSink& sink) {
  TRY_ASSIGN(const ByteBuffer bytes, read(disk, path));
  const auto epoch = storage::parse_clean_shutdown(as_text(bytes));
  Json json = dump_object(path, "clean_shutdown");
  json["broker_epoch"] = epoch ? Json(*epoch) : Json();
  sink.show(json, fmt::format("{}: closed in order, broker epoch {}", path,
                              epoch ? std::to_string(*epoch) : "unknown"));
  return {};
}

}  // namespace ksim::kctl
