#include "core/broker/directory_assignments.h"

#include "core/wire/arena.h"

namespace ksim::broker {
namespace {

constexpr size_t kMaxPerRequest = 2250;  // AssignReplicasToDirsRequest.MAX_ASSIGNMENTS_PER_REQUEST
constexpr Duration kAssignmentRetry = milliseconds(500);

}  // namespace

wire::AssignReplicasToDirsRequest assignment_request(const DirectoryAssignmentMap& assignments,
                                                     int32_t broker_id, int64_t broker_epoch,
                                                     wire::Arena& arena) {
  std::map<Uuid, std::map<Uuid, std::vector<int32_t>>> sorted;  // directory, topic
  for (const auto& [key, directory] : assignments) sorted[directory][key.topic_id].push_back(key.index);
  wire::AssignReplicasToDirsRequest request;
  request.broker_id = broker_id;
  request.broker_epoch = broker_epoch;
  request.directories = arena.make_array<wire::AssignReplicasToDirsRequestDirectoryData>(sorted.size());
  size_t d = 0;
  for (const auto& [directory, topics] : sorted) {
    auto& data = request.directories[d++];
    data.id = directory;
    data.topics = arena.make_array<wire::AssignReplicasToDirsRequestTopicData>(topics.size());
    size_t t = 0;
    for (const auto& [topic_id, partitions] : topics) {
      auto& topic = data.topics[t++];
      topic.topic_id = topic_id;
      topic.partitions = arena.make_array<wire::AssignReplicasToDirsRequestPartitionData>(partitions.size());
      for (size_t p = 0; p < partitions.size(); ++p) topic.partitions[p].partition_index = partitions[p];
    }
  }
  return request;
}

void DirectoryAssignments::start() {
  scope_.spawn("directory-assignments", [this] { loop(); });
}

void DirectoryAssignments::submit(const PartitionKey& key, const Uuid& directory) {
  waiting_[key] = directory;
  submitted_.notify_one();
}

void DirectoryAssignments::loop() {
  for (;;) {
    while (waiting_.empty()) static_cast<void>(submitted_.wait(Instant::never(), "directory assignments"));
    if (identity_.broker_epoch() < 0) {
      env_.sleep(kAssignmentRetry);
      continue;
    }
    DirectoryAssignmentMap batch;
    for (const auto& entry : waiting_) {
      if (batch.size() == kMaxPerRequest) break;
      batch.insert(entry);
    }
    if (!send(batch)) {
      env_.sleep(kAssignmentRetry);
      continue;
    }
    const std::string told =
        "told the controller the log directories of " + std::to_string(batch.size()) + " replicas";
    env_.emit(LogLine{1, "replica", told});
    // What was submitted anew while the request was on its way stays. An error of one partition means that it
    // is not, or no more, this broker's: the metadata will say so.
    for (const auto& [key, directory] : batch) {
      const auto found = waiting_.find(key);
      if (found != waiting_.end() && found->second == directory) waiting_.erase(found);
    }
  }
}

bool DirectoryAssignments::send(const DirectoryAssignmentMap& batch) {
  wire::Arena arena;
  const auto request = assignment_request(batch, identity_.broker_id, identity_.broker_epoch(), arena);
  const auto reply = channel_.call(request, Instant::never());
  return reply.ok() && error_code_of((*reply)->error_code) == ErrorCode::NONE;
}

}  // namespace ksim::broker
