#pragma once
// Every configuration a topic or a node knows: name, type, default, what is allowed, whether it can change
// while the node runs. The tables are topic_configs.inc and broker_configs.inc.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace ksim {

// Numbers of DescribeConfigs' ConfigType.
enum class ConfigType : int8_t {
  unknown = 0,
  boolean = 1,
  string = 2,
  int32 = 3,
  int16 = 4,
  int64 = 5,
  float64 = 6,
  list = 7,
  class_name = 8,
  password = 9,
};

// What values are allowed beyond the type. Whole numbers for float64 as well.
struct ConfigCheck {
  enum class Kind : uint8_t { any, range, one_of, members_of, throttled_replicas, voters };
  Kind kind = Kind::any;
  int64_t min = 0;
  int64_t max = 0;
  std::optional<int64_t> also;  // one value outside the range
  std::string_view allowed;     // comma-separated
};

enum class ConfigUpdate : uint8_t { read_only, per_broker, cluster_wide };

struct ConfigDef {
  std::string_view name;
  ConfigType type = ConfigType::string;
  std::optional<std::string_view> default_value;
  ConfigCheck check;
  ConfigUpdate update = ConfigUpdate::read_only;
  std::string_view doc;

  bool sensitive() const { return type == ConfigType::password; }
};

std::span<const ConfigDef> topic_config_defs();   // by name
std::span<const ConfigDef> broker_config_defs();  // by name
const ConfigDef* find_topic_config(std::string_view name);
const ConfigDef* find_broker_config(std::string_view name);

// INVALID_CONFIG with a message that names key, value and what is allowed. Surrounding blanks are ignored,
// as in Kafka.
Result<void> check_config_value(const ConfigDef& def, std::string_view value);

// ---- values as text ----
std::string_view trim(std::string_view text);
std::vector<std::string_view> split_list(std::string_view text);  // at commas, trimmed; "" is no element
std::optional<int64_t> parse_int(std::string_view text, int64_t min, int64_t max);
std::optional<bool> parse_bool(std::string_view text);  // true, false, in any case of letters
// A decimal number, possibly with an exponent, in millionths: cut off towards zero, saturating. Decimal
// configurations are compared and computed with in this form, so that no floating point is observable.
std::optional<int64_t> parse_millionths(std::string_view text);

// ---- where a topic's defaults come from (rule C45) ----
enum class ConfigUnit : uint8_t { same, minutes_to_ms, hours_to_ms };
struct ConfigSynonym {
  std::string_view name;
  ConfigUnit unit = ConfigUnit::same;
};
// The node configurations that stand in for this topic configuration, first one wins; none for those that
// only topics have.
std::span<const ConfigSynonym> server_synonyms(std::string_view topic_config);
// The names under which a node configuration can be given, in order of precedence, itself included:
// log.retention.ms, .minutes, .hours.
std::vector<std::string_view> broker_synonyms(std::string_view broker_config);
// The value of a synonym in the unit of the topic configuration.
std::string convert_unit(std::string_view value, ConfigUnit unit);

}  // namespace ksim
