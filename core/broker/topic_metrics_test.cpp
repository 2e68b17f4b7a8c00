#include "core/broker/topic_metrics.h"

#include <gtest/gtest.h>

namespace ksim::broker {
namespace {

TEST(TopicMetrics, TheSumOutlivesItsTopics) {
  TopicMetrics metrics;
  metrics.of("a").bytes_in += 3;
  metrics.of("b").bytes_in += 4;
  metrics.forget([](const std::string& topic) { return topic == "a"; });
  MetricsSnapshot snapshot;
  metrics.collect(snapshot);
  EXPECT_EQ(snapshot.value("kafka_server_brokertopicmetrics_bytesin_total"), 7);
  EXPECT_EQ(snapshot.value("kafka_server_brokertopicmetrics_bytesin_total", {{"topic", "b"}}), 4);
  EXPECT_EQ(snapshot.value("kafka_server_brokertopicmetrics_bytesin_total", {{"topic", "a"}}), 0);
}

TEST(TopicMetrics, MemoryIsBounded) {
  TopicMetrics metrics;
  for (size_t i = 0; i <= TopicMetrics::kMaxTopics; ++i) ++metrics.of(std::to_string(i)).messages_in;
  ++metrics.of("one more").messages_in;
  MetricsSnapshot snapshot;
  metrics.collect(snapshot);
  const auto& family = snapshot.families().at("kafka_server_brokertopicmetrics_messagesin_total");
  EXPECT_EQ(family.samples.size(), TopicMetrics::kMaxTopics + 1);
  EXPECT_EQ(snapshot.value("kafka_server_brokertopicmetrics_messagesin_total"),
            static_cast<int64_t>(TopicMetrics::kMaxTopics) + 2);
}

}  // namespace
}  // namespace ksim::broker
