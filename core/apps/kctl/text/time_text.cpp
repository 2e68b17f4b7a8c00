#include "core/apps/kctl/text/time_text.h"

#include <optional>

#include <fmt/format.h>

#include "core/storage/text.h"

namespace ksim::kctl {
namespace {

using storage::parse_number;

constexpr int64_t kMsPerDay = 86'400'000;

// Days since 1970-01-01 of a date of the Gregorian calendar, counting in eras of 400 years that begin in
// March.
int64_t days_of(int64_t year, int64_t month, int64_t day) {
  if (month <= 2) --year;
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;
}

struct Date {
  int64_t year, month, day;
};
Date date_of(int64_t days) {
  days += 719'468;
  const int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const int64_t day_of_era = days - era * 146'097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted = (5 * day_of_year + 2) / 153;
  const int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day_of_year - (153 * shifted + 2) / 5 + 1};
}

bool is_leap(int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

// Takes fields off the front of a text.
class Fields {
 public:
  explicit Fields(std::string_view text) : rest_(text) {}

  bool number(size_t digits, int64_t lowest, int64_t highest, int64_t& into) {
    if (rest_.size() < digits || rest_.substr(0, digits).find_first_not_of("0123456789") != std::string::npos)
      return false;
    into = *parse_number<int64_t>(rest_.substr(0, digits));
    rest_.remove_prefix(digits);
    return into >= lowest && into <= highest;
  }
  bool sign(std::string_view any_of, char& into) {
    if (rest_.empty() || any_of.find(rest_.front()) == std::string_view::npos) return false;
    into = rest_.front();
    rest_.remove_prefix(1);
    return true;
  }
  bool sign(std::string_view any_of) {
    char ignored = 0;
    return sign(any_of, ignored);
  }
  // Up to nine digits behind the point, as milliseconds.
  bool fraction(int64_t& ms) {
    size_t digits = 0;
    for (int64_t unit = 100; digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9';
         unit /= 10)
      ms += (rest_[digits++] - '0') * unit;
    rest_.remove_prefix(digits);
    return digits > 0 && digits <= 9;
  }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

std::optional<int64_t> take_time_of_day(Fields& fields) {
  int64_t hour = 0;
  int64_t minute = 0;
  int64_t second = 0;
  int64_t ms = 0;
  if (!fields.number(2, 0, 23, hour) || !fields.sign(":") || !fields.number(2, 0, 59, minute))
    return std::nullopt;
  if (fields.sign(":")) {
    if (!fields.number(2, 0, 59, second)) return std::nullopt;
    if (fields.sign(".,") && !fields.fraction(ms)) return std::nullopt;
  }
  ms += ((hour * 60 + minute) * 60 + second) * 1000;
  char sign = 0;
  if (fields.sign("Z") || !fields.sign("+-", sign)) return ms;
  if (!fields.number(2, 0, 14, hour)) return std::nullopt;
  minute = 0;
  fields.sign(":");
  if (!fields.at_end() && !fields.number(2, 0, 59, minute)) return std::nullopt;
  const int64_t shift = (hour * 60 + minute) * 60'000;
  return sign == '+' ? ms - shift : ms + shift;
}

std::optional<int64_t> take_time(std::string_view text) {
  constexpr int kLengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  Fields fields(text);
  int64_t year = 0;
  int64_t month = 0;
  int64_t day = 0;
  if (!fields.number(4, 1, 9999, year) || !fields.sign("-") || !fields.number(2, 1, 12, month) ||
      !fields.sign("-") || !fields.number(2, 1, 31, day))
    return std::nullopt;
  const int length = kLengths[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
  if (day > length) return std::nullopt;
  int64_t ms = days_of(year, month, day) * kMsPerDay;
  if (fields.at_end()) return ms;
  if (!fields.sign("T ")) return std::nullopt;
  const auto of_day = take_time_of_day(fields);
  if (!of_day || !fields.at_end()) return std::nullopt;
  return ms + *of_day;
}

}  // namespace

Result<int64_t> parse_time(std::string_view text) {
  if (const auto ms = take_time(text)) return *ms;
  return fail(ErrorCode::INVALID_REQUEST,
              fmt::format("'{}': must be a time like 2026-01-31 or 2026-01-31T12:00:05.250Z (UTC)", text));
}

std::string format_time(int64_t ms) {
  if (ms < 0) return "-";
  const Date date = date_of(ms / kMsPerDay);
  const int64_t of_day = ms % kMsPerDay;
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", date.year, date.month, date.day,
                     of_day / 3'600'000, of_day / 60'000 % 60, of_day / 1000 % 60, of_day % 1000);
}

Result<Duration> parse_duration(std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_number<int64_t>(text.substr(0, digits));
  const std::string_view unit = text.substr(digits);
  const int64_t unit_ms = unit == "ms"                  ? 1
                          : unit.empty() || unit == "s" ? 1000
                          : unit == "m"                 ? 60'000
                          : unit == "h"                 ? 3'600'000
                          : unit == "d"                 ? kMsPerDay
                                                        : 0;
  if (!number || unit_ms == 0 || *number > 100'000 * kMsPerDay / unit_ms)
    return fail(ErrorCode::INVALID_REQUEST,
                fmt::format("'{}': must be a duration like 250ms, 90s, 5m, 2h, 7d", text));
  return milliseconds(*number * unit_ms);
}

}  // namespace ksim::kctl
