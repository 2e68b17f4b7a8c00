#include "core/apps/kctl/place.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/apps/kctl/text/time_text.h"
#include "core/storage/text.h"

namespace ksim::kctl {

using client::OffsetAndTimestamp;
using storage::parse_number;

Result<Place> Place::parse(std::string_view text, WallTime now) {
  if (text == "beginning" || text == "earliest") return Place{Kind::beginning, 0};
  if (text == "end" || text == "latest") return Place{Kind::end, 0};
  if (const auto number = parse_number<int64_t>(text))
    return *number < 0 || text.front() == '-' ? Place{Kind::before_end, -*number}
                                              : Place{Kind::offset, *number};
  if (!text.empty() && text.front() == '@') {
    if (const auto ms = parse_number<int64_t>(text.substr(1)); ms && *ms >= 0) return Place{Kind::time, *ms};
    TRY_ASSIGN(const int64_t ms, parse_time(text.substr(1)));
    return Place{Kind::time, ms};
  }
  if (!text.empty() && text.front() == '-') {
    if (const auto ago = parse_duration(text.substr(1)); ago.ok())
      return Place{Kind::time, std::max<int64_t>(now.ms() - ago->ms(), 0)};
  } else if (const auto ms = parse_time(text); ms.ok()) {
    return Place{Kind::time, *ms};
  }
  return fail(ErrorCode::INVALID_REQUEST, fmt::format("'{}': must be {}", text, kPlaceHelp));
}

Result<std::map<TopicPartition, int64_t>> offsets_of(client::Admin& admin, const Place& place,
                                                     const std::vector<TopicPartition>& partitions,
                                                     client::IsolationLevel isolation, Deadline deadline) {
  std::map<TopicPartition, int64_t> offsets;
  if (place.kind == Place::Kind::offset) {
    for (const TopicPartition& partition : partitions) offsets[partition] = place.value;
    return offsets;
  }
  const auto ask = [&](int64_t timestamp, const std::vector<TopicPartition>& of) {
    std::map<TopicPartition, int64_t> asked;
    for (const TopicPartition& partition : of) asked[partition] = timestamp;
    return admin.list_offsets(asked, isolation, deadline);
  };
  const int64_t timestamp = place.kind == Place::Kind::beginning ? client::kEarliestOffset
                            : place.kind == Place::Kind::time    ? place.value
                                                                 : client::kLatestOffset;
  TRY_ASSIGN(const auto found, ask(timestamp, partitions));
  std::vector<TopicPartition> behind_all;
  for (const auto& [partition, at] : found) {
    offsets[partition] = at.offset;
    if (at.offset < 0) behind_all.push_back(partition);
  }
  if (!behind_all.empty()) {
    TRY_ASSIGN(const auto ends, ask(client::kLatestOffset, behind_all));
    for (const auto& [partition, end] : ends) offsets[partition] = end.offset;
  }
  if (place.kind != Place::Kind::before_end) return offsets;
  TRY_ASSIGN(const auto starts, ask(client::kEarliestOffset, partitions));
  for (auto& [partition, offset] : offsets) {
    const int64_t start = starts.at(partition).offset;
    offset = place.value > offset - start ? start : offset - place.value;
  }
  return offsets;
}

Result<std::vector<TopicPartition>> find_partitions(client::Admin& admin,
                                                    const std::vector<std::string>& topics,
                                                    const std::vector<int32_t>& wanted, Deadline deadline) {
  TRY_ASSIGN(const auto described, admin.describe_topics(topics, deadline));
  std::vector<TopicPartition> partitions;
  for (const auto& [topic, description] : described) {
    for (const int32_t partition : wanted) {
      if (description.partitions.count(partition) == 0)
        return fail(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
                    fmt::format("{} has {} partitions, numbered from 0; there is no partition {}", topic,
                                description.partitions.size(), partition));
      partitions.push_back({topic, partition});
    }
    if (!wanted.empty()) continue;
    for (const auto& [partition, metadata] : description.partitions) partitions.push_back({topic, partition});
  }
  return partitions;
}

}  // namespace ksim::kctl
