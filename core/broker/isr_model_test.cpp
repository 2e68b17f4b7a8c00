// A model of the ISR: one leader, its followers, a controller and everything between them that can be late.

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/broker/test_isr.h"

namespace ksim::broker {
namespace {

//
// What must hold is R6: whoever the controller counts in the ISR or the ELR holds all records below every
// high watermark that there ever was, and all that acks=all was answered for. A leader that is elected anew
// may know less of them than it did before. Metadata reaches the leader in order but late; proposals and
// answers may be lost or repeated by the leader's retry, and a copy of a proposal may come however late, over
// a connection that was given up; brokers are fenced, unfenced and restarted by the controller.
class World {
 public:
  static constexpr int32_t kReplicas = 4;

  World() {
    for (int32_t id = 1; id <= kReplicas; ++id) controller_.brokers[id] = {100 + id, false, false};
    controller_isr_ = {1, 2};
    publish();
    deliver_metadata();
  }

  void act(uint8_t action, uint8_t argument) {
    const int32_t id = 2 + argument % (kReplicas - 1);
    switch (action % 14) {
      case 0:
        append(1 + argument % 3);
        break;
      case 1:
      case 2:
        fetch(id, argument);
        break;
      case 3:
        now_ = now_ + seconds(argument % 40);
        break;
      case 4:
        step(leader_.check_lag(context()));
        break;
      case 5:
        deliver_proposal(argument % 4 == 0);
        break;
      case 6:
        deliver_answer(argument % 4 == 0);
        break;
      case 7:
        deliver_metadata();
        break;
      case 8:
        fence(id);
        break;
      case 9:
        unfence(id);
        break;
      case 10:
        restart(id);
        break;
      case 11:
        elect();
        break;
      case 12:
        alter_minimum(1 + argument % kReplicas);
        break;
      case 13:
        if (copy_) decide(*copy_);
        break;
    }
    leader_.assert_invariants();
    committed_ = std::max(committed_, log_.high_watermark);
    if (leader_.reached(log_.end_offset, log_) == ErrorCode::NONE) committed_ = log_.end_offset;
    for (const std::set<int32_t>* members : {&controller_isr_, &controller_elr_}) {
      for (int32_t member : *members)
        RC_ASSERT((member == 1 ? log_.end_offset : ends_[member]) >= committed_);
    }
  }

  // Everything late arrives, followers catch up: all are in the ISR and all is committed.
  void settle() {
    alter_minimum(2);
    for (int32_t id = 2; id <= kReplicas; ++id) unfence(id);
    for (int round = 0; round < 20; ++round) {
      while (!metadata_.empty()) deliver_metadata();
      deliver_proposal(false);
      deliver_answer(false);
      for (int32_t id = 2; id <= kReplicas; ++id) fetch(id, 255), fetch(id, 255);
      now_ = now_ + seconds(1);
      step(leader_.check_lag(context()));
    }
    RC_ASSERT(controller_isr_ == (std::set<int32_t>{1, 2, 3, 4}));
    RC_ASSERT(log_.high_watermark == log_.end_offset);
  }

  // One follower asks and does not get on: it must not hold up the others for ever.
  void stall(int32_t stalled) {
    for (int round = 0; round < 40; ++round) {
      append(1);
      for (int32_t id = 2; id <= kReplicas; ++id) fetch(id, id == stalled ? 0 : 255);
      now_ = now_ + seconds(1);
      step(leader_.check_lag(context()));
      deliver_proposal(false);
      deliver_answer(false);
      while (!metadata_.empty()) deliver_metadata();
    }
    RC_ASSERT(!controller_isr_.contains(stalled));
    RC_ASSERT(log_.high_watermark > ends_[stalled]);
  }

