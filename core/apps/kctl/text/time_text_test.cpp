#include "core/apps/kctl/text/time_text.h"

#include <gtest/gtest.h>

namespace ksim::kctl {
namespace {

TEST(TimeText, ReadsWhatItWrites) {
  EXPECT_EQ(format_time(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(format_time(951'827'696'789), "2000-02-29T12:34:56.789Z");
  EXPECT_EQ(format_time(-1), "-");
  for (const int64_t ms :
       {int64_t{0}, int64_t{951'827'696'789}, int64_t{4'102'444'799'999}, int64_t{1'769'860'805'250}})
    EXPECT_EQ(*parse_time(format_time(ms)), ms);
}

TEST(TimeText, ShorterFormsAndZones) {
  EXPECT_EQ(*parse_time("1970-01-02"), 86'400'000);
  EXPECT_EQ(*parse_time("1970-01-01T01:30"), 5'400'000);
  EXPECT_EQ(*parse_time("1970-01-01 01:30:02"), 5'402'000);
  EXPECT_EQ(*parse_time("1970-01-01T02:00+02:00"), 0);
  EXPECT_EQ(*parse_time("1970-01-01T00:00:00.5-0130"), 5'400'500);
  EXPECT_EQ(*parse_time("1970-01-01T00:00:00.1239999Z"), 123);
}

TEST(TimeText, RefusesWhatIsNoTime) {
  for (const char* bad :
       {"", "now", "2026", "2026-13-01", "2026-02-29", "1900-02-29", "2026-04-31", "2026-01-31T",
        "2026-01-31T24:00", "2026-01-31T12:60", "2026-01-31T12:00:00.", "2026-01-31T12:00:00ZZ",
        "2026-01-31T12:00+99", "26-01-31", "2026-1-31", "2026-01-31x"})
    EXPECT_EQ(parse_time(bad).ok(), false) << bad;
}

TEST(TimeText, Durations) {
  EXPECT_EQ(parse_duration("250ms")->ms(), 250);
  EXPECT_EQ(parse_duration("90")->ms(), 90'000);
  EXPECT_EQ(parse_duration("5m")->ms(), 300'000);
  EXPECT_EQ(parse_duration("2h")->ms(), 7'200'000);
  EXPECT_EQ(parse_duration("7d")->ms(), 604'800'000);
  EXPECT_EQ(parse_duration("0")->ns, 0);
  for (const char* bad :
       {"", "s", "-5m", "5 m", "5w", "1.5h", "99999999999999999999s", "9223372036854775807d"})
    EXPECT_FALSE(parse_duration(bad).ok()) << bad;
}

}  // namespace
}  // namespace ksim::kctl
