// Stories of what holds of the whole cluster: each predicate begins where its words say, and names who is
// there.

#include "sim/checkers/test_story.h"

namespace ksim::sim {
namespace {

class PredicatesTest : public Story {
 protected:
  void SetUp() override {
    Story::SetUp();
    predicates.on_true = [this](Predicate predicate, int32_t node, std::string_view subject) {
      said.push_back(fmt::format("{} of {} at {}", predicate_name(predicate), subject, node));
    };
  }
  // What began to hold since it was last asked.
  std::vector<std::string> news() { return std::exchange(said, {}); }
  void change(int32_t leader, int32_t epoch, int32_t partition_epoch, std::vector<int32_t> isr,
              std::vector<int32_t> elr = {}) {
    emit(1, PartitionChanged{"orders", kTopic, 0, leader, epoch, partition_epoch, isr, elr, false});
  }
  using News = std::vector<std::string>;
  News said;
};

TEST_F(PredicatesTest, OfIsrElrAndLeader) {
  lead(1, 0);
  EXPECT_EQ(news(), News{});
  change(1, 0, 1, {1, 3});
  EXPECT_EQ(news(), News{});
  change(1, 0, 2, {1}, {3});
  EXPECT_EQ(news(), (News{"isr_of_one of orders-0 at 1", "under_min_isr of orders-0 at 1",
                          "elr_not_empty of orders-0 at 3"}));
  EXPECT_TRUE(predicates.holds(Predicate::isr_of_one));
  change(1, 0, 3, {1}, {3, 2});
  EXPECT_EQ(news(), News{});  // it holds still
  change(1, 0, 4, {1, 3});
  EXPECT_FALSE(predicates.holds(Predicate::isr_of_one));
  EXPECT_FALSE(predicates.holds(Predicate::elr_not_empty));
  fault(1, NodeFault::crashed);
  EXPECT_EQ(news(), News{"leader_down of orders-0 at 3"});
  change(-1, 1, 5, {1, 3});
  EXPECT_EQ(news(), News{"offline of orders-0 at 1"});
  EXPECT_FALSE(predicates.holds(Predicate::leader_down));
}

TEST_F(PredicatesTest, OfLogs) {
  lead(1, 0);
  write(1, 0, 0, {a});
  EXPECT_EQ(news(), News{"unreplicated_tail of orders-0 at 1"});
  write(2, 0, 0, {a});
  write(3, 0, 0, {a});
  EXPECT_FALSE(predicates.holds(Predicate::unreplicated_tail));
  high_watermark(1, 1);
  change(1, 0, 1, {1, 3});
  EXPECT_EQ(news(), News{"out_of_isr of orders-0 at 2"});
  // The watermark goes on, and never comes to where the log ended.
  write(1, 1, 0, {b});
  news();
  now = now + milliseconds(900);
  high_watermark(1, 1);
  EXPECT_EQ(news(), News{});
  now = now + milliseconds(200);
  emit(2, BrokerFenced{3, 1, ""});  // whatever happens next
  EXPECT_EQ(news(), News{"watermark_late of orders-0 at 1"});
  high_watermark(1, 2);
  EXPECT_FALSE(predicates.holds(Predicate::watermark_late));
}

TEST_F(PredicatesTest, OfTwoWhoBelieveToLead) {
  lead(1, 0);
  change(2, 1, 1, {2, 3});
  emit(2, BecameLeader{"orders", kTopic, 0, 1, 0, 0, {}});
  EXPECT_EQ(news(), News{"two_leaders of orders-0 at 1"});
  emit(1, BecameFollower{"orders", kTopic, 0, 2, 1, 0});
  EXPECT_FALSE(predicates.holds(Predicate::two_leaders));
}

TEST_F(PredicatesTest, OfTheQuorum) {
  fault(3, NodeFault::crashed);
  fault(3, NodeFault::started);
  EXPECT_EQ(news(), News{});  // it is only coming up
  write(1, 0, 1, {a}, kMetadataLog);
  write(2, 0, 1, {a}, kMetadataLog);
  emit(1, ControllerActivated{1});
  lead(1, 0);
  EXPECT_EQ(news(), News{"controller_leads of orders-0 at 1"});
  fault(3, NodeFault::crashed);
  EXPECT_EQ(news(), News{"bare_majority of __cluster_metadata-0 at 1"});
  write(1, 1, 1, {b}, kMetadataLog);
  now = now + milliseconds(1100);
  write(1, 2, 1, {c}, kMetadataLog);
  EXPECT_EQ(news(), News{"voter_late of __cluster_metadata-0 at 2"});
  write(2, 1, 1, {b}, kMetadataLog);
  EXPECT_FALSE(predicates.holds(Predicate::voter_late));
  emit(2, ControllerActivated{2});
  EXPECT_EQ(news(), News{"two_controllers of __cluster_metadata-0 at 1"});
  emit(1, ControllerDeactivated{1});
  EXPECT_EQ(news(), News{});
  fault(2, NodeFault::crashed);
  EXPECT_EQ(news(), News{"no_controller of __cluster_metadata-0 at 2"});
}

}  // namespace
}  // namespace ksim::sim