 private:
  struct Image {
    FakeBrokers brokers;
    std::vector<int32_t> isr;
    int32_t partition_epoch;
    int32_t leader_epoch;
    int32_t minimum;
  };
  IsrContext context() const { return {view_, 101, log_, now_}; }
  void step(const IsrEffects& effects) {
    if (effects.high_watermark) {
      RC_ASSERT(*effects.high_watermark > log_.high_watermark);
      RC_ASSERT(leader_.committed_isr().size() >= static_cast<size_t>(log_.min_isr));
      log_.high_watermark = *effects.high_watermark;
    }
    if (effects.propose) proposal_ = effects.propose;
  }
  void append(int64_t count) {
    log_.end_offset += count;
    step(leader_.advance(context()));
  }
  void fetch(int32_t id, uint8_t argument) {
    IsrEffects effects;
    const FollowerFetch request{id, controller_.brokers[id].epoch, ends_[id], 0, log_.end_offset, now_};
    if (leader_.follower_fetched(request, context(), effects) != ErrorCode::NONE) return;
    step(effects);
    ends_[id] = std::min(log_.end_offset, ends_[id] + (argument == 255 ? log_.end_offset : argument % 4));
  }
  void deliver_proposal(bool lose_answer) {
    if (!proposal_ || answer_) return;
    IsrAnswer answer = decide(*proposal_);
    copy_ = proposal_;
    proposal_.reset();
    if (lose_answer) answer = {answer.number, ErrorCode::REQUEST_TIMED_OUT, 0, 0, {}};
    answer_ = answer;
  }
  // Rule C32 in short. A refusal that the leader acts upon moves the partition epoch.
  IsrAnswer decide(const IsrProposal& proposal) {
    IsrAnswer answer{proposal.number, ErrorCode::NONE, leader_epoch_, partition_epoch_, {}};
    if (proposal.leader_epoch < leader_epoch_) {
      answer.error = ErrorCode::FENCED_LEADER_EPOCH;
    } else if (proposal.partition_epoch < partition_epoch_) {
      answer.error = ErrorCode::INVALID_UPDATE_VERSION;
    } else {
      for (const IsrMember& member : proposal.isr) {
        const BrokerStanding& standing = controller_.brokers[member.broker_id];
        const bool same =
            member.broker_epoch == -1 || member.broker_epoch == standing.epoch || member.broker_id == 1;
        if (standing.fenced || !same) answer.error = ErrorCode::INELIGIBLE_REPLICA;
      }
    }
    if (answer.error == ErrorCode::NONE) {
      std::set<int32_t> isr;
      for (const IsrMember& member : proposal.isr) isr.insert(member.broker_id);
      set_isr(isr);
      publish();
      answer.partition_epoch = partition_epoch_;
      answer.isr.assign(controller_isr_.begin(), controller_isr_.end());
    } else if (answer.error == ErrorCode::INELIGIBLE_REPLICA) {
      publish();
    }
    return answer;
  }
  void deliver_answer(bool lose) {
    if (!answer_) return;
    IsrAnswer answer = *answer_;
    answer_.reset();
    if (lose) answer = {answer.number, ErrorCode::NETWORK_EXCEPTION, 0, 0, {}};
    step(leader_.answered(answer, context()));
  }
  void publish(bool changes_partition = true) {
    if (changes_partition) ++partition_epoch_;
    metadata_.push_back({controller_,
                         {controller_isr_.begin(), controller_isr_.end()},
                         partition_epoch_,
                         leader_epoch_,
                         minimum_});
  }
  // Rule C29.
  void set_isr(const std::set<int32_t>& isr) {
    controller_elr_.insert(controller_isr_.begin(), controller_isr_.end());
    controller_isr_ = isr;
    for (int32_t member : isr) controller_elr_.erase(member);
    if (static_cast<int32_t>(isr.size()) >= minimum_) controller_elr_.clear();
  }
  // Rule C30. No partition changes by it that has no eligible replicas.
  void alter_minimum(int32_t to) {
    minimum_ = to;
    const bool changes_partition = !controller_elr_.empty();
    controller_elr_.clear();
    publish(changes_partition);
  }
  void deliver_metadata() {
    if (metadata_.empty()) return;
    const Image image = metadata_.front();
    metadata_.pop_front();
    view_ = image.brokers;
    log_.min_isr = image.minimum;
    step(leader_.advance(context()));
    // What it led before, it does not know for sure to be committed: the followers have to tell it again.
    if (image.leader_epoch > leader_.leader_epoch())
      log_.high_watermark = std::max<int64_t>(0, log_.high_watermark - 2);
    const PartitionAssignment assignment{image.leader_epoch, image.partition_epoch, replicas_, image.isr};
    step(leader_.lead(assignment, context()).effects);
  }
  // Who is fenced, unfenced or registered anew outside the ISR leaves the partition as it is.
  void fence(int32_t id) {
    controller_.brokers[id].fenced = true;
    const bool member = controller_isr_.contains(id);
    std::set<int32_t> isr = controller_isr_;
    isr.erase(id);
    if (member) set_isr(isr);
    publish(member);
  }
  void elect() {
    ++leader_epoch_;
    publish();
  }
  void unfence(int32_t id) {
    if (!controller_.brokers[id].fenced) return;
    controller_.brokers[id].fenced = false;
    publish(false);
  }
  void restart(int32_t id) {
    fence(id);
    controller_.brokers[id].epoch += 100;
    publish(false);
  }

  Instant now_ = Instant{} + seconds(1000);
  const std::vector<int32_t> replicas_{1, 2, 3, 4};
  LeaderLog log_{0, 0, 0, 2};
  int64_t committed_ = 0;  // as far as anybody was ever told
  int32_t leader_epoch_ = 1;
  std::map<int32_t, int64_t> ends_;
  PartitionIsr leader_{1, seconds(30)};
  FakeBrokers view_;
  FakeBrokers controller_;
  std::set<int32_t> controller_isr_;
  std::set<int32_t> controller_elr_;
  int32_t minimum_ = 2;  // min.insync.replicas
  int32_t partition_epoch_ = 0;
  std::deque<Image> metadata_;
  std::optional<IsrProposal> proposal_;
  std::optional<IsrProposal> copy_;  // of the one that was decided last
  std::optional<IsrAnswer> answer_;
};

RC_GTEST_PROP(IsrModel, WhoeverTheControllerCountsHoldsAllThatIsCommitted,
              (const std::vector<std::pair<uint8_t, uint8_t>>& actions)) {
  World world;
  for (const auto& [action, argument] : actions) world.act(action, argument);
  world.settle();
}

RC_GTEST_PROP(IsrModel, WhoeverDoesNotGetOnLeaves,
              (const std::vector<std::pair<uint8_t, uint8_t>>& actions)) {
  World world;
  for (const auto& [action, argument] : actions) world.act(action, argument);
  world.settle();
  world.stall(2 + static_cast<int32_t>(actions.size() % 3));
}

}  // namespace
}  // namespace ksim::broker
