#include "sim/truth/predicates.h"

#include <algorithm>

namespace ksim::sim {
namespace {

struct Words {
  std::string_view name;
  std::string_view text;
};
constexpr std::array<Words, kPredicateCount> kWords{{
#define KSIM_PREDICATE(identifier, text) {#identifier, text},
#include "sim/truth/predicates.inc"
#undef KSIM_PREDICATE
}};

bool has(const std::vector<int32_t>& nodes, int32_t node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

// The key of what is true of the quorum as a whole.
constexpr uint64_t kQuorum = 0;

}  // namespace

std::string_view predicate_name(Predicate predicate) { return kWords[static_cast<size_t>(predicate)].name; }
std::string_view predicate_text(Predicate predicate) { return kWords[static_cast<size_t>(predicate)].text; }

bool Predicates::begins(Predicate predicate, uint64_t of, bool holds) {
  std::set<uint64_t>& holding = holding_[static_cast<size_t>(predicate)];
  if (holds) return holding.insert(of).second;
  if (!holding.empty()) holding.erase(of);
  return false;
}

void Predicates::hold(Predicate predicate, PartitionId id, bool holds, int32_t node) {
  if (begins(predicate, id, holds) && on_true) on_true(predicate, node, to_string(view_.names().name(id)));
}

void Predicates::hold_in_quorum(Predicate predicate, uint64_t of, bool holds, int32_t node) {
  if (begins(predicate, of, holds) && on_true) on_true(predicate, node, kMetadataLog);
}

void Predicates::on_event(const NodeEvent& note) {
  const Event& event = *note.event;
  const auto partition = [&](const auto& e) {
    if (const auto id = view_.names().find(e.topic, e.partition)) look_at(*id, note.at);
  };
  const auto log = [&](const auto& e) {
    if (e.log == kMetadataLog) return look_at_voters(note.at);
    if (const auto id = view_.partition_of(event)) look_at_logs(*id, note.at);
  };
  if (const auto* appended = std::get_if<LogAppended>(&event)) log(*appended);
  if (const auto* cut = std::get_if<LogTruncated>(&event)) log(*cut);
  if (const auto* changed = std::get_if<PartitionChanged>(&event)) partition(*changed);
  if (const auto* became = std::get_if<BecameLeader>(&event)) partition(*became);
  if (const auto* became = std::get_if<BecameFollower>(&event)) partition(*became);
  if (const auto* isr = std::get_if<IsrChanged>(&event)) partition(*isr);
  if (const auto* moved = std::get_if<HighWatermarkChanged>(&event); moved != nullptr && moved->leader) {
    if (const auto id = view_.names().find(moved->topic, moved->partition)) look_at_logs(*id, note.at);
  }
  if (std::holds_alternative<ControllerActivated>(event)) {
    active_.emplace(note.node, note.at);
    last_active_ = note.node;
    look_at_quorum(note.at);
  } else if (std::holds_alternative<ControllerDeactivated>(event)) {
    active_.erase(note.node);
    look_at_quorum(note.at);
  }
  if (note.at >= next_look_) look_at_the_late(note.at);
}

void Predicates::on_node(int32_t node, NodeFault fault, Instant at) {
  if (fault != NodeFault::started) active_.erase(node);
  for (PartitionId id : view_.partitions()) look_at(id, at);
  look_at_quorum(at);
}

void Predicates::look_at(PartitionId id, Instant at) {
  const PartitionTruth* truth = view_.partition(id);
  if (truth == nullptr || truth->claim.leader_epoch < 0) return;
  const PartitionClaim& claim = truth->claim;
  const TopicPromise promise = view_.promise_of(id);
  const auto runs = [this](int32_t node) { return view_.has_node(node) && view_.node(node).up; };
  const auto say = [&](Predicate predicate, bool holds, int32_t node) { hold(predicate, id, holds, node); };
  const auto isr = static_cast<int32_t>(claim.isr.size());
  say(Predicate::isr_of_one, promise.replication > 1 && isr == 1, isr == 1 ? claim.isr.front() : -1);
  say(Predicate::under_min_isr, isr < std::min(promise.min_insync, promise.replication), claim.leader);
  int32_t outside = -1;
  for (const auto& [node, log] : truth->replicas) {
    if (outside < 0 && runs(node) && !has(claim.isr, node)) outside = node;
  }
  say(Predicate::out_of_isr, outside >= 0, outside);
  say(Predicate::elr_not_empty, !claim.elr.empty(), claim.elr.empty() ? -1 : claim.elr.front());
  say(Predicate::offline, claim.leader < 0, truth->last_leader);
  int32_t heir = -1;
  for (int32_t member : claim.isr) {
    if (heir < 0 && member != claim.leader && runs(member)) heir = member;
  }
  say(Predicate::leader_down, claim.leader >= 0 && !runs(claim.leader), heir);
  const Reign* first = nullptr;
  bool two = false;
  for (const Reign& reign : truth->reigns) {
    if (reign.until) continue;
    if (first == nullptr) first = &reign;
    two = two || reign.leader != first->leader;
  }
  say(Predicate::two_leaders, two, two ? first->leader : -1);
  say(Predicate::controller_leads, claim.leader >= 0 && claim.leader == view_.active_controller(),
      claim.leader);
  look_at_logs(id, at);
}

void Predicates::look_at_logs(PartitionId id, Instant at) {
  const PartitionTruth* truth = view_.partition(id);
  if (truth == nullptr) return;
  const int32_t leader = truth->claim.leader;
  const auto found = truth->replicas.find(leader);
  const ReplicaTruth* log = found == truth->replicas.end() ? nullptr : found->second.get();
  bool alone = log != nullptr && view_.promise_of(id).replication > 1;
  for (const auto& [node, other] : truth->replicas) {
    if (node != leader && other != nullptr && alone) alone = other->end_offset() < log->end_offset();
  }
  hold(Predicate::unreplicated_tail, id, alone, leader);
  const auto watermark = truth->high_watermark.find(leader);
  bool late = false;
  if (log != nullptr && watermark != truth->high_watermark.end()) {
    auto& [epoch, race] = watermarks_[id];
    if (epoch != truth->claim.leader_epoch) race = {watermark->second, at, false};
    epoch = truth->claim.leader_epoch;
    late = run(race, watermark->second, log->end_offset(), at);
  } else {
    watermarks_.erase(id);
  }
  hold(Predicate::watermark_late, id, late, leader);
}

void Predicates::look_at_quorum(Instant at) {
  // Before the first one, the cluster is only coming up.
  if (last_active_ < 0) return;
  hold_in_quorum(Predicate::no_controller, kQuorum, active_.empty(), last_active_);
  int32_t older = -1;
  for (const auto& [node, since] : active_) {
    if (older < 0 || since < active_.at(older)) older = node;
  }
  hold_in_quorum(Predicate::two_controllers, kQuorum, active_.size() > 1, older);
  const std::vector<int32_t>& voters = view_.voters();
  const auto up = std::count_if(voters.begin(), voters.end(), [&](int32_t v) { return view_.node(v).up; });
  hold_in_quorum(Predicate::bare_majority, kQuorum,
                 voters.size() > 1 && static_cast<size_t>(up) == voters.size() / 2 + 1,
                 view_.active_controller());
  for (PartitionId id : view_.partitions()) {
    const int32_t leader = view_.partition(id)->claim.leader;
    hold(Predicate::controller_leads, id, leader >= 0 && leader == view_.active_controller(), leader);
  }
  look_at_voters(at);
}

void Predicates::look_at_voters(Instant at) {
  const int32_t controller = view_.active_controller();
  const ReplicaTruth* goal = controller < 0 ? nullptr : view_.metadata_log(controller);
  for (int32_t voter : view_.voters()) {
    const ReplicaTruth* log = view_.metadata_log(voter);
    const bool runs = goal != nullptr && log != nullptr && voter != controller && view_.node(voter).up;
    if (!runs) voters_.erase(voter);
    const bool late = runs && run(voters_.try_emplace(voter, Race{0, at, false}).first->second,
                                  log->end_offset(), goal->end_offset(), at);
    hold_in_quorum(Predicate::voter_late, static_cast<uint64_t>(voter), late, voter);
  }
}

bool Predicates::run(Race& race, int64_t reached, int64_t goal, Instant at) {
  if (reached >= race.goal) race = {goal, at, false};
  if (reached >= race.goal) return false;
  race.late = race.late || at - race.since >= kLong;
  if (!race.late) next_look_ = std::min(next_look_, race.since + kLong);
  return race.late;
}

// Nothing has happened to them for a while: that is what is asked.
void Predicates::look_at_the_late(Instant at) {
  next_look_ = Instant::never();
  std::vector<PartitionId> ids;
  for (const auto& [id, race] : watermarks_) ids.push_back(id);
  for (PartitionId id : ids) look_at_logs(id, at);
  look_at_voters(at);
}

}  // namespace ksim::sim
