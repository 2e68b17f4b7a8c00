#include "core/broker/partition.h"

#include <algorithm>

#include "core/base/contains.h"

namespace ksim::broker {

Partition::Partition(const Env& env, PartitionHost& host, Options options, std::shared_ptr<storage::Log> log,
                     TopicSettings settings)
    : env_(env),
      host_(host),
      options_(std::move(options)),
      name_(options_.topic + "-" + std::to_string(options_.key.index)),
      log_(std::move(log)),
      settings_(std::move(settings)),
      isr_(options_.own_id, options_.replica_lag_time_max),
      lock_(env.scheduler) {}

void Partition::set_settings(const TopicSettings& settings) {
  settings_ = settings;
  log_->set_config(settings.log);
  if (isr_.is_leader()) carry_out(isr_.advance(context()));  // min.insync.replicas may have changed
}

LeaderLog Partition::leader_log() const {
  return {log_->log_start_offset(), log_->log_end_offset(), log_->high_watermark(), settings_.min_isr,
          log_->settled_end()};
}

IsrContext Partition::context() const {
  return {host_.brokers(), host_.own_broker_epoch(), leader_log(), env_.now()};
}

Result<bool> Partition::make_leader(const PartitionRegistration& state) {
  MutexLock hold(lock_);
  if (!online()) return fail(ErrorCode::KAFKA_STORAGE_ERROR, name_);
  if (state.partition_epoch < isr_.partition_epoch()) return false;
  // Rule D37: followers may hold records of an epoch that this log has none of; the entry makes them find
  // where to truncate. It is durable before the first append of the epoch, and before anybody is led.
  if (state.leader_epoch > isr_.leader_epoch())
    TRY(log_->assign_epoch_start(state.leader_epoch, log_->log_end_offset()));
  const PartitionAssignment assignment{state.leader_epoch, state.partition_epoch, state.replicas, state.isr};
  const bool was_leader = isr_.is_leader();
  const auto result = isr_.lead(assignment, context());
  ENSURE(result.accepted, "partition epoch moved under the lock");
  leader_id_ = options_.own_id;
  if (result.new_leader_epoch || !was_leader) {
    BecameLeader event;
    event.topic = topic();
    event.topic_id = key().topic_id;
    event.partition = index();
    event.leader_epoch = isr_.leader_epoch();
    event.epoch_start_offset = isr_.epoch_start_offset();
    event.high_watermark = log_->high_watermark();
    event.isr = isr_.committed_isr();
    env_.emit(event);
    env_.reached(Mark::leader_became, name_);
  }
  carry_out(result.effects);
  host_.moved(*this);
  return result.new_leader_epoch;
}

Result<bool> Partition::make_follower(const PartitionRegistration& state) {
  MutexLock hold(lock_);
  if (!online()) return fail(ErrorCode::KAFKA_STORAGE_ERROR, name_);
  const PartitionAssignment assignment{state.leader_epoch, state.partition_epoch, state.replicas, state.isr};
  const auto result = isr_.follow(assignment);
  if (!result.accepted) return false;
  leader_id_ = state.leader;
  eligible_ = contains(state.isr, options_.own_id) || contains(state.elr, options_.own_id);
  if (result.new_leader_epoch) {
    BecameFollower event;
    event.topic = topic();
    event.topic_id = key().topic_id;
    event.partition = index();
    event.leader = state.leader;
    event.leader_epoch = state.leader_epoch;
    event.end_offset = log_->log_end_offset();
    env_.emit(event);
    env_.reached(Mark::follower_became, name_);
  }
  host_.moved(*this);
  return result.new_leader_epoch;
}

void Partition::retire() {
  gone_ = true;
  host_.moved(*this);
}

void Partition::carry_out(const IsrEffects& effects) {
  if (effects.committed) {
    IsrChanged event;
    event.topic = topic();
    event.topic_id = key().topic_id;
    event.partition = index();
    event.leader_epoch = isr_.leader_epoch();
    event.partition_epoch = isr_.partition_epoch();
    event.isr = isr_.committed_isr();
    env_.emit(event);
    host_.moved(*this);
  }
  if (effects.high_watermark) {
    const storage::LogOffsetMetadata candidate{*effects.high_watermark, -1, 0};
    if (log_->maybe_increment_high_watermark(candidate)) note_high_watermark();
  }
  if (effects.propose) {
    std::vector<int32_t> ids;
    std::vector<int64_t> epochs;
    for (const IsrMember& member : effects.propose->isr) {
      ids.push_back(member.broker_id);
      epochs.push_back(member.broker_epoch);
    }
    IsrProposed event;
    event.topic = topic();
    event.topic_id = key().topic_id;
    event.partition = index();
    event.leader_epoch = isr_.leader_epoch();
    event.partition_epoch = effects.propose->partition_epoch;
    event.isr = ids;
    event.broker_epochs = epochs;
    env_.emit(event);
    env_.reached(effects.propose->expands ? Mark::isr_expand_proposed : Mark::isr_shrink_proposed, name_);
    host_.propose(*this, *effects.propose);
  }
}

void Partition::note_high_watermark() {
  HighWatermarkChanged event;
  event.topic = topic();
  event.topic_id = key().topic_id;
  event.partition = index();
  event.leader_epoch = isr_.leader_epoch();
  event.high_watermark = log_->high_watermark();
  event.leader = isr_.is_leader();
  env_.emit(event);
  host_.moved(*this);
}

void Partition::check_lag() {
  if (!is_leader()) return;
  carry_out(isr_.check_lag(context()));
}

void Partition::brokers_changed() {
  if (!is_leader()) return;
  carry_out(isr_.advance(context()));
  host_.moved(*this);
}

void Partition::proposal_answered(const IsrAnswer& answer) {
  if (!is_leader()) return;
  const bool known = isr_.pending() && isr_.pending()->number == answer.number;
  const bool expands = known && isr_.pending()->expands;
  const IsrEffects effects = isr_.answered(answer, context());
  if (effects.committed) {
    env_.reached(expands ? Mark::isr_expanded : Mark::isr_shrunk, name_);
  } else if (known && answer.error == ErrorCode::INELIGIBLE_REPLICA) {
    env_.reached(Mark::isr_ineligible, name_);
  } else if (known && isr_.pending() && !effects.propose) {
    env_.reached(Mark::isr_answer_stale, name_);
  } else if (!known) {
    env_.reached(Mark::isr_answer_overridden, name_);
  }
  carry_out(effects);
}

}  // namespace ksim::broker
