#include "core/metadata/config_def.h"

#include <algorithm>
#include <array>
#include <limits>

namespace ksim {
namespace {

using Kind = ConfigCheck::Kind;
constexpr int64_t kLongMax = std::numeric_limits<int64_t>::max();
constexpr std::nullopt_t kNull = std::nullopt;

constexpr ConfigCheck any() { return {}; }
constexpr ConfigCheck between(int64_t min, int64_t max) { return {Kind::range, min, max, {}, {}}; }
constexpr ConfigCheck at_least(int64_t min) { return between(min, kLongMax); }
constexpr ConfigCheck level(int64_t min, int64_t max, int64_t also) {
  return {Kind::range, min, max, also, {}};
}
constexpr ConfigCheck one_of(std::string_view allowed) { return {Kind::one_of, 0, 0, {}, allowed}; }
constexpr ConfigCheck members_of(std::string_view allowed) { return {Kind::members_of, 0, 0, {}, allowed}; }
constexpr ConfigCheck throttled_replicas() { return {Kind::throttled_replicas, 0, 0, {}, {}}; }
constexpr ConfigCheck voters() { return {Kind::voters, 0, 0, {}, {}}; }

#define KSIM_TOPIC_CONFIG(name, type, fallback, check, doc) \
  ConfigDef{name, ConfigType::type, fallback, check, ConfigUpdate::cluster_wide, doc},
constexpr ConfigDef kTopicConfigs[] = {
#include "core/metadata/topic_configs.inc"
};
#undef KSIM_TOPIC_CONFIG

#define KSIM_BROKER_CONFIG(name, type, fallback, check, update, doc) \
  ConfigDef{name, ConfigType::type, fallback, check, ConfigUpdate::update, doc},
constexpr ConfigDef kBrokerConfigs[] = {
#include "core/metadata/broker_configs.inc"
};
#undef KSIM_BROKER_CONFIG

struct TopicSynonym {
  std::string_view topic_config;
  std::array<ConfigSynonym, 3> server;
  size_t count;
};
constexpr TopicSynonym plain(std::string_view topic_config, std::string_view server) {
  return {topic_config, {{{server}}}, 1};
}
// ServerTopicConfigSynonyms; sorted by topic configuration.
constexpr TopicSynonym kTopicSynonyms[] = {
    plain("cleanup.policy", "log.cleanup.policy"),
    plain("compression.gzip.level", "compression.gzip.level"),
    plain("compression.lz4.level", "compression.lz4.level"),
    plain("compression.type", "compression.type"),
    plain("compression.zstd.level", "compression.zstd.level"),
    plain("delete.retention.ms", "log.cleaner.delete.retention.ms"),
    plain("file.delete.delay.ms", "log.segment.delete.delay.ms"),
    plain("flush.messages", "log.flush.interval.messages"),
    {"flush.ms", {{{"log.flush.interval.ms"}, {"log.flush.scheduler.interval.ms"}}}, 2},
    plain("index.interval.bytes", "log.index.interval.bytes"),
    plain("local.retention.bytes", "log.local.retention.bytes"),
    plain("local.retention.ms", "log.local.retention.ms"),
    plain("max.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms"),
    plain("max.message.bytes", "message.max.bytes"),
    plain("message.timestamp.after.max.ms", "log.message.timestamp.after.max.ms"),
    plain("message.timestamp.before.max.ms", "log.message.timestamp.before.max.ms"),
    plain("message.timestamp.type", "log.message.timestamp.type"),
    plain("min.cleanable.dirty.ratio", "log.cleaner.min.cleanable.ratio"),
    plain("min.compaction.lag.ms", "log.cleaner.min.compaction.lag.ms"),
    plain("min.insync.replicas", "min.insync.replicas"),
    plain("preallocate", "log.preallocate"),
    plain("retention.bytes", "log.retention.bytes"),
    {"retention.ms",
     {{{"log.retention.ms"},
       {"log.retention.minutes", ConfigUnit::minutes_to_ms},
       {"log.retention.hours", ConfigUnit::hours_to_ms}}},
     3},
    plain("segment.bytes", "log.segment.bytes"),
    plain("segment.index.bytes", "log.index.size.max.bytes"),
    {"segment.jitter.ms", {{{"log.roll.jitter.ms"}, {"log.roll.jitter.hours", ConfigUnit::hours_to_ms}}}, 2},
    {"segment.ms", {{{"log.roll.ms"}, {"log.roll.hours", ConfigUnit::hours_to_ms}}}, 2},
    plain("unclean.leader.election.enable", "unclean.leader.election.enable"),
};

template <class Table>
auto find_by_name(const Table& table, std::string_view name) -> decltype(&table[0]) {
  const auto it =
      std::lower_bound(std::begin(table), std::end(table), name,
                       [](const ConfigDef& def, std::string_view wanted) { return def.name < wanted; });
  return it != std::end(table) && it->name == name ? &*it : nullptr;
}

constexpr bool sorted(std::span<const ConfigDef> table) {
  for (size_t i = 1; i < table.size(); ++i) {
    if (!(table[i - 1].name < table[i].name)) return false;
  }
  return true;
}
static_assert(sorted(kTopicConfigs) && sorted(kBrokerConfigs));

bool is_member(std::string_view wanted, std::string_view allowed) {
  for (const std::string_view each : split_list(allowed)) {
    if (each == wanted) return true;
  }
  return false;
}

// "*", or "partition:broker" pairs (Kafka's ThrottledReplicaListValidator).
bool is_throttled_list(std::string_view value) {
  const auto items = split_list(value);
  if (items.size() == 1 && items[0] == "*") return true;
  for (const std::string_view item : items) {
    const size_t colon = item.find(':');
    if (colon == std::string_view::npos) return false;
    if (!parse_int(item.substr(0, colon), 0, kLongMax) || !parse_int(item.substr(colon + 1), 0, kLongMax))
      return false;
  }
  return true;
}

// id@host:port
bool is_voter(std::string_view item) {
  const size_t at = item.find('@');
  const size_t colon = item.rfind(':');
  if (at == std::string_view::npos || colon == std::string_view::npos || colon < at + 2) return false;
  return parse_int(item.substr(0, at), 0, std::numeric_limits<int32_t>::max()) &&
         parse_int(item.substr(colon + 1), 0, 65535);
}

std::string wrong(const ConfigDef& def, std::string_view value, std::string_view why) {
  std::string text = "Invalid value ";
  text += def.sensitive() ? "[hidden]" : value;
  text += " for configuration ";
  text += def.name;
  text += ": ";
  text += why;
  return text;
}

std::string range_text(const ConfigCheck& check) {
  std::string text = check.max == kLongMax ? "Value must be at least " + std::to_string(check.min)
                                           : "Value must be between " + std::to_string(check.min) + " and " +
                                                 std::to_string(check.max);
  if (check.also) text += ", or " + std::to_string(*check.also);
  return text;
}

Result<void> check_number(const ConfigDef& def, std::string_view value) {
  int64_t min = std::numeric_limits<int64_t>::min();
  int64_t max = kLongMax;
  std::string_view kind = "a number of 64 bits";
  if (def.type == ConfigType::int32) {
    min = std::numeric_limits<int32_t>::min(), max = std::numeric_limits<int32_t>::max();
    kind = "a number of 32 bits";
  } else if (def.type == ConfigType::int16) {
    min = std::numeric_limits<int16_t>::min(), max = std::numeric_limits<int16_t>::max();
    kind = "a number of 16 bits";
  }
  const auto number = parse_int(value, min, max);
  if (!number) return fail(ErrorCode::INVALID_CONFIG, wrong(def, value, "Not " + std::string(kind)));
  const ConfigCheck& check = def.check;
  if (check.kind == Kind::range && (*number < check.min || *number > check.max) && number != check.also) {
    return fail(ErrorCode::INVALID_CONFIG, wrong(def, value, range_text(check)));
  }
  return {};
}

Result<void> check_decimal(const ConfigDef& def, std::string_view value) {
  const auto millionths = parse_millionths(value);
  if (!millionths) return fail(ErrorCode::INVALID_CONFIG, wrong(def, value, "Not a decimal number"));
  if (def.check.kind == Kind::range &&
      (*millionths < def.check.min * 1'000'000 || *millionths > def.check.max * 1'000'000)) {
    return fail(ErrorCode::INVALID_CONFIG, wrong(def, value, range_text(def.check)));
  }
  return {};
}

Result<void> check_text(const ConfigDef& def, std::string_view value) {
  bool good = true;
  std::string expected;
  switch (def.check.kind) {
    case Kind::one_of:
      good = is_member(value, def.check.allowed);
      expected = "String must be one of: " + std::string(def.check.allowed);
      break;
    case Kind::members_of:
      for (const std::string_view item : split_list(value)) good = good && is_member(item, def.check.allowed);
      expected = "Each element must be one of: " + std::string(def.check.allowed);
      break;
    case Kind::throttled_replicas:
      good = is_throttled_list(value);
      expected = "Must be * or pairs of partition:broker";
      break;
    case Kind::voters:
      for (const std::string_view item : split_list(value)) good = good && is_voter(item);
      expected = "Each element must have the form id@host:port";
      break;
    case Kind::any:
    case Kind::range:
      break;
  }
  if (!good) return fail(ErrorCode::INVALID_CONFIG, wrong(def, value, expected));
  return {};
}

}  // namespace

std::span<const ConfigDef> topic_config_defs() { return kTopicConfigs; }
std::span<const ConfigDef> broker_config_defs() { return kBrokerConfigs; }
const ConfigDef* find_topic_config(std::string_view name) { return find_by_name(kTopicConfigs, name); }
const ConfigDef* find_broker_config(std::string_view name) { return find_by_name(kBrokerConfigs, name); }

Result<void> check_config_value(const ConfigDef& def, std::string_view raw) {
  const std::string_view value = trim(raw);
  switch (def.type) {
    case ConfigType::boolean:
      if (!parse_bool(value)) {
        return fail(ErrorCode::INVALID_CONFIG,
                    wrong(def, value, "Expected value to be either true or false"));
      }
      return {};
    case ConfigType::int16:
    case ConfigType::int32:
    case ConfigType::int64:
      return check_number(def, value);
    case ConfigType::float64:
      return check_decimal(def, value);
    default:
      return check_text(def, value);
  }
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\f";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::vector<std::string_view> split_list(std::string_view text) {
  std::vector<std::string_view> items;
  text = trim(text);
  if (text.empty()) return items;
  for (;;) {
    const size_t comma = text.find(',');
    items.push_back(trim(text.substr(0, comma)));
    if (comma == std::string_view::npos) return items;
    text.remove_prefix(comma + 1);
  }
}

std::optional<int64_t> parse_int(std::string_view text, int64_t min, int64_t max) {
  text = trim(text);
  const bool negative = !text.empty() && text.front() == '-';
  if (negative || (!text.empty() && text.front() == '+')) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  uint64_t value = 0;
  constexpr uint64_t kLimit = uint64_t{1} << 63;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<uint64_t>(c - '0');
    if (value > (kLimit - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  if (!negative && value == kLimit) return std::nullopt;
  const auto number = static_cast<int64_t>(negative ? ~value + 1 : value);
  if (number < min || number > max) return std::nullopt;
  return number;
}

std::optional<bool> parse_bool(std::string_view text) {
  const auto same = [&](std::string_view word) {
    text = trim(text);
    return text.size() == word.size() &&
           std::equal(text.begin(), text.end(), word.begin(),
                      [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; });
  };
  if (same("true")) return true;
  if (same("false")) return false;
  return std::nullopt;
}

std::optional<int64_t> parse_millionths(std::string_view text) {
  text = trim(text);
  const bool negative = !text.empty() && text.front() == '-';
  if (negative || (!text.empty() && text.front() == '+')) text.remove_prefix(1);
  int64_t exponent = 6;
  if (const size_t e = text.find_first_of("eE"); e != std::string_view::npos) {
    const auto given = parse_int(text.substr(e + 1), -10'000, 10'000);
    if (!given) return std::nullopt;
    exponent += *given;
    text = text.substr(0, e);
  }
  std::string digits;
  bool point = false;
  for (const char c : text) {
    if (c == '.' && !point) {
      point = true;
    } else if (c >= '0' && c <= '9') {
      digits += c;
      if (point) --exponent;
    } else {
      return std::nullopt;
    }
  }
  if (digits.empty()) return std::nullopt;
  int64_t value = 0;
  const auto kept = static_cast<int64_t>(digits.size()) + (exponent < 0 ? exponent : 0);
  for (int64_t i = 0; i < kept + (exponent > 0 ? exponent : 0); ++i) {
    const int64_t digit = i < static_cast<int64_t>(digits.size()) ? digits[static_cast<size_t>(i)] - '0' : 0;
    if (value > (kLongMax - digit) / 10) return negative ? -kLongMax : kLongMax;
    value = value * 10 + digit;
  }
  return negative ? -value : value;
}

std::span<const ConfigSynonym> server_synonyms(std::string_view topic_config) {
  const auto it = std::lower_bound(
      std::begin(kTopicSynonyms), std::end(kTopicSynonyms), topic_config,
      [](const TopicSynonym& entry, std::string_view name) { return entry.topic_config < name; });
  if (it == std::end(kTopicSynonyms) || it->topic_config != topic_config) return {};
  return {it->server.data(), it->count};
}

std::vector<std::string_view> broker_synonyms(std::string_view broker_config) {
  std::vector<std::string_view> names;
  for (const TopicSynonym& entry : kTopicSynonyms) {
    if (entry.count < 2) continue;
    const bool here =
        std::any_of(entry.server.begin(), entry.server.begin() + entry.count,
                    [&](const ConfigSynonym& synonym) { return synonym.name == broker_config; });
    // flush.ms falls back to the scheduler's interval, but that is a configuration of its own.
    if (!here || broker_config == "log.flush.scheduler.interval.ms") continue;
    for (size_t i = 0; i < entry.count; ++i) names.push_back(entry.server[i].name);
  }
  if (names.empty()) names.push_back(broker_config);
  return names;
}

std::string convert_unit(std::string_view value, ConfigUnit unit) {
  if (unit == ConfigUnit::same) return std::string(value);
  const int64_t factor = unit == ConfigUnit::hours_to_ms ? 3'600'000 : 60'000;
  const auto number =
      parse_int(value, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max());
  if (!number) return std::string(value);
  // A negative time means none.
  return *number < 0 ? "-1" : std::to_string(*number * factor);
}

}  // namespace ksim
