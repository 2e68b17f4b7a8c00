#include "core/storage/meta_properties.h"

#include <array>

#include "core/base/properties.h"
#include "core/storage/text.h"

namespace ksim::storage {
namespace {

Failure<Error> invalid(std::string text) {
  return fail(ErrorCode::INVALID_CONFIG, "meta.properties: " + std::move(text));
}

std::string two_digits(int64_t value) { return (value < 10 ? "0" : "") + std::to_string(value); }

// "Sat Nov 23 10:11:12 UTC 2024", as java.util.Date prints itself. Days to dates by the usual count of whole
// 400-year eras that begin on the first of March.
std::string java_date(WallTime now) {
  constexpr std::array<std::string_view, 7> kWeekdays{"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
  constexpr std::array<std::string_view, 12> kMonths{"Mar", "Apr", "May", "Jun", "Jul", "Aug",
                                                     "Sep", "Oct", "Nov", "Dec", "Jan", "Feb"};
  const int64_t seconds = now.ms() / 1000;
  const int64_t days = seconds / 86'400;
  const int64_t in_day = seconds % 86'400;
  const int64_t from_march_0000 = days + 719'468;
  const int64_t era = from_march_0000 / 146'097;
  const int64_t day_of_era = from_march_0000 % 146'097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month = (5 * day_of_year + 2) / 153;
  const int64_t day = day_of_year - (153 * month + 2) / 5 + 1;
  const int64_t year = era * 400 + year_of_era + (month >= 10 ? 1 : 0);
  std::string text(kWeekdays[static_cast<size_t>(days % 7)]);
  text.append(" ").append(kMonths[static_cast<size_t>(month)]).append(" ").append(two_digits(day));
  text.append(" ").append(two_digits(in_day / 3600)).append(":").append(two_digits(in_day / 60 % 60));
  text.append(":").append(two_digits(in_day % 60)).append(" UTC ").append(std::to_string(year));
  return text;
}

}  // namespace

std::string format_meta_properties(const MetaProperties& properties, WallTime now) {
  std::string text = "#\n#" + java_date(now) + "\n";
  const auto line = [&](std::string_view key, std::string_view value) {
    text.append(key).append("=").append(escape_property(value)).append("\n");
  };
  if (properties.cluster_id) line("cluster.id", *properties.cluster_id);
  if (properties.directory_id) line("directory.id", properties.directory_id->to_string());
  if (properties.node_id) {
    line(properties.version == 0 ? "broker.id" : "node.id", std::to_string(*properties.node_id));
  }
  line("version", std::to_string(properties.version));
  return text;
}

Result<MetaProperties> parse_meta_properties(std::string_view text) {
  TRY_ASSIGN(const PropertyMap map, parse_properties(text));
  const auto find = [&](std::string_view key) -> const std::string* {
    const auto found = map.find(key);
    return found == map.end() ? nullptr : &found->second;
  };
  MetaProperties properties;
  properties.version = 0;
  if (const std::string* version = find("version")) {
    const auto number = parse_number<int32_t>(*version);
    if (!number || *number < 0 || *number > 1) return invalid("unknown version " + *version);
    properties.version = *number;
  }
  if (const std::string* id = find(properties.version == 0 ? "broker.id" : "node.id")) {
    properties.node_id = parse_number<int32_t>(*id);
    if (!properties.node_id) return invalid("node id " + *id + " is no number");
  }
  if (const std::string* id = find("cluster.id")) properties.cluster_id = *id;
  if (const std::string* id = find("directory.id")) {
    properties.directory_id = Uuid::parse(*id);
    if (!properties.directory_id) return invalid("directory id " + *id + " is no uuid");
    if (properties.directory_id->is_reserved()) return invalid("directory id " + *id + " is reserved");
  }
  if (properties.version == 1 && !properties.node_id) return invalid("node.id is missing");
  if (properties.version == 1 && !properties.cluster_id) return invalid("cluster.id is missing");
  return properties;
}

Result<std::optional<MetaProperties>> read_meta_properties(Disk& disk, std::string_view directory) {
  const std::string path = join_path(directory, kMetaPropertiesFile);
  const auto content = read_file(disk, path);
  if (!content.ok()) {
    if (content.error() == IoError::not_found) return std::optional<MetaProperties>{};
    return fail(Error(content.error(), "reading " + path));
  }
  TRY_ASSIGN(MetaProperties properties, parse_meta_properties(as_text(*content)));
  return std::optional<MetaProperties>{std::move(properties)};
}

Result<void> write_meta_properties(Disk& disk, std::string_view directory, const MetaProperties& properties,
                                   WallTime now) {
  const std::string path = join_path(directory, kMetaPropertiesFile);
  const std::string text = format_meta_properties(properties, now);
  const auto written = write_file_atomically(disk, path, as_bytes(text));
  if (!written.ok()) return fail(Error(written.error(), "writing " + path));
  return {};
}

}  // namespace ksim::storage
