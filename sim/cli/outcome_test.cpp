#include "sim/cli/outcome.h"

#include <gtest/gtest.h>

namespace ksim::sim {
namespace {

RunSummary summary_of(std::vector<ViolationRow> violations, uint64_t lost, Duration longest) {
  RunSummary summary;
  summary.violations = std::move(violations);
  summary.counts.acknowledged = 100;
  summary.counts.lost = lost;
  summary.counts.permitted = lost;
  // Many short waits are no long one.
  summary.partitions.resize(2);
  summary.partitions[0] = {"orders-0", 50, 50, 1, 1, seconds(60), seconds(2), 30};
  summary.partitions[1] = {"orders-1", 50, 50, 1, 1, longest, longest, 1};
  return summary;
}

ViolationRow cried(std::string checker, std::string message) {
  ViolationRow row;
  row.checker = std::move(checker);
  row.subject = "orders-0";
  row.message = std::move(message);
  return row;
}

Concern only(const char* of, std::optional<std::string> outage = std::nullopt) {
  return parse_concerns(of, outage).value().at(0);
}

TEST(Outcome, APermittedLossAndAnOutageAreOutcomesToo) {
  const RunOutcome outcome = outcome_of(summary_of({}, 7, seconds(6)));
  EXPECT_EQ(words_of(outcome, only("violation")), "");
  EXPECT_EQ(words_of(outcome, only("loss")), "acknowledged records are lost");
  EXPECT_EQ(in_numbers(outcome, only("loss")), "loses 7 of 100 acknowledged records");
  EXPECT_EQ(words_of(outcome, only("outage")), "a partition cannot be written for more than 5s");
  EXPECT_EQ(in_numbers(outcome, only("outage")), "orders-1 could not be written for 6.000 s");
  EXPECT_EQ(words_of(outcome, only("outage", "6s")), "");
  EXPECT_NE(words_of(outcome, only("outage", "5999ms")), "");
}

TEST(Outcome, OneThatIsWellHasNoWords) {
  const RunOutcome outcome = outcome_of(summary_of({}, 0, seconds(0)));
  for (const char* of : {"violation", "loss", "outage", "R1"}) {
    EXPECT_EQ(words_of(outcome, only(of)), "") << of;
    EXPECT_TRUE(ends_so(outcome, only(of), "")) << of;
  }
  // Its longest wait, of two seconds, is told though it is not long enough to count.
  EXPECT_EQ(in_numbers(outcome, only("outage")), "orders-0 could not be written for 2.000 s");
}

TEST(Outcome, AViolationIsMetAgainBehindAnotherOne) {
  const RunOutcome both =
      outcome_of(summary_of({cried("R1", "record 00ab is gone"), cried("L", "it waits")}, 0, seconds(0)));
  const RunOutcome one = outcome_of(summary_of({cried("L", "it waits")}, 0, seconds(0)));
  const std::string words = words_of(one, only("violation"));
  EXPECT_EQ(words, "L in #: it waits");
  EXPECT_TRUE(ends_so(both, only("violation"), words));
  EXPECT_FALSE(ends_so(one, only("violation"), words_of(both, only("violation"))));
  EXPECT_EQ(words_of(both, only("L")), words);
  EXPECT_EQ(words_of(one, only("R1")), "");
  EXPECT_EQ(in_numbers(one, only("R1")), "does not violate R1");
}

TEST(Outcome, ALossIsTheSameOnlyByTheSameCulprit) {
  RunOutcome before = outcome_of(summary_of({}, 7, seconds(0)));
  before.culprit = "leader_alone";
  RunOutcome now = outcome_of(summary_of({}, 3, seconds(0)));
  now.culprit = "leader_alone";
  EXPECT_TRUE(ends_so(now, only("loss"), words_of(before, only("loss"))));
  now.culprit = "power_loss";
  EXPECT_FALSE(ends_so(now, only("loss"), words_of(before, only("loss"))));
}

TEST(Outcome, ConcernsAreReadAsTheyAreTyped) {
  const std::vector<Concern> all = parse_concerns(std::nullopt, "7s").value();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].kind, OutcomeKind::violation);
  EXPECT_EQ(all[1].kind, OutcomeKind::loss);
  EXPECT_EQ(all[2].kind, OutcomeKind::outage);
  EXPECT_EQ(all[2].outage, seconds(7));
  EXPECT_EQ(only("S3").checker, "S3");
  EXPECT_EQ(only("ASSERT").checker, "ASSERT");
  for (const char* of : {"", "Z9", "losses"}) EXPECT_FALSE(parse_concerns(of, std::nullopt).ok()) << of;
  for (const char* outage : {"", "5", "-1s", "999ms", "soon"})
    EXPECT_FALSE(parse_concerns(std::nullopt, outage).ok()) << outage;
  EXPECT_FALSE(parse_concerns("loss", "5s").ok());
}

}  // namespace
}  // namespace ksim::sim
