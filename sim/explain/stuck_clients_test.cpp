// Standstills made by hand: who waits for whom, and since when.

#include "sim/explain/made_history.h"

namespace ksim::sim {
namespace {

constexpr std::string_view kIsrSmall =
    "healed, and given all the time that healing may take, yet its ISR is [1,2]";

Made stands_still() {
  Made made;
  made.appended(1, 40, 499, 500), made.appended(2, 40, 499, 500, 0, 0), made.appended(3, 12, 79, 80, 0, 0);
  made.told(10), made.state(20, 1, 0, {1, 2}, {});
  return made;
}

TEST(Standstill, AFollowerThatIsToldToCutForEver) {
  Made made = stands_still();
  for (const int64_t s : {21, 22, 23}) {
    made.tell(s, 1, EpochEndTold{"orders-0", Uuid{1, 2}, 0, 3, 0, 80});
    made.tell(s, 3, DivergenceCut{"orders-0", Uuid{1, 2}, 0, 0, 80});
  }
  made.violation("L", 55, std::string(kIsrSmall));
  const Explanation page = made.page({}, false);
  expect_culprit(page, "endless_cut", 21, 3);
  expect_words(
      page, {"told 3 times that its log parts", "epoch 0 at 80", "with epoch 3 as that of its last record"});
}

TEST(Standstill, AFollowerThatIsGivenNothing) {
  Made made = stands_still();
  for (const int64_t s : {20, 53, 54}) made.asked("broker-3", "broker-1", "Fetch", s, s);
  made.violation("L", 55, std::string(kIsrSmall));
  const Explanation page = made.page({}, false);
  expect_culprit(page, "vain_fetches", 12, 3);
  expect_words(page, {"3 times since, the last time at 54.000 s"});
}

TEST(Standstill, ABrokerThatCannotStart) {
  Made made = stands_still();
  for (const int64_t s : {30, 40, 54}) made.tell(s, 3, LogLine{3, "node", "no snapshot up to there"});
  made.violation("L", 55, std::string(kIsrSmall));
  const Explanation page = made.page({}, false);
  expect_culprit(page, "cannot_start", 30, 3);
  expect_words(page, {"3 times until 54.000 s: no snapshot up to there"});
}

TEST(Standstill, AProposalThatNobodyTakes) {
  Made made = stands_still();
  made.appended(3, 41, 80, 500, 0, 0), made.proposed(1, 42, 0, 1, {1, 2, 3}),
      made.asked("broker-1", "controller-101", "AlterPartition", 42, -1);
  made.violation("L", 55, std::string(kIsrSmall));
  const Explanation page = made.page({}, false);
  expect_culprit(page, "proposal_ignored", 42, 1);
  expect_words(page, {"on top of partition epoch 1", "not answered"});
}

TEST(Standstill, ControllersThatComeAndGo) {
  Made made = stands_still();
  for (int32_t epoch = 1; epoch <= 8; ++epoch)
    made.tell(30 + 3 * epoch, 101 + epoch % 2, ControllerActivated{epoch}),
        made.tell(32 + 3 * epoch, 101 + epoch % 2, ControllerDeactivated{epoch});
  made.violation("L", 60, std::string(kIsrSmall));
  const Explanation page = made.page({}, false);
  expect_culprit(page, "no_lasting_controller", 35, 102);
  expect_words(page, {"8 in all"});
}

TEST(Standstill, NobodyDecidesAnyMore) {
  Made made;
  made.raft(101, 20, "resigned", 4, 101, 101), made.raft(102, 21, "follower", 4, 101, 101);
  made.tell(20, 101, ControllerDeactivated{4});
  made.violation("L", 55, "healed, and given all the time that healing may take, yet no controller is active",
                 -1, "controller");
  const Explanation page = made.page({}, false);
  expect_culprit(page, "no_controller", 20, 101);
  expect_words(page, {"node 102 is follower in epoch 4 since 21.000 s and takes node 101 for the leader"});
}

TEST(Standstill, AProducerThatSendsNothing) {
  Made made;
  made.asked("producer-1", "broker-1", "Produce", 12, 12), made.told(50, Outcome::failed);
  made.violation("L", 50,
                 "record 0000010000000007, sent at 10000 ms, was given up although nothing has changed or "
                 "failed since 20000 ms",
                 -1, "orders-0", kRecord);
  const Explanation page = made.page({}, false);
  expect_culprit(page, "held_back", 12, -1);
  expect_words(page, {"gave it up at 50.000 s", "1 Produce of broker-1", "holds its batches back"});
}

TEST(Standstill, AReaderThatIsServedNothing) {
  Made made;
  made.moved("assign", 5, 0), made.moved("read", 6, 22);
  for (const int64_t s : {20, 30}) made.asked("consumer-1", "broker-1", "Fetch", s, s);
  made.violation("L", 55,
                 "healed, and given all the time that healing may take, yet consumer-1 is at 23 in epoch 0, "
                 "107 is committed");
  const Explanation page = made.page({}, false);
  expect_culprit(page, "stuck_reader", 6, -1);
  expect_words(page, {"came to offset 23", "2 Fetch of broker-1 (the last at 30.000 s; 2 answered)"});
}

TEST(Standstill, ADeletionThatNobodyFinishes) {
  Made made;
  made.recorder().op({"administrator", 4, "delete_records", "orders-0", 0, std::nullopt, Made::at(20),
                      Made::at(35), Outcome::failed, ErrorCode::REQUEST_TIMED_OUT, -1});
  for (const int32_t node : {1, 2, 3})
    made.tell(20 + node, node, LogStartMoved{"orders-0", Uuid{1, 2}, 0, 50, "client delete records request"});
  made.violation("L", 55,
                 "healed, and given all the time that healing may take, yet administrator gets no record "
                 "deleted from orders-0: REQUEST_TIMED_OUT",
                 -1, "producers");
  const Explanation page = made.page({}, false);
  expect_culprit(page, "stuck_deletion", 23, 1);
  expect_words(page, {"broker 3 at 23.000 s to 50"});
}

}  // namespace
}  // namespace ksim::sim
