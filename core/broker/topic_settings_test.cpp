#include "core/broker/topic_settings.h"

#include <gtest/gtest.h>

#include "core/metadata/server_config.h"

namespace ksim::broker {
namespace {

constexpr std::string_view kNode = R"(
process.roles=broker
node.id=1
controller.quorum.voters=2@b:9093
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://:9092
advertised.listeners=PLAINTEXT://a:9092
log.dirs=/d
)";

// Of a topic without settings of its own, whose cluster says this.
TopicSettings settings_of(std::string_view properties) {
  std::vector<std::string> warnings;
  const auto server = ServerConfig::parse_text(std::string(kNode) + std::string(properties), warnings);
  EXPECT_TRUE(server.ok()) << server.error().message;
  EXPECT_TRUE(warnings.empty()) << warnings.front();
  return topic_settings(MetadataImage{}, server.value(), "orders");
}

TEST(TopicSettings, EverySettingReachesTheLog) {
  const storage::LogConfig log = settings_of(R"(
log.segment.bytes=1048600
log.roll.ms=11
log.roll.jitter.ms=12
log.index.size.max.bytes=1300
log.index.interval.bytes=14
log.flush.interval.messages=15
log.flush.interval.ms=16
log.retention.bytes=17
log.retention.ms=18
log.segment.delete.delay.ms=19
log.cleaner.max.compaction.lag.ms=20
message.max.bytes=21
log.cleanup.policy=compact
producer.id.expiration.ms=22
transaction.partition.verification.enable=false
)")
                                     .log;
  EXPECT_EQ(log.segment_bytes, 1048600);
  EXPECT_EQ(log.segment_ms, 11);
  EXPECT_EQ(log.segment_jitter_ms, 12);
  EXPECT_EQ(log.segment_index_bytes, 1300);
  EXPECT_EQ(log.index_interval_bytes, 14);
  EXPECT_EQ(log.flush_messages, 15);
  EXPECT_EQ(log.flush_ms, 16);
  EXPECT_EQ(log.retention_bytes, 17);
  EXPECT_EQ(log.retention_ms, 18);
  EXPECT_EQ(log.file_delete_delay_ms, 19);
  EXPECT_EQ(log.max_compaction_lag_ms, 20);
  EXPECT_EQ(log.max_message_bytes, 21);
  EXPECT_TRUE(log.cleanup_compact);
  EXPECT_FALSE(log.cleanup_delete);
  EXPECT_EQ(log.producer_id_expiration_ms, 22);
  EXPECT_FALSE(log.verify_transactions);
}

TEST(TopicSettings, AndTheAppends) {
  const TopicSettings settings = settings_of(R"(
min.insync.replicas=2
message.max.bytes=21
compression.type=gzip
compression.gzip.level=4
log.message.timestamp.type=LogAppendTime
log.message.timestamp.before.max.ms=22
log.message.timestamp.after.max.ms=23
)");
  EXPECT_EQ(settings.min_isr, 2);
  EXPECT_EQ(settings.max_message_bytes, 21U);
  EXPECT_EQ(settings.codec, 1);
  EXPECT_TRUE(settings.has_codec_level);
  EXPECT_EQ(settings.log_append_time, true);
  EXPECT_EQ(settings.timestamp_before_max_ms, 22);
  EXPECT_EQ(settings.timestamp_after_max_ms, 23);
}

}  // namespace
}  // namespace ksim::broker
