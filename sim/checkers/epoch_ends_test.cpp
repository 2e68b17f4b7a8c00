// R7, and what R3 says of a fetch that came too late.

#include "sim/checkers/test_story.h"

namespace ksim::sim {
namespace {

EpochEndTold told(int32_t asked, int32_t epoch, int64_t end, std::string_view log = kLog) {
  return {log, kTopic, 0, asked, epoch, end};
}
DivergenceCut cut(int32_t epoch, int64_t end, std::string_view log = kLog) {
  return {log, kTopic, 0, epoch, end};
}

TEST_F(Story, R7AcceptsWhatTheLogOfTheLeaderHolds) {
  lead(1, 1);
  write(1, 0, 1, {a, b});
  lead(1, 3);
  write(1, 2, 3, {c});
  emit(1, told(1, 1, 2));
  emit(1, told(2, 1, 2));
  emit(1, told(3, 3, 3));
  lead(1, 4);
  emit(1, told(4, 4, 3));
  EXPECT_EQ(cries(), "") << "an epoch that it leads may have no record yet";
}

TEST_F(Story, R7CriesForAnEpochThatTheLeaderHasNothingOf) {
  lead(1, 1);
  write(1, 0, 1, {a, b});
  lead(1, 3);
  write(1, 2, 3, {c});
  emit(1, told(2, 2, 2));
  EXPECT_TRUE(cried("R7"));
}

TEST_F(Story, R7CriesForAnEndThatIsNone) {
  lead(1, 1);
  write(1, 0, 1, {a});
  write(1, 1, 1, {b});
  lead(1, 3);
  write(1, 2, 3, {c});
  emit(1, told(1, 1, 1));
  EXPECT_TRUE(cried("R7"));
}

TEST_F(Story, R7CriesForAnEndBehindLaterRecords) {
  lead(1, 1);
  write(1, 0, 1, {a});
  lead(1, 3);
  write(1, 1, 3, {c});
  emit(1, told(2, 1, 2));
  EXPECT_TRUE(cried("R7"));
}

TEST_F(Story, R7LetsALogBeginInAnyEpoch) {
  lead(1, 4);
  emit(1, LogStartMoved{kLog, kTopic, 0, 5, "leader_offset"});
  write(1, 5, 4, {a});
  emit(1, told(2, 2, 5));
  EXPECT_FALSE(cried("R7")) << "what was in front of it is deleted";
  emit(1, told(2, 2, 6));
  EXPECT_TRUE(cried("R7"));
}

TEST_F(Story, R7CriesWhenAFollowerKeepsALaterEpoch) {
  lead(1, 1);
  write(2, 0, 1, {a});
  lead(2, 2);
  write(2, 1, 2, {b});
  lead(1, 3);
  emit(2, cut(2, 2));
  EXPECT_FALSE(cried("R7"));
  emit(2, cut(1, 2));
  EXPECT_TRUE(cried("R7"));
}

TEST_F(Story, R7CriesWhenAFollowerKeepsMoreOfTheEpoch) {
  lead(1, 1);
  write(2, 0, 1, {a});
  write(2, 1, 1, {b});
  emit(2, cut(1, 1));
  EXPECT_TRUE(cried("R7"));
}

TEST_F(Story, R7JudgesTheMetadataLog) {
  write(1, 0, 1, {a}, kMetadataLog);
  write(1, 1, 3, {b}, kMetadataLog);
  emit(1, told(2, 1, 1, kMetadataLog));
  emit(1, cut(3, 2, kMetadataLog));
  EXPECT_FALSE(cried("R7"));
  emit(1, told(2, 2, 1, kMetadataLog));
  EXPECT_TRUE(cried("R7"));
}

TEST_F(Story, R3CriesWhenAFollowerTakesWhatItFetchedInAnotherEpoch) {
  lead(1, 1);
  write(1, 0, 1, {a});
  emit(2, LogAppended{kLog, kTopic, 0, 0, 1, 1, 1});
  lead(3, 2);
  EXPECT_EQ(cries(), "");
  emit(2, LogAppended{kLog, kTopic, 0, 0, 1, 1, 1});
  EXPECT_TRUE(cried("R3"));
}

TEST_F(Story, R3CriesWhenALeaderTakesWhatItHadFetched) {
  lead(1, 1);
  lead(2, 2);
  emit(2, LogAppended{kLog, kTopic, 0, 0, 1, 2, 1});
  EXPECT_TRUE(cried("R3"));
}

}  // namespace
}  // namespace ksim::sim
