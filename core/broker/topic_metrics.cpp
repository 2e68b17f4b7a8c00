#include "core/broker/topic_metrics.h"

namespace ksim::broker {
namespace {

struct Row {
  const char* name;
  const char* help;
  uint64_t TopicCounts::*count;
};
constexpr Row kRows[] = {
    {"messagesin", "Records appended for producers.", &TopicCounts::messages_in},
    {"bytesin", "Bytes of records appended for producers.", &TopicCounts::bytes_in},
    {"bytesout", "Bytes of records sent to consumers.", &TopicCounts::bytes_out},
    {"bytesrejected", "Bytes of records refused.", &TopicCounts::bytes_rejected},
    {"totalproducerequests", "Produce requests.", &TopicCounts::produce_requests},
    {"totalfetchrequests", "Fetch requests of consumers.", &TopicCounts::fetch_requests},
    {"failedproducerequests", "Produce requests refused.", &TopicCounts::failed_produces},
    {"failedfetchrequests", "Fetch requests refused.", &TopicCounts::failed_fetches}};

std::string metric(std::string_view name) {
  return "kafka_server_brokertopicmetrics_" + std::string(name) + "_total";
}

}  // namespace

void TopicMetrics::add(TopicCounts& to, const TopicCounts& from) {
  for (const Row& row : kRows) to.*row.count += from.*row.count;
}

TopicCounts& TopicMetrics::of(std::string_view topic) {
  if (const auto found = topics_.find(topic); found != topics_.end()) return found->second;
  if (topics_.size() >= kMaxTopics) return others_;
  return topics_[std::string(topic)];
}

void TopicMetrics::collect(MetricsSnapshot& into) const {
  for (const Row& row : kRows) {
    uint64_t sum = gone_.*row.count + others_.*row.count;
    for (const auto& [topic, counts] : topics_) {
      sum += counts.*row.count;
      into.counter(metric(row.name), row.help, counts.*row.count, {{"topic", topic}});
    }
    into.counter(metric(row.name), row.help, sum);
  }
  into.counter(metric("replicationbytesin"), "Bytes copied from leaders.", replication_bytes_in);
  into.counter(metric("replicationbytesout"), "Bytes sent to followers.", replication_bytes_out);
}

}  // namespace ksim::broker
