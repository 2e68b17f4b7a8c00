#pragma once
// ListOffsets for whoever wants to know: Consumer and Admin (rule D57).

#include <map>
#include <optional>

#include "core/client/network.h"

namespace ksim::client {

struct OffsetAndTimestamp {
  int64_t offset = -1;  // -1: no record that new
  int64_t timestamp_ms = -1;
  std::optional<int32_t> leader_epoch;
};

// Timestamps with a meaning of their own.
constexpr int64_t kLatestOffset = -1;
constexpr int64_t kEarliestOffset = -2;
constexpr int64_t kMaxTimestampOffset = -3;

// Asks the leaders, again where they have moved, until all answered. Fails with the first error that will not
// pass, or with REQUEST_TIMED_OUT at the deadline.
Result<std::map<TopicPartition, OffsetAndTimestamp>> look_up_offsets(
    ClientNetwork& network, const std::map<TopicPartition, int64_t>& timestamps, IsolationLevel isolation,
    Deadline deadline);

// Waits until the metadata know the topic. Fails as look_up_offsets.
Result<int32_t> await_partition_count(ClientNetwork& network, std::string_view topic, Deadline deadline);

}  // namespace ksim::client
