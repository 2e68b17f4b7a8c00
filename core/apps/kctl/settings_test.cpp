#include "core/apps/kctl/settings.h"

#include <gtest/gtest.h>

namespace ksim::kctl {
namespace {

Result<Settings> settings_of(std::vector<std::string> assignments, std::string file = "",
                             std::string bootstrap = "") {
  Settings::Given given;
  given.assignments = std::move(assignments);
  given.properties = std::move(file);
  given.bootstrap = std::move(bootstrap);
  return Settings::make(given);
}

TEST(Settings, Endpoints) {
  const auto endpoints = parse_endpoints("a:1,b,[::1]:3,,[fe80::2]");
  ASSERT_TRUE(endpoints.ok());
  EXPECT_EQ(*endpoints, (std::vector<Endpoint>{{"a", 1}, {"b", 9092}, {"::1", 3}, {"fe80::2", 9092}}));
  for (const char* bad : {"", ",", ":9092", "a:", "a:0", "a:65536", "a:x", "[::1", "[::1]x"})
    EXPECT_FALSE(parse_endpoints(bad).ok()) << bad;
}

TEST(Settings, LaterSourcesWin) {
  const auto none = settings_of({});
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(none->bootstrap(), (std::vector<Endpoint>{{"localhost", 9092}}));
  const std::string file = "bootstrap.servers=f:1\nlinger.ms=7\nacks=1\nenable.idempotence=false\n";
  EXPECT_EQ(settings_of({}, file)->bootstrap()[0].host, "f");
  EXPECT_EQ(settings_of({"bootstrap.servers=x:2"}, file)->bootstrap()[0].host, "x");
  const auto all = settings_of({"linger.ms=9"}, file, "o:3");
  EXPECT_EQ(all->bootstrap()[0].host, "o");
  client::ProducerConfig preset;
  preset.batch_size = 99;
  const client::ProducerConfig producer = all->producer(preset);
  EXPECT_EQ(producer.linger_ms, 9);
  EXPECT_EQ(producer.acks, 1);
  EXPECT_FALSE(producer.enable_idempotence);
  EXPECT_EQ(producer.batch_size, 99) << "what no property names stays";
  EXPECT_TRUE(producer.validate().ok());
}

TEST(Settings, TimeoutBoundsRequestsAndDelivery) {
  Settings::Given given;
  given.timeout_ms = 2000;
  const auto settings = Settings::make(given);
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->admin().request_timeout_ms, 2000);
  EXPECT_EQ(settings->producer().max_block_ms, 2000);
  EXPECT_EQ(settings->producer().delivery_timeout_ms, 2005);
  EXPECT_TRUE(settings->producer().validate().ok());
}

TEST(Settings, CompressionLevelIsThatOfItsCodec) {
  const auto settings =
      settings_of({"compression.type=zstd", "compression.zstd.level=7", "compression.gzip.level=2"});
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->producer().compression_type, Compression::zstd);
  EXPECT_EQ(settings->producer().compression_level, 7);
}

TEST(Settings, SaysWhatIsWrong) {
  EXPECT_NE(settings_of({"acks=2"}).error().message.find("acks=2: must be one of all"), std::string::npos);
  EXPECT_NE(settings_of({"linger.ms=x"}).error().message.find("linger.ms=x: must be an integer"),
            std::string::npos);
  EXPECT_NE(settings_of({"lingerms=1"}).error().message.find("-X lingerms"), std::string::npos);
  EXPECT_NE(settings_of({"=1"}).error().message.find("KEY=VALUE"), std::string::npos);
  EXPECT_NE(settings_of({"security.protocol=SASL_SSL"}).error().message.find("neither TLS nor SASL"),
            std::string::npos);
  EXPECT_TRUE(settings_of({"security.protocol=PLAINTEXT"}).ok());
  const auto foreign = settings_of({}, "key.serializer=X\nlinger.ms=1\n");
  ASSERT_TRUE(foreign.ok()) << "files are written for other clients, too";
  EXPECT_EQ(foreign->unknown_keys(), (std::vector<std::string>{"key.serializer"}));
}

}  // namespace
}  // namespace ksim::kctl
