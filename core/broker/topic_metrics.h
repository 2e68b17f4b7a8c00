#pragma once
// What one shard counts of produced and fetched records, as a whole and by topic
// (kafka.server:type=BrokerTopicMetrics).

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/metrics/snapshot.h"

namespace ksim::broker {

struct TopicCounts {
  uint64_t messages_in = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;  // to consumers
  uint64_t bytes_rejected = 0;
  uint64_t produce_requests = 0;  // partitions in them, as in Kafka
  uint64_t fetch_requests = 0;
  uint64_t failed_produces = 0;
  uint64_t failed_fetches = 0;
};

class TopicMetrics {
 public:
  // So many topics have counts of their own; those after them share one entry, which is shown without a name.
  static constexpr size_t kMaxTopics = 20'000;

  TopicCounts& of(std::string_view topic);
  // Deleted topics leave with their counts; the sums over all topics stay.
  template <class IsGone>
  void forget(IsGone is_gone) {
    for (auto it = topics_.begin(); it != topics_.end();) {
      if (is_gone(it->first)) {
        add(gone_, it->second);
        it = topics_.erase(it);
      } else {
        ++it;
      }
    }
  }

  uint64_t replication_bytes_in = 0;
  uint64_t replication_bytes_out = 0;

  void collect(MetricsSnapshot& into) const;

 private:
  static void add(TopicCounts& to, const TopicCounts& from);

  std::map<std::string, TopicCounts, std::less<>> topics_;
  TopicCounts others_;
  TopicCounts gone_;
};

}  // namespace ksim::broker
