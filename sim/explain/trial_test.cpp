#include "sim/explain/trial.h"

#include <gtest/gtest.h>

#include "sim/explain/made_history.h"

namespace ksim::sim {
namespace {

using About = Explanation::About;

Explanation page_about(About about) {
  Explanation page;
  page.about = about;
  page.partition = "orders-0";
  if (about == About::record) page.record = "0000020000000035";
  return page;
}

Ending lost_it() {
  Ending ending;
  ending.acknowledged = 100;
  ending.lost = 14;
  ending.told = "ok";
  ending.gone = true;
  return ending;
}

Explanation::Remedy of_record(const Ending& now) {
  return judged("acks=all", lost_it(), now, page_about(About::record));
}

TEST(Trial, ARecordThatIsThereIsSavedWhateverElseIsLost) {
  Ending now = lost_it();
  now.gone = false;
  now.lost = 13;
  EXPECT_EQ(of_record(now).outcome, "saved");
  EXPECT_EQ(of_record(now).text,
            "13 of 100 acknowledged lost, 0 given up, no wait of a second; it is there, but 13 others of "
            "orders-0 are "
            "lost");
  now.lost = 0;
  EXPECT_EQ(of_record(now).outcome, "saved");
  EXPECT_EQ(of_record(now).text, "0 of 100 acknowledged lost, 0 given up, no wait of a second");
}

TEST(Trial, ARecordThatIsGoneIsLostHoweverFewAre) {
  Ending now = lost_it();
  now.lost = 1;
  EXPECT_EQ(of_record(now).outcome, "lost anyway");
}

TEST(Trial, WhatItsClientWasToldComesBeforeWhatOthersLost) {
  Ending now = lost_it();
  now.gone = false;
  now.told = "failed NOT_ENOUGH_REPLICAS";
  EXPECT_EQ(of_record(now).outcome, "refused");
  EXPECT_NE(of_record(now).text.find("the client was told: failed NOT_ENOUGH_REPLICAS"), std::string::npos);
  now.told = "unknown REQUEST_TIMED_OUT";
  EXPECT_EQ(of_record(now).outcome, "not acknowledged");
  now.told.clear();
  EXPECT_EQ(of_record(now).outcome, "refused");
  EXPECT_NE(of_record(now).text.find("it was not sent"), std::string::npos);
}

TEST(Trial, AnOffsetGoesByItsPartition) {
  Ending now;
  now.lost = 1;
  EXPECT_EQ(judged("x=1", lost_it(), now, page_about(About::offset)).outcome, "lost anyway");
  now.lost = 0;
  EXPECT_EQ(judged("x=1", lost_it(), now, page_about(About::offset)).outcome, "saved");
}

TEST(Trial, AnOutageGoesByTheLongestWait) {
  Ending before;
  before.waited_ns = 10'000'000'000;
  Ending now;
  now.waited_ns = 4'000'000'000;
  now.lost = 5;
  EXPECT_EQ(judged("x=1", before, now, page_about(About::outage)).outcome, "sooner");
  now.waited_ns = 6'000'000'000;
  EXPECT_EQ(judged("x=1", before, now, page_about(About::outage)).outcome, "no better");
}

TEST(Trial, AViolationIsNotSavedByWhatIsNotLost) {
  Ending before;
  before.cause = "R7 in #: it keeps #";
  Ending now;
  now.lost = 3;
  EXPECT_EQ(judged("x=1", before, now, page_about(About::violation)).outcome, "saved");
  now.cause = before.cause;
  EXPECT_EQ(judged("x=1", before, now, page_about(About::violation)).outcome, "violated anyway");
  now.cause = "L in #: stands still";
  const Explanation::Remedy other = judged("x=1", before, now, page_about(About::violation));
  EXPECT_EQ(other.outcome, "other violation");
  EXPECT_EQ(other.text, now.cause);
}

TEST(Trial, TheSameViolationOfAnotherRecordIsTold) {
  Ending before = lost_it();
  before.cause = "R1 in #: record # is gone";
  Ending now = before;
  now.gone = false;
  const Explanation::Remedy remedy = judged("x=1", before, now, page_about(About::record));
  EXPECT_EQ(remedy.outcome, "violated anyway");
  EXPECT_NE(remedy.text.find("the same violation again"), std::string::npos);
}

TEST(Trial, TheRunItself) {
  EXPECT_EQ(as_it_was(lost_it(), page_about(About::record)).outcome, "lost");
  EXPECT_EQ(as_it_was(lost_it(), page_about(About::outage)).outcome, "unavailable");
  EXPECT_EQ(as_it_was(lost_it(), page_about(About::violation)).outcome, "violated");
}

TEST(Trial, AnEndingComesThroughThePipe) {
  Ending ending = lost_it();
  ending.cause = "R1 in #: \xff";
  ending.digest = "0123456789abcdef";
  ending.waited_ns = 7;
  const std::optional<Ending> again = unpacked(packed(ending));
  ASSERT_TRUE(again);
  EXPECT_EQ(packed(*again), packed(ending));
  EXPECT_EQ(again->digest, ending.digest);
  EXPECT_TRUE(again->gone);
  EXPECT_FALSE(unpacked("no JSON"));
}

TEST(Trial, TheEndingOfARecording) {
  const auto recorded = [](bool lost) {
    Made made;
    made.told(13);
    return Database::open(made.image(lost)).value();
  };
  Explanation page = page_about(About::record);
  page.record = "0000010000000007";
  Database lost = recorded(true);
  const Ending gone = ending_of(lost, page).value();
  EXPECT_TRUE(gone.gone);
  EXPECT_EQ(gone.lost, 1);
  EXPECT_EQ(gone.told, "ok");
  Database there = recorded(false);
  EXPECT_FALSE(ending_of(there, page).value().gone);
  page.record = "0000010000000008";
  EXPECT_EQ(ending_of(there, page).value().told, "");
  Database empty = Database::create().value();
  EXPECT_FALSE(ending_of(empty, page).ok());
}

}  // namespace
}  // namespace ksim::sim
