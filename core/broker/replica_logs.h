#pragma once
// The logs of the replicas of one shard, as the replica manager sees the log directories below them.

#include <memory>
#include <vector>

#include "core/base/topic_partition.h"
#include "core/storage/log.h"

namespace ksim::broker {

class ReplicaLogs {
 public:
  virtual ~ReplicaLogs() = default;
  // The log of a replica, loaded or created. `directory` is what the image assigns; reserved ids leave the
  // choice to the implementation. Waits. INCONSISTENT_TOPIC_ID: the directory holds another topic's (D62).
  virtual Result<std::shared_ptr<storage::Log>> open(const TopicPartition& partition, Uuid topic_id,
                                                     Uuid directory, const storage::LogConfig& config) = 0;
  // From the checkpoint read at load, 0 if there is none (rule A81).
  virtual int64_t checkpointed_high_watermark(const storage::Log& log) = 0;
  // Renamed at once, its files removed later (rule D62). Waits.
  virtual Result<void> remove(const std::shared_ptr<storage::Log>& log) = 0;
};

}  // namespace ksim::broker
