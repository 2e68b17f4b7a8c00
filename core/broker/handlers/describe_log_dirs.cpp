// DescribeLogDirs: what is in each log directory, from all shards.

#include <algorithm>

#include "core/broker/handlers/common.h"
#include "core/broker/handlers/handlers.h"

namespace ksim::broker {
namespace {

struct DescribedLog {
  int32_t partition = 0;
  int64_t size_bytes = 0;
  int64_t lag = 0;
};
using DescribedLogs =
    std::map<std::string, std::map<std::string, std::vector<DescribedLog>>>;  // directory, topic

DescribedLogs describe_shard(const ReplicaManager& manager) {
  DescribedLogs logs;
  for (const auto& [key, partition] : manager.partitions()) {
    if (!partition->online()) continue;
    const storage::Log& log = *partition->log();
    logs[std::string(parent_path(log.path()))][partition->topic()].push_back(
        {key.index, static_cast<int64_t>(log.size_bytes()),
         std::max<int64_t>(0, log.high_watermark() - log.log_end_offset())});
  }
  return logs;
}

bool wanted(const wire::DescribeLogDirsRequest& request, const std::string& name, int32_t partition) {
  if (!request.topics) return true;
  for (const wire::DescribableLogDirTopic& topic : *request.topics) {
    if (topic.topic != name) continue;
    if (std::find(topic.partitions.begin(), topic.partitions.end(), partition) != topic.partitions.end())
      return true;
  }
  return false;
}

void fill_topics(const wire::DescribeLogDirsRequest& request,
                 const std::map<std::string, std::vector<DescribedLog>>& topics,
                 wire::DescribeLogDirsResult& result, wire::Arena& arena) {
  std::vector<wire::DescribeLogDirsTopic> entries;
  for (const auto& [name, logs] : topics) {
    std::vector<wire::DescribeLogDirsPartition> partitions;
    for (const DescribedLog& log : logs) {
      if (!wanted(request, name, log.partition)) continue;
      wire::DescribeLogDirsPartition& entry = partitions.emplace_back();
      entry.partition_index = log.partition;
      entry.partition_size = log.size_bytes;
      entry.offset_lag = log.lag;
    }
    if (partitions.empty()) continue;
    std::sort(partitions.begin(), partitions.end(),
              [](const auto& a, const auto& b) { return a.partition_index < b.partition_index; });
    wire::DescribeLogDirsTopic& entry = entries.emplace_back();
    entry.name = name;
    entry.partitions = arena.make_array<wire::DescribeLogDirsPartition>(partitions.size());
    std::copy(partitions.begin(), partitions.end(), entry.partitions.begin());
  }
  result.topics = arena.make_array<wire::DescribeLogDirsTopic>(entries.size());
  std::copy(entries.begin(), entries.end(), result.topics.begin());
}

}  // namespace

void handle_describe_log_dirs(BrokerContext& context, const wire::DescribeLogDirsRequest& request,
                              IncomingRequest& incoming, ResponseSlot slot) {
  DescribedLogs logs;
  for (DescribedLogs& part : context.shards.on_every_shard(describe_shard)) {
    for (auto& [directory, topics] : part) {
      for (auto& [topic, partitions] : topics) {
        auto& all = logs[directory][topic];
        all.insert(all.end(), partitions.begin(), partitions.end());
      }
    }
  }
  wire::Arena arena;
  wire::DescribeLogDirsResponse response;
  response.results = arena.make_array<wire::DescribeLogDirsResult>(context.directories.size());
  for (size_t i = 0; i < context.directories.size(); ++i) {
    wire::DescribeLogDirsResult& result = response.results[i];
    result.log_dir = context.directories[i].path;
    if (!context.logs.online(i)) {
      result.error_code = code(ErrorCode::KAFKA_STORAGE_ERROR);
      continue;
    }
    if (incoming.context.version >= 4) {
      if (const IoResult<DiskSpace> space = context.env.disk.space(context.directories[i].path); space.ok()) {
        result.total_bytes = static_cast<int64_t>(space->total_bytes);
        result.usable_bytes = static_cast<int64_t>(space->usable_bytes);
      }
    }
    fill_topics(request, logs[context.directories[i].path], result, arena);
  }
  slot.respond(response);
}

}  // namespace ksim::broker
