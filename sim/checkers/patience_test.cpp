// What clients give up: K6, P4.

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

TEST_F(Story, K6CriesForAPollThatTellsOfWhatPasses) {
  const auto polled = [this](std::string error, ErrorCode code) {
    for (auto& checker : checkers) checker->on_reader_call({1, "poll", now, tick(), error, 0, 20, code});
    return cried("K6");
  };
  EXPECT_FALSE(polled("", ErrorCode::NONE));
  EXPECT_FALSE(polled("position 7 is out of range", ErrorCode::OFFSET_OUT_OF_RANGE));
  EXPECT_TRUE(polled("fetch answered KAFKA_STORAGE_ERROR", ErrorCode::UNKNOWN_SERVER_ERROR));
}

TEST_F(Story, P4CriesForAGapWithNothingMissing) {
  const auto refused = [this](uint32_t number, RecordId id, ErrorCode error) {
    session({number, "producer-1", -1, true});
    acknowledge({number, 0, id, now, tick(), Outcome::unknown, error, -1});
    return cried("P4");
  };
  EXPECT_FALSE(refused(1, a, ErrorCode::REQUEST_TIMED_OUT));
  EXPECT_FALSE(refused(1, b, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)) << "one before it was given up";
  EXPECT_TRUE(refused(2, c, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER));
}

}  // namespace
}  // namespace ksim::sim
