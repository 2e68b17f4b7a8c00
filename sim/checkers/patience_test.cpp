// K6.

#include "sim/checkers/test_story.h"

namespace ksim::sim {
namespace {

class CallsAreRepeated : public Story {
 protected:
  bool minded(ErrorCode error, Duration took) {
    const AdminCall call{"admin-1", "delete_records", "orders-0", now, now + took, seconds(15), error};
    for (auto& checker : checkers) checker->on_admin_call(call);
    return cried("K6");
  }
};

TEST_F(CallsAreRepeated, NotEndedByALeaderThatMoves) {
  EXPECT_TRUE(minded(ErrorCode::NOT_LEADER_OR_FOLLOWER, milliseconds(20)));
}
TEST_F(CallsAreRepeated, UntilTheirTimeIsOver) {
  EXPECT_FALSE(minded(ErrorCode::NOT_LEADER_OR_FOLLOWER, seconds(14)));
}
TEST_F(CallsAreRepeated, ButForWhatStays) {
  EXPECT_FALSE(minded(ErrorCode::TOPIC_ALREADY_EXISTS, milliseconds(20)));
  EXPECT_FALSE(minded(ErrorCode::NONE, milliseconds(20)));
}

}  // namespace
}  // namespace ksim::sim
