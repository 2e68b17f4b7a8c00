#pragma once
// Where in a partition: as the options --from, --until and --before say it.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/client/admin.h"

namespace ksim::kctl {

struct Place {
  enum class Kind : uint8_t { beginning, end, offset, before_end, time };
  Kind kind = Kind::beginning;
  int64_t value = 0;  // the offset, the number of records before the end, milliseconds since 1970

  // "beginning", "end", an offset, "-N" (N offsets before the end), a time ("2026-01-31T12:00", "@MILLIS") or
  // "-5m": that long before `now`. INVALID_REQUEST with a sentence for anything else.
  static Result<Place> parse(std::string_view text, WallTime now);
};
// For --help.
constexpr const char* kPlaceHelp =
    "beginning, end, an offset, -N (offsets before the end), a time (2026-01-31T12:00:05, UTC; "
    "@MILLISECONDS) "
    "or -5m, -2h, -7d (that long ago)";

// The offset that each place is at. A time is where the first record at or after it is: the end if none is.
Result<std::map<TopicPartition, int64_t>> offsets_of(client::Admin& admin, const Place& place,
                                                     const std::vector<TopicPartition>& partitions,
                                                     client::IsolationLevel isolation, Deadline deadline);

// The partitions of the topics: those asked for, or all. UNKNOWN_TOPIC_OR_PARTITION for what is not there.
Result<std::vector<TopicPartition>> find_partitions(client::Admin& admin,
                                                    const std::vector<std::string>& topics,
                                                    const std::vector<int32_t>& wanted, Deadline deadline);

}  // namespace ksim::kctl
