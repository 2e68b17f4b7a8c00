// M7.

#include "sim/checkers/test_images.h"

namespace ksim::sim {
namespace {

class InTime : public ImageStory {
 protected:
  void SetUp() override {
    ImageStory::SetUp();
    view.session_timeout_min = view.session_timeout_max = seconds(2);
    emit(1, ControllerActivated{1});
    set_partitions({partition(1, {1, 2, 3})});
    decide();
  }
  // It decides something each half second, and hears these.
  void reign(int64_t for_seconds, const std::vector<int32_t>& heard, bool publishes = true) {
    for (int64_t i = 0; i < for_seconds * 2; ++i) {
      now = now + milliseconds(500);
      for (const int32_t id : heard) emit(1, BrokerHeard{id, id});
      decide(publishes);
    }
  }
};
TEST_F(InTime, ASilentBrokerIsFenced) {
  reign(4, {1, 2});
  EXPECT_EQ(cries(), "") << "timers are slow";
  reign(2, {1, 2});
  EXPECT_EQ(cries(), "M7");
}
TEST_F(InTime, WhoIsHeardAgainMayStay) {
  reign(4, {1, 2});
  reign(5, {1, 2, 3});
  EXPECT_EQ(cries(), "");
}
TEST_F(InTime, ANewControllerGivesEverybodyHisTimeAnew) {
  reign(4, {1, 2});
  emit(1, ControllerActivated{1});
  reign(4, {1, 2});
  EXPECT_EQ(cries(), "");
}
TEST_F(InTime, WhoIsFencedIsNoMatter) {
  reign(3, {1, 2});
  set_broker(3, true);
  set_partitions({partition(1, {1, 2})});
  reign(6, {1, 2});
  EXPECT_EQ(cries(), "");
}
TEST_F(InTime, AControllerThatSleptIsGivenASecond) {
  reign(1, {1, 2, 3});
  now = now + seconds(60);
  decide();
  EXPECT_EQ(cries(), "");
  set_broker(3, true);
  set_partitions({partition(1, {1, 2})});
  reign(1, {1, 2});
  EXPECT_EQ(cries(), "");
}
TEST_F(InTime, ItsClockMayStandStill) {
  Instant shown = now;
  view.local_time = [&](int32_t) { return shown; };
  emit(1, ControllerActivated{1});
  reign(20, {});
  EXPECT_EQ(cries(), "");
  view.local_time = nullptr;
}
TEST_F(InTime, WhatIsNotCommittedIsNotSeen) {
  reign(20, {1, 2}, false);
  EXPECT_EQ(cries(), "");
  publish();
  EXPECT_EQ(cries(), "M7");
}
TEST_F(InTime, WhatWasDecidedBeforeMayBeCommittedLate) {
  reign(4, {1, 2}, false);
  const MetadataImage then = image;
  const int64_t then_offset = offset;
  set_broker(3, true);
  set_partitions({partition(1, {1, 2})});
  reign(20, {1, 2}, false);
  const MetadataImage later = std::exchange(image, then);
  const int64_t end = std::exchange(offset, then_offset);
  publish();
  EXPECT_EQ(cries(), "");
  image = later;
  offset = end;
  publish();
  EXPECT_EQ(cries(), "");
}
TEST_F(InTime, NobodyIsFencedForASilenceThatIsNone) {
  reign(3, {1, 2, 3});
  emit(1, BrokerFenced{3, 3, "shut down"});
  EXPECT_EQ(cries(), "");
  emit(1, BrokerFenced{3, 3, "session timed out"});
  EXPECT_EQ(cries(), "M7");
}
TEST_F(InTime, WhoWasSilentMayBeFencedWhenItIsBack) {
  reign(3, {1, 2});
  emit(1, BrokerHeard{3, 3});
  emit(1, BrokerFenced{3, 3, "session timed out"});
  EXPECT_EQ(cries(), "");
}
TEST_F(InTime, WhoHasRegisteredAnewMayHaveBeenSilentSinceTheReignBegan) {
  emit(1, ControllerActivated{1});
  reign(3, {}, false);
  emit(1, BrokerHeard{3, 13});
  emit(1, BrokerFenced{3, 3, "session timed out"});
  EXPECT_EQ(cries(), "") << "it had published nothing yet";
  emit(1, ControllerActivated{2});
  reign(3, {}, false);
  publish();
  emit(1, BrokerFenced{2, 2, "session timed out"});
  EXPECT_EQ(cries(), "");
}
TEST_F(InTime, WhoIsReadyForWorkIsUnfenced) {
  set_broker(3, true);
  set_partitions({partition(1, {1, 2})});
  reign(3, {1, 2});
  emit(1, BrokerHeard{3, 3, false, 2});
  decide();
  EXPECT_EQ(cries(), "") << "it does not know of its own registration";
  emit(1, BrokerHeard{3, 3, true, 9});
  decide();
  EXPECT_EQ(cries(), "") << "it does not want to be";
  emit(1, BrokerHeard{3, 3, false, 3});
  EXPECT_EQ(cries(), "");
  decide();
  EXPECT_EQ(cries(), "M7");
}
TEST_F(InTime, WhoWasReadyForWorkMayBeFencedAgain) {
  emit(1, BrokerHeard{3, 3, false, 3});
  decide();
  emit(1, BrokerHeard{3, 3, true, 3});
  set_broker(3, true);
  set_partitions({partition(1, {1, 2})});
  decide();
  EXPECT_EQ(cries(), "");
  emit(1, BrokerHeard{3, 3, false, 3});
  reign(2, {1, 2}, false);
  decide();
  EXPECT_EQ(cries(), "") << "it was not heard since";
}
TEST_F(InTime, WhoMayStopIsFencedHoweverItIsHeard) {
  set_broker(3, false, nullptr, true);
  set_partitions({partition(1, {1, 2})});
  decide();
  emit(1, BrokerHeard{3, 3, false, 3});
  set_broker(3, true, nullptr, true);
  decide();
  EXPECT_EQ(cries(), "");
}
TEST_F(InTime, WhoWishesToStopIsLetGoOnceNothingIsLeftToWaitFor) {
  set_broker(2, true);
  set_broker(3, false, nullptr, true);
  set_partitions({partition(1, {1})});
  decide();
  const auto heard_again = [this](int64_t known_to_1) {
    emit(1, BrokerHeard{1, 1, false, known_to_1});
    emit(1, BrokerHeard{3, 3, true, 1});
    decide();
    return cries();
  };
  EXPECT_EQ(heard_again(offset), "") << "it was just heard to wish it";
  EXPECT_EQ(heard_again(0), "") << "broker 1 does not know yet that it leads nothing";
  EXPECT_EQ(heard_again(offset), "M7") << "broker 2 is fenced and knows nothing";
}
TEST_F(InTime, APartitionIsLedByWhoeverMay) {
  set_broker(1, true);
  set_partitions({partition(-1, {1})});
  reign(3, {1, 2, 3});
  EXPECT_EQ(cries(), "");
  set_broker(1, false);
  decide();
  EXPECT_EQ(cries(), "");
  reign(2, {1, 2, 3});
  EXPECT_EQ(cries(), "M7");
}
TEST_F(InTime, APartitionIsLedByAnEligibleOne) {
  PartitionRegistration empty = partition(-1, {});
  empty.elr = {2};
  set_partitions({empty});
  reign(2, {1, 2, 3});
  EXPECT_EQ(cries(), "M7");
}
TEST_F(InTime, NobodyLeadsWhoseDirectoryIsLost) {
  PartitionRegistration lost = partition(-1, {1});
  lost.directories = {{5, 5}, {6, 6}, {7, 7}};
  set_partitions({lost});
  reign(3, {1, 2, 3});
  EXPECT_EQ(cries(), "");
}
TEST_F(InTime, ThePreferredLeaderComesBack) {
  set_partitions({partition(2, {1, 2, 3})});
  reign(20, {1, 2, 3});
  EXPECT_EQ(cries(), "") << "nobody said that it must";
  view.rebalance_interval_max = seconds(3);
  set_partitions({partition(2, {2, 3})});
  reign(20, {1, 2, 3});
  EXPECT_EQ(cries(), "") << "it is not in sync";
  set_partitions({partition(2, {1, 2, 3})});
  reign(5, {1, 2, 3});
  EXPECT_EQ(cries(), "");
  reign(2, {1, 2, 3});
  EXPECT_EQ(cries(), "M7");
}

}  // namespace
}  // namespace ksim::sim
