#include "core/metadata/config_def.h"

#include <limits>
#include <set>

#include <gtest/gtest.h>

#include "core/base/properties.h"

namespace ksim {
namespace {

TEST(ConfigDef, EveryDefaultIsAllowedAndEverySynonymExists) {
  for (const auto table : {topic_config_defs(), broker_config_defs()}) {
    for (const ConfigDef& def : table) {
      if (def.default_value) {
        const auto checked = check_config_value(def, *def.default_value);
        EXPECT_TRUE(checked.ok()) << def.name << ": " << (checked.ok() ? "" : checked.error().message);
      }
      EXPECT_FALSE(def.doc.empty()) << def.name;
    }
  }
  for (const ConfigDef& def : topic_config_defs()) {
    for (const ConfigSynonym& synonym : server_synonyms(def.name)) {
      EXPECT_NE(find_broker_config(synonym.name), nullptr) << synonym.name;
    }
  }
}

TEST(ConfigDef, ADefaultOfATopicIsThatOfItsServerConfiguration) {
  for (const ConfigDef& def : topic_config_defs()) {
    const auto synonyms = server_synonyms(def.name);
    if (synonyms.empty()) continue;
    std::optional<std::string> value;
    for (const ConfigSynonym& synonym : synonyms) {
      const ConfigDef* server = find_broker_config(synonym.name);
      if (!value && server->default_value) value = convert_unit(*server->default_value, synonym.unit);
    }
    ASSERT_TRUE(value.has_value()) << def.name;
    EXPECT_EQ(*value, *def.default_value) << def.name;
  }
}

TEST(ConfigDef, MessagesNameKeyValueAndWhatIsAllowed) {
  const auto check = [](std::string_view key, std::string_view value) -> std::string {
    const auto result = check_config_value(*find_topic_config(key), value);
    return result.ok() ? "" : result.error().message;
  };
  EXPECT_EQ(check("segment.bytes", "14"),
            "Invalid value 14 for configuration segment.bytes: Value must be at least 1048576");
  EXPECT_EQ(check("cleanup.policy", "compact,remove"),
            "Invalid value compact,remove for configuration cleanup.policy: Each element must be one of: "
            "compact,delete");
  EXPECT_EQ(
      check("min.cleanable.dirty.ratio", "1.000001"),
      "Invalid value 1.000001 for configuration min.cleanable.dirty.ratio: Value must be between 0 and 1");
  EXPECT_EQ(check("compression.gzip.level", "0"),
            "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9, or -1");
  EXPECT_EQ(check("max.message.bytes", "2147483648"),
            "Invalid value 2147483648 for configuration max.message.bytes: Not a number of 32 bits");
  EXPECT_EQ(check("preallocate", "yes"),
            "Invalid value yes for configuration preallocate: Expected value to be either true or false");
  EXPECT_EQ(check("retention.ms", " -1 "), "");
  EXPECT_EQ(check("cleanup.policy", "compact, delete"), "");
  EXPECT_EQ(check("leader.replication.throttled.replicas", "0:1,3:2"), "");
  EXPECT_NE(check("leader.replication.throttled.replicas", "0-1"), "");
}

TEST(ConfigDef, Numbers) {
  constexpr int64_t kMin64 = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax64 = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(parse_int("9223372036854775807", kMin64, kMax64), kMax64);
  EXPECT_EQ(parse_int("-9223372036854775808", kMin64, kMax64), kMin64);
  EXPECT_EQ(parse_int("9223372036854775808", kMin64, kMax64), std::nullopt);
  EXPECT_EQ(parse_int("12x", kMin64, kMax64), std::nullopt);
  EXPECT_EQ(parse_int("", kMin64, kMax64), std::nullopt);
  EXPECT_EQ(parse_millionths("0.5"), 500'000);
  EXPECT_EQ(parse_millionths("5E-1"), 500'000);
  EXPECT_EQ(parse_millionths("12"), 12'000'000);
  EXPECT_EQ(parse_millionths("0.0000019"), 1);
  EXPECT_EQ(parse_millionths("-1.5"), -1'500'000);
  EXPECT_EQ(parse_millionths("1.7976931348623157E308"), kMax64);
  EXPECT_EQ(parse_millionths("1.2.3"), std::nullopt);
  EXPECT_EQ(parse_millionths("."), std::nullopt);
}

TEST(ConfigDef, RuleC45UnitsAndOrderOfSynonyms) {
  EXPECT_EQ(
      broker_synonyms("log.retention.hours"),
      (std::vector<std::string_view>{"log.retention.ms", "log.retention.minutes", "log.retention.hours"}));
  EXPECT_EQ(broker_synonyms("log.flush.interval.ms"),
            (std::vector<std::string_view>{"log.flush.interval.ms", "log.flush.scheduler.interval.ms"}));
  EXPECT_EQ(broker_synonyms("num.io.threads"), std::vector<std::string_view>{"num.io.threads"});
  EXPECT_EQ(convert_unit("2", ConfigUnit::hours_to_ms), "7200000");
  EXPECT_EQ(convert_unit("-1", ConfigUnit::minutes_to_ms), "-1");
}

TEST(Properties, JavaSyntax) {
  const auto map = parse_properties(
      "# a comment \\\n"
      "! another\n"
      "a=1\n"
      "  b : two words  \r\n"
      "c\tthree\n"
      "d = x,\\\n"
      "    y\n"
      "e\\=f=g\\u0041\\t.\n"
      "empty=\n"
      "alone\n"
      "g=\\uD83D\\uDE00\n"
      "a=last wins");
  ASSERT_TRUE(map.ok());
  const PropertyMap expected{{"a", "last wins"}, {"b", "two words  "},     {"c", "three"},
                             {"d", "x,y"},       {"e=f", "gA\t."},         {"empty", ""},
                             {"alone", ""},      {"g", "\xF0\x9F\x98\x80"}};
  EXPECT_EQ(*map, expected);
  EXPECT_FALSE(parse_properties("a=\\u00g0").ok());
}

TEST(Properties, EnvironmentNames) {
  EXPECT_EQ(property_of_environment("KAFKA_LOG_DIRS"), "log.dirs");
  EXPECT_EQ(property_of_environment("KAFKA_A__B___C"), "a_b-c");
  EXPECT_EQ(property_of_environment("PATH"), "");
}

}  // namespace
}  // namespace ksim
