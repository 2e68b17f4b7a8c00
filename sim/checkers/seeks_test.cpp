// K5.

#include "sim/checkers/test_story.h"

namespace ksim::sim {
namespace {

// Three records are committed, of which the first was deleted; then a reader goes elsewhere.
class SeeksArrive : public Story {
 protected:
  void SetUp() override {
    Story::SetUp();
    view.promise("orders", {3, 2, false, 0});
    lead(1, 0);
    replicate({1, 2, 3}, 0, 0, {a});
    replicate({1, 2, 3}, 1, 0, {b, c});
    high_watermark(1, 3);
    view.on_delete_records(0, 1);
    emit(1, LogStartMoved{kLog, kTopic, 0, 1, "records deleted"});
  }
  void ask(SeekTo to, int64_t offset = -1) {
    for (auto& checker : checkers) checker->on_seek({1, 0, to, offset, tick()});
  }
  void come_to(int64_t offset, uint64_t jumps = 1) {
    for (auto& checker : checkers) checker->on_position({1, 0, offset, "seek", tick(), {}, jumps});
  }
  bool minded(SeekTo to, int64_t came_to) {
    ask(to);
    come_to(came_to);
    return cried("K5");
  }
};

TEST_F(SeeksArrive, AtTheFirstThatIsKept) { EXPECT_FALSE(minded(SeekTo::beginning, 1)); }
TEST_F(SeeksArrive, AndNotBehindIt) { EXPECT_TRUE(minded(SeekTo::beginning, 3)); }
TEST_F(SeeksArrive, AtTheEnd) { EXPECT_FALSE(minded(SeekTo::end, 3)); }
TEST_F(SeeksArrive, AndNotBeforeIt) { EXPECT_TRUE(minded(SeekTo::end, 1)); }

TEST_F(SeeksArrive, AtTheirPlace) {
  ask(SeekTo::place, 2);
  come_to(2);
  EXPECT_FALSE(cried("K5"));
  ask(SeekTo::place, 2);
  come_to(1);
  EXPECT_TRUE(cried("K5"));
}

TEST_F(SeeksArrive, AtTheLastOneThatWasAskedFor) {
  ask(SeekTo::end);
  ask(SeekTo::beginning);
  come_to(3);
  EXPECT_TRUE(cried("K5"));
}

TEST_F(SeeksArrive, OrWhereTheReaderWasResetBeforeAnybodyLooked) {
  ask(SeekTo::beginning);
  come_to(3, 2);
  EXPECT_FALSE(cried("K5"));
}

// The end of a leader that was replaced by an unclean election and has not heard of it.
TEST_F(SeeksArrive, AtTheEndOfAReplacedLeader) {
  view.promise("orders", {3, 1, true});
  ask(SeekTo::end);
  const std::vector<int32_t> isr = {3};
  emit(2, PartitionChanged{"orders", kTopic, 0, 3, 1, 1, isr, {}, true});
  emit(3, BecameLeader{"orders", kTopic, 0, 1, 3, 3, isr});
  come_to(1);
  EXPECT_FALSE(cried("K5"));
}

}  // namespace
}  // namespace ksim::sim
