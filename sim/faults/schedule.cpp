#include "sim/faults/schedule.h"

#include <map>

#include <fmt/format.h>

#include "core/base/hash.h"
#include "sim/faults/all.h"
#include "sim/plan/words.h"

namespace ksim::sim {

FaultSchedule::FaultSchedule(FaultStage& stage, const std::vector<FaultPlan>& plans, FaultTeller& teller)
    : stage_(stage),
      plans_(plans),
      teller_(teller),
      states_(plans.size()),
      marked_(kMarkCount),
      predicted_(kPredicateCount) {
  // A fault is known by its words, not by its place: taking another one out of a plan changes nothing here.
  std::map<uint64_t, uint32_t> same;
  for (size_t i = 0; i < plans_.size(); ++i) {
    const FaultPlan& plan = plans_[i];
    uint64_t key = hash_text(plan.target, hash_text(plan.kind));
    key = hash_text(plan.trigger.when, mix64(key, plan.trigger.nth));
    if (!plan.trigger.subject.empty()) key = hash_text(plan.trigger.subject, key);
    if (plan.trigger.at) key = mix64(key, static_cast<uint64_t>(plan.trigger.at->ns));
    states_[i].key = mix64(key, same[key]++);
    for (size_t mark = 0; mark < kMarkCount; ++mark) {
      if (plan.trigger.when == mark_name(static_cast<Mark>(mark))) marked_[mark] = true;
    }
    for (size_t i = 0; i < kPredicateCount; ++i) {
      if (plan.trigger.when == predicate_name(static_cast<Predicate>(i))) predicted_[i] = true;
    }
  }
}

void FaultSchedule::start() {
  started_ = true;
  for (size_t i = 0; i < plans_.size(); ++i) {
    const FaultTrigger& trigger = plans_[i].trigger;
    if (trigger.at) stage_.world().at(Instant{} + *trigger.at, states_[i].key, [this, i] { begin(i); });
    if (trigger.at_latest)
      stage_.world().at(Instant{} + *trigger.at_latest, mix64(states_[i].key, 2), [this, i] {
        if (!came(i)) begin(i);
      });
  }
}

bool FaultSchedule::count(size_t i, SimNode* node, std::string_view subject) {
  const FaultTrigger& trigger = plans_[i].trigger;
  if (!trigger.subject.empty() && trigger.subject != subject) return false;
  if (states_[i].begun || ++states_[i].seen != trigger.nth) return false;
  states_[i].here = node;
  states_[i].about = subject;
  return true;
}

void FaultSchedule::reached(Mark mark, SimNode& node, std::string_view subject) {
  if (healing_ || !marked_[static_cast<size_t>(mark)]) return;
  for (size_t i = 0; i < plans_.size(); ++i) {
    const FaultTrigger& trigger = plans_[i].trigger;
    if (trigger.when != mark_name(mark) || !count(i, &node, subject)) continue;
    const std::optional<FaultKind> kind = find_fault(plans_[i].kind);
    if (trigger.delay.ns > 0 || (kind && kind->outside_fibers)) {
      stage_.world().at(stage_.world().now() + trigger.delay, states_[i].key, [this, i] { begin(i); });
    } else {
      begin(i);
    }
  }
}

void FaultSchedule::became_true(Predicate predicate, SimNode* node, std::string_view subject) {
  if (healing_ || !predicted_[static_cast<size_t>(predicate)]) return;
  for (size_t i = 0; i < plans_.size(); ++i) {
    const FaultTrigger& trigger = plans_[i].trigger;
    if (trigger.when != predicate_name(predicate) || !count(i, node, subject)) continue;
    // Another fault may be on its way to make it true: it is first to come to its end.
    stage_.world().at(stage_.world().now() + trigger.delay, states_[i].key, [this, i] { begin(i); });
  }
}

std::string FaultSchedule::cause(size_t i) const {
  const FaultTrigger& trigger = plans_[i].trigger;
  if (trigger.at) return "at " + format_duration(*trigger.at);
  if (!came(i) && trigger.at_latest)
    return fmt::format("at {}, since {} had not come", format_duration(*trigger.at_latest), trigger.when);
  return fmt::format("on {}{} #{}{}", trigger.when, trigger.subject.empty() ? "" : " of " + trigger.subject,
                     trigger.nth, trigger.delay.ns > 0 ? " after " + format_duration(trigger.delay) : "");
}

std::vector<SimNode*> FaultSchedule::targets_of(size_t i) {
  const std::string& target = plans_[i].target;
  const State& state = states_[i];
  if (!is_here(target)) return stage_.resolve(target, state.key);
  if (!came(i)) return stage_.resolve("any", state.key);
  if (target != kHere && state.about != kMetadataLog && split_log_name(state.about)) {
    const std::string role = target.substr(0, target.find('('));
    return stage_.resolve(fmt::format("{}({})", role, state.about), state.key);
  }
  return state.here == nullptr ? std::vector<SimNode*>{} : std::vector<SimNode*>{state.here};
}

void FaultSchedule::begin(size_t i) {
  State& state = states_[i];
  if (healing_ || state.begun) return;
  state.begun = true;
  const FaultPlan& plan = plans_[i];
  const std::optional<FaultKind> kind = find_fault(plan.kind);
  ENSURE(kind.has_value(), "a plan has only faults that are known");
  const std::vector<SimNode*> targets = targets_of(i);
  if (targets.empty()) {
    return miss(
        i, plan.target,
        plan.target == kHere ? "nobody was there then" : fmt::format("there was no {} then", plan.target));
  }
  Began began = kind->begin(stage_, plan, targets, state.key);
  if (!began.took_effect) return miss(i, join_names(targets), began.effect);
  World& world = stage_.world();
  world.digest().fold(Fold::fault, state.key, targets.size());
  state.row = teller_.fault_began(plan, join_names(targets), cause(i), began.effect);
  state.active = std::move(began.active);
  if (state.active == nullptr) return end(i);
  state.active->over = [this, i] { end(i); };
  if (plan.lasts) world.at(world.now() + *plan.lasts, mix64(state.key, 1), [this, i] { end(i); });
}

void FaultSchedule::end(size_t i) {
  State& state = states_[i];
  if (!state.begun || state.over || state.row == 0) return;
  state.over = true;
  const std::string what = state.active == nullptr ? std::string() : state.active->end(stage_);
  state.active.reset();
  teller_.fault_ended(state.row, what);
}

void FaultSchedule::miss(size_t i, const std::string& target, const std::string& why) {
  states_[i].over = true;
  teller_.fault_missed(plans_[i], target, cause(i), why);
}

void FaultSchedule::died(const SimNode& node) {
  for (size_t i = 0; i < states_.size(); ++i) {
    if (states_[i].active != nullptr && states_[i].active->is_over_without(node)) end(i);
  }
}

std::string FaultSchedule::why_not_begun(size_t i) const {
  const FaultTrigger& trigger = plans_[i].trigger;
  const std::string healed = format_duration(stage_.world().now() - Instant{0});
  if (trigger.at) return fmt::format("all was healed at {}, before it was due", healed);
  const uint32_t seen = states_[i].seen;
  if (came(i)) return fmt::format("all was healed at {}, before its delay was over", healed);
  const bool mark = trigger.when.find('.') != std::string::npos;
  if (seen == 0) return fmt::format("{} {}", trigger.when, mark ? "was never reached" : "never came true");
  return fmt::format("{} {} {} times, and not {}", trigger.when, mark ? "was reached" : "came true", seen,
                     trigger.nth);
}

void FaultSchedule::heal() {
  healing_ = true;
  for (size_t i = 0; started_ && i < states_.size(); ++i) {
    if (!states_[i].begun) miss(i, plans_[i].target, why_not_begun(i));
    end(i);
  }
}

}  // namespace ksim::sim
