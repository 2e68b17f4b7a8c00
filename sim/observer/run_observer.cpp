#include "sim/observer/run_observer.h"

#include <algorithm>
#include <limits>
#include <set>

#include <fmt/format.h>

#include "sim/checkers/all.h"

namespace ksim::sim {
namespace {

constexpr Duration kBucket = seconds(1);
// Sends that wait longer than this while none is acknowledged count as unavailability.
constexpr Duration kPatience = seconds(1);
constexpr size_t kMostLosses = 20;  // that a summary names

// Of what is found without a checker; a checker has its own words.
std::string_view invariant_in_words(std::string_view code) {
  if (code == "ASSERT") return "an invariant that the code of the cluster asserts holds";
  if (code == "LIVELOCK") return "no fiber runs on while time stands still";
  if (code == "DISK")
    return "a log directory is given up only where its disk has refused or failed something";
  if (code == "PLAN") return "the cluster accepts what the plan asks of it";
  return "";
}

}  // namespace

RunObserver::RunObserver(const DiskPeek& disks, ObserverOptions options) : view_(disks, names_) {
  if (options.checkers) {
    for (const CheckerKind& kind : checker_kinds()) checkers_.push_back(kind.make(view_, verdicts_));
  }
  verdicts_.on_found = [this](const Violation& violation) { explain(violation); };
  if (options.record) copies_.emplace(view_, recorder_.emplace());
  for (size_t i = 0; i < kMarkCount; ++i) {
    marks_.push_back({std::string(mark_name(static_cast<Mark>(i))), 0, std::nullopt});
  }
}

void RunObserver::on_event(int32_t node, uint32_t incarnation, Instant at, const Event& event) {
  const NodeEvent note{node, incarnation, at, &event};
  if (is_old_news(event)) return;
  if (recorder_) recorder_->event(note);
  note_timeline(note);
  note_throughput(note);
  view_.on_event(note);
  if (copies_) copies_->on_event(note);
  story_.on_event(note);
  for (const auto& checker : checkers_) checker->on_event(note);
  if (watcher_ != nullptr) watcher_->on_event(note);
  predicates_.on_event(note);
}

// A new controller tells once more of what its predecessor may have told.
bool RunObserver::is_old_news(const Event& event) const {
  const auto* e = std::get_if<PartitionChanged>(&event);
  const auto id = e == nullptr ? std::nullopt : names_.find(e->topic, e->partition);
  if (!id) return false;
  const auto topic = topic_ids_.find(*id);
  const auto claim = claims_.find(*id);
  return topic != topic_ids_.end() && topic->second == e->topic_id && claim != claims_.end() &&
         e->partition_epoch <= claim->second.partition_epoch;
}

void RunObserver::note_timeline(const NodeEvent& note) {
  const Event& event = *note.event;
  if (const auto* e = std::get_if<PartitionChanged>(&event)) {
    const PartitionId id = names_.id(e->topic, e->partition);
    PartitionClaim& known = claims_[id];
    if (Uuid& topic_id = topic_ids_[id]; topic_id != e->topic_id) {  // re-created: another topic
      topic_id = e->topic_id;
      known = {};
    }
    const std::string subject = to_string(names_.name(id));
    if (e->leader_epoch > known.leader_epoch) {
      if (known.leader_epoch >= 0) ++counts_.elections;  // the first leader of a new partition is no election
      if (e->unclean) ++counts_.unclean_elections;
      timeline_.push_back({note.at, e->unclean ? "unclean" : "leader", subject,
                           e->leader < 0 ? fmt::format("no leader, epoch {}", e->leader_epoch)
                                         : fmt::format("broker {} leads, epoch {}, ISR {}", e->leader,
                                                       e->leader_epoch, join_ids(e->isr))});
    }
    if (known.partition_epoch >= 0 &&
        !std::equal(e->isr.begin(), e->isr.end(), known.isr.begin(), known.isr.end())) {
      ++counts_.isr_changes;
    }
    known = {e->leader, e->leader_epoch, e->partition_epoch, {e->isr.begin(), e->isr.end()}, {},
             false,     note.at};
  } else if (const auto* r = std::get_if<RaftStateChanged>(&event)) {
    if (r->state != "leader") return;
    ++counts_.quorum_elections;
    timeline_.push_back({note.at, "quorum", fmt::format("node {}", note.node),
                         fmt::format("leads the quorum, epoch {}", r->epoch)});
  } else if (const auto* c = std::get_if<ControllerActivated>(&event)) {
    timeline_.push_back({note.at, "controller", fmt::format("node {}", note.node),
                         fmt::format("active controller, epoch {}", c->epoch)});
  } else if (const auto* f = std::get_if<BrokerFenced>(&event)) {
    timeline_.push_back(
        {note.at, "broker", fmt::format("broker {}", f->broker_id), fmt::format("fenced: {}", f->reason)});
  } else if (const auto* u = std::get_if<BrokerUnfenced>(&event)) {
    timeline_.push_back({note.at, "broker", fmt::format("broker {}", u->broker_id), "unfenced"});
  } else if (const auto* t = std::get_if<LogTruncated>(&event)) {
    if (t->to_offset >= t->from_offset) return;
    ++counts_.truncations;
    timeline_.push_back({note.at, "truncation", std::string(t->log),
                         fmt::format("node {} cut {} to {}", note.node, t->from_offset, t->to_offset)});
  }
}

void RunObserver::note_throughput(const NodeEvent& note) {
  const Event& event = *note.event;
  if (const auto* e = std::get_if<BecameLeader>(&event)) {
    leading_[{note.node, fmt::format("{}-{}", e->topic, e->partition)}] = true;
  } else if (const auto* f = std::get_if<BecameFollower>(&event)) {
    leading_.erase({note.node, fmt::format("{}-{}", f->topic, f->partition)});
  } else if (const auto* a = std::get_if<LogAppended>(&event)) {
    if (a->log == kMetadataLog || !leading_.contains({note.node, std::string(a->log)})) return;
    auto& buckets = throughput_[note.node];
    const auto bucket = static_cast<size_t>(note.at.ns / kBucket.ns);
    if (buckets.size() <= bucket) buckets.resize(bucket + 1);
    buckets[bucket] += static_cast<uint32_t>(a->end_offset - a->base_offset);
  }
}

void RunObserver::on_node(int32_t node, NodeFault fault, Instant at) {
  view_.on_node(node, fault, at);
  if (recorder_) recorder_->node(node, fault, at);
  if (copies_) copies_->on_node(node, fault, at);
  story_.on_node(node, fault, at);
  for (const auto& checker : checkers_) checker->on_node(node, fault, at);
  if (watcher_ != nullptr) watcher_->on_node(node, fault, at);
  predicates_.on_node(node, fault, at);
  if (fault != NodeFault::started) {
    std::erase_if(leading_, [node](const auto& entry) { return std::get<0>(entry.first) == node; });
  }
}

namespace {

// They strike the ways between machines, or put whole processes down, of which the nodes' own faults tell.
constexpr std::string_view kLeavesMachinesAlone[] = {"crash",
                                                     "power_loss",
                                                     "stop",
                                                     "restart",
                                                     "rolling_restart",
                                                     "wipe_disk",
                                                     "restore_disk",
                                                     "partition",
                                                     "partition_one_way",
                                                     "latency",
                                                     "jitter",
                                                     "bandwidth",
                                                     "clog",
                                                     "flap",
                                                     "bridge",
                                                     "reset",
                                                     "refuse",
                                                     "no_descriptors",
                                                     "slow_reader",
                                                     "new_address",
                                                     "late_bytes"};

bool is_trouble(std::string_view kind) {
  return std::find(std::begin(kLeavesMachinesAlone), std::end(kLeavesMachinesAlone), kind) ==
         std::end(kLeavesMachinesAlone);
}

}  // namespace

int64_t RunObserver::on_fault(std::string kind, std::string target, Instant at, std::string cause,
                              std::string effect) {
  ++counts_.faults;
  ++faults_acting_;
  if (is_trouble(kind)) view_.on_trouble_began();
  timeline_.push_back({at, "fault", fmt::format("{} {}", kind, target), effect.empty() ? cause : effect});
  story_.on_fault_began(static_cast<int64_t>(faults_.size()) + 1, at,
                        fmt::format("fault {} {} begins ({}): {}", kind, target, cause, effect));
  faults_.push_back(
      {std::move(kind), std::move(target), at, std::nullopt, std::move(cause), std::move(effect)});
  if (watcher_ != nullptr) watcher_->on_fault(faults_.back());
  return static_cast<int64_t>(faults_.size());
}

void RunObserver::on_fault_missed(std::string kind, std::string target, Instant at, std::string cause,
                                  std::string why) {
  faults_.push_back(
      {std::move(kind), std::move(target), at, at, std::move(cause), "no effect: " + why, false});
  if (watcher_ != nullptr) watcher_->on_fault(faults_.back());
}

void RunObserver::on_fault_ended(int64_t fault, Instant at, std::string effect) {
  FaultRow& row = faults_.at(static_cast<size_t>(fault - 1));
  row.ended = at;
  --faults_acting_;
  if (is_trouble(row.kind)) view_.on_trouble_ended(at);
  story_.on_fault_ended(
      fault, at,
      fmt::format("fault {} {} ends{}{}", row.kind, row.target, effect.empty() ? "" : ": ", effect));
  if (!effect.empty()) row.effect += (row.effect.empty() ? "" : "; ") + effect;
  timeline_.push_back({at, "healed", fmt::format("{} {}", row.kind, row.target), std::move(effect)});
  if (watcher_ != nullptr) watcher_->on_fault(row);
}

void RunObserver::on_mark(Mark mark, int32_t node, std::string_view subject, Instant at) {
  MarkRow& row = marks_.at(static_cast<size_t>(mark));
  if (row.reached++ == 0) row.first = at;
  if (mark == Mark::controller_asked_again && subject == "forwarding") view_.on_forwarded_again();
  for (const auto& checker : checkers_) checker->on_mark(mark, node, subject, at);
  situations_.on_mark(mark, node, faults_acting_, predicates_);
}

void RunObserver::on_violation(std::string code, Instant at, std::string subject, std::string message) {
  verdicts_.violation(code, at, subject, std::move(message));
}

void RunObserver::on_simulator_fault(std::string what) {
  if (simulator_fault_.empty()) simulator_fault_ = std::move(what);
}

void RunObserver::explain(const Violation& violation) {
  const auto sent = sent_.find(violation.record);
  if (violation.record == 0 || sent == sent_.end()) {
    explanations_.push_back(story_.tell(violation, nullptr));
  } else {
    const Sent& known = sent->second;
    const RecordStory record{sessions_[known.session],
                             known.invoked,
                             known.acknowledged,
                             known.offset,
                             known.holders,
                             known.lagging};
    explanations_.push_back(story_.tell(violation, &record));
  }
  if (watcher_ != nullptr) watcher_->on_violation(violation, explanations_.back());
}

void RunObserver::on_session(const ProducerSession& session) {
  sessions_[session.session] = session;
  if (recorder_) recorder_->session(session);
  for (const auto& checker : checkers_) checker->on_session(session);
}

int64_t RunObserver::on_send_invoked(const SendOp& op) {
  ++counts_.sent;
  ++open_sends_;
  Pressure& pressure = pressure_[op.partition];
  if (pressure.open++ == 0) pressure.waiting_since = op.invoked;
  int64_t number = 0;
  if (recorder_) {
    const ProducerSession& session = sessions_[op.session];
    number =
        recorder_->op({session.client, op.session, "send", to_string(names_.name(op.partition)), op.record,
                       session.acks, op.invoked, std::nullopt, Outcome::pending, ErrorCode::NONE, -1});
  }
  if (watcher_ != nullptr) watcher_->on_op(recorder_->op_row(number));
  sent_[op.record] = {op.partition, op.session, number, op.invoked, std::nullopt, -1, 0, 0};
  for (const auto& checker : checkers_) checker->on_send_invoked(op);
  return number;
}

void RunObserver::on_send_completed(int64_t number, const SendOp& op) {
  --open_sends_;
  Pressure& pressure = pressure_[op.partition];
  --pressure.open;
  if (op.outcome == Outcome::ok) {
    end_wait(pressure, op.completed);
    ++pressure.acknowledged;
    ++counts_.acknowledged;
    Sent& sent = sent_[op.record];
    sent.acknowledged = op.completed;
    sent.offset = op.offset;
    sent.holders = holders_of(op.partition, op.offset);
    sent.lagging = isr_of(op.partition) & ~sent.holders;
  } else {
    ++(op.outcome == Outcome::failed ? counts_.failed : counts_.unknown);
    if (pressure.open == 0) end_wait(pressure, op.completed);
  }
  if (recorder_) {
    OpRow& row = recorder_->op_row(number);
    row.completed = op.completed;
    row.outcome = op.outcome;
    row.error = op.error;
    row.offset = op.offset;
    if (watcher_ != nullptr) watcher_->on_op(row);
  }
  for (const auto& checker : checkers_) checker->on_send_completed(op);
}

// Of sends to a partition, none of which was acknowledged until now.
void RunObserver::end_wait(Pressure& pressure, Instant at) {
  const Duration waited = at - pressure.waiting_since;
  if (waited > kPatience) {
    pressure.unavailable = pressure.unavailable + waited;
    pressure.longest = std::max(pressure.longest, waited);
    ++pressure.interruptions;
  }
  pressure.waiting_since = at;
}

uint64_t RunObserver::holders_of(PartitionId id, int64_t offset) const {
  const PartitionTruth* truth = view_.partition(id);
  if (truth == nullptr || offset < 0) return 0;
  uint64_t holders = 0;
  const std::vector<int32_t> nodes = view_.nodes();
  for (size_t i = 0; i < nodes.size() && i < 64; ++i) {
    const auto log = truth->replicas.find(nodes[i]);
    if (log != truth->replicas.end() && log->second != nullptr && log->second->end_offset() > offset)
      holders |= uint64_t{1} << i;
  }
  return holders;
}

uint64_t RunObserver::isr_of(PartitionId id) const {
  const PartitionTruth* truth = view_.partition(id);
  if (truth == nullptr) return 0;
  uint64_t members = 0;
  const std::vector<int32_t> nodes = view_.nodes();
  for (size_t i = 0; i < nodes.size() && i < 64; ++i) {
    const std::vector<int32_t>& isr = truth->claim.isr;
    if (std::find(isr.begin(), isr.end(), nodes[i]) != isr.end()) members |= uint64_t{1} << i;
  }
  return members;
}

std::string RunObserver::join_holders(uint64_t holders) const {
  const std::vector<int32_t> nodes = view_.nodes();
  std::vector<int32_t> held;
  for (size_t i = 0; i < nodes.size() && i < 64; ++i) {
    if ((holders >> i & 1) != 0) held.push_back(nodes[i]);
  }
  return join_ids(held);
}

void RunObserver::on_assigned(const ReaderAssigned& assigned) {
  for (const auto& checker : checkers_) checker->on_assigned(assigned);
}

void RunObserver::on_reader_call(const ReaderCall& call) {
  for (const auto& checker : checkers_) checker->on_reader_call(call);
}

void RunObserver::on_reader_rest(const ReaderRest& rest) {
  for (const auto& checker : checkers_) checker->on_reader_rest(rest);
}

void RunObserver::on_healed(Instant at) {
  for (const auto& checker : checkers_) checker->on_healed(at);
}

void RunObserver::on_readers_stop() {
  for (const auto& checker : checkers_) checker->on_readers_stop();
}

void RunObserver::on_unrest(std::string_view subject, std::string_view what, Instant at) {
  for (const auto& checker : checkers_) checker->on_unrest(subject, what, at);
}

void RunObserver::on_deletion(const DeletionCall& call) {
  if (call.outcome == Outcome::pending)
    view_.on_delete_records(call.partition,
                            call.before < 0 ? std::numeric_limits<int64_t>::max() : call.before);
  for (const auto& checker : checkers_) checker->on_deletion(call);
}

std::string RunObserver::reader_name(uint32_t number) const {
  const auto known = readers_.find(number);
  return known == readers_.end() ? fmt::format("reader {}", number) : known->second;
}

void RunObserver::on_reader_gone(uint32_t number) {
  for (const auto& checker : checkers_) checker->on_reader_gone(number);
}

void RunObserver::on_consumed(const Consumed& record) {
  ++counts_.read;
  if (recorder_) {
    const int64_t number = recorder_->op(
        {reader_name(record.consumer), record.consumer, "read", to_string(names_.name(record.partition)),
         record.record, std::nullopt, record.at, record.at, Outcome::ok, ErrorCode::NONE, record.offset});
    if (watcher_ != nullptr) watcher_->on_op(recorder_->op_row(number));
  }
  for (const auto& checker : checkers_) checker->on_consumed(record);
}

void RunObserver::on_seek(const SeekAsked& seek) {
  for (const auto& checker : checkers_) checker->on_seek(seek);
}

void RunObserver::on_admin_call(const AdminCall& call) {
  for (const auto& checker : checkers_) checker->on_admin_call(call);
}

void RunObserver::on_request(const RequestSeen& request) {
  for (const auto& checker : checkers_) checker->on_request(request);
}

void RunObserver::on_quorum_fetch(const QuorumFetchArrived& fetch) {
  for (const auto& checker : checkers_) checker->on_quorum_fetch(fetch);
}

void RunObserver::on_position(const PositionSet& set) {
  if (recorder_) {
    const std::string_view kind = set.reason == "assigned" ? "assign"
                                  : set.reason == "seek"   ? "seek"
                                                           : "reset";
    const int64_t number =
        recorder_->op({reader_name(set.consumer), set.consumer, kind, to_string(names_.name(set.partition)),
                       0, std::nullopt, set.at, set.at, Outcome::ok, ErrorCode::NONE, set.offset});
    if (watcher_ != nullptr) watcher_->on_op(recorder_->op_row(number));
  }
  for (const auto& checker : checkers_) checker->on_position(set);
}

int64_t RunObserver::on_call_invoked(const std::string& client, std::string_view kind, std::string subject,
                                     Instant at, std::optional<uint32_t> reader) {
  if (!recorder_) return 0;
  const int64_t number = recorder_->op({client, reader, kind, std::move(subject), 0, std::nullopt, at,
                                        std::nullopt, Outcome::pending, ErrorCode::NONE, -1});
  if (watcher_ != nullptr) watcher_->on_op(recorder_->op_row(number));
  return number;
}

void RunObserver::on_call_completed(int64_t number, Instant at, Outcome outcome, ErrorCode error,
                                    int64_t offset) {
  if (!recorder_) return;
  OpRow& row = recorder_->op_row(number);
  row.completed = at;
  row.outcome = outcome;
  row.error = error;
  row.offset = offset;
  if (watcher_ != nullptr) watcher_->on_op(row);
}

void RunObserver::on_latest(const LatestOffset& answer) {
  for (const auto& checker : checkers_) checker->on_latest(answer);
}

void RunObserver::on_time_lookup(const TimeLookup& lookup) {
  for (const auto& checker : checkers_) checker->on_time_lookup(lookup);
}

void RunObserver::on_forged(const ForgedRequest& forged) {
  ++counts_.forged;
  for (const auto& checker : checkers_) checker->on_forged(forged);
}

void RunObserver::on_own_fact(const std::any& fact) {
  for (const auto& checker : checkers_) checker->on_own_fact(fact);
}

void RunObserver::on_belief(const LeaderBelief& belief) {
  for (const auto& checker : checkers_) checker->on_belief(belief);
}

int64_t RunObserver::on_topic_call_invoked(const TopicCall& call) {
  for (const auto& checker : checkers_) checker->on_topic_call(call);
  return on_call_invoked(call.client, to_string(call.kind), call.topic, call.invoked);
}

void RunObserver::on_topic_call_completed(int64_t number, const TopicCall& call) {
  on_call_completed(number, call.completed, call.outcome, call.error);
  for (const auto& checker : checkers_) checker->on_topic_call(call);
}

void RunObserver::count_order(RunCounts& counts) const {
  for (PartitionId id : view_.partitions()) {
    const PartitionTruth* truth = view_.partition(id);
    std::set<RecordId> seen;
    std::map<uint32_t, uint64_t> last;  // by session
    for (const TruthBatch& batch : truth->committed) {
      const std::vector<TruthRecord>* records = truth->contents.find(batch);
      if (records == nullptr) continue;
      for (const TruthRecord& record : *records) {
        if (record.id == 0) continue;
        if (!seen.insert(record.id).second) {
          ++counts.duplicated;
          continue;
        }
        uint64_t& newest = last[session_of(record.id)];
        if (number_of(record.id) < newest) ++counts.reordered;
        newest = std::max(newest, number_of(record.id));
      }
    }
  }
}

void RunObserver::settle_records(RunSummary& summary) {
  std::map<RecordId, int64_t> committed;
  std::map<PartitionId, uint64_t> per_partition;
  for (PartitionId id : view_.partitions()) {
    const PartitionTruth* truth = view_.partition(id);
    summary.counts.batches += truth->committed.size();
    for (const TruthBatch& batch : truth->committed) {
      const std::vector<TruthRecord>* records = truth->contents.find(batch);
      if (records == nullptr) continue;
      for (const TruthRecord& record : *records) {
        committed.emplace(record.id, record.offset);
        ++per_partition[id];
      }
    }
  }
  for (const auto& [record, sent] : sent_) {
    const auto there = committed.find(record);
    bool lost = sent.acknowledged.has_value() && there == committed.end();
    bool permitted = false;
    const int32_t acks = sessions_[sent.session].acks;
    const PartitionTruth* truth = view_.partition(sent.partition);
    if (lost && truth != nullptr && sent.offset >= 0 && sent.offset < truth->committed_start)
      lost = false;  // retention
    if (lost && acks == 1 && sent.offset >= 0) {
      const TruthRecord* held = view_.held_by_leader(sent.partition, sent.offset, sent.invoked);
      lost = held == nullptr || held->id != record;
    }
    if (lost) {
      permitted = (truth != nullptr && truth->was_lost(sent.offset, record)) ||
                  view_.loss_permitted(sent.partition, std::max<int64_t>(sent.offset, 0), acks, sent.invoked);
      ++summary.counts.lost;
      if (permitted) ++summary.counts.permitted;
      if (summary.losses.size() < kMostLosses)
        summary.losses.push_back({record, sessions_[sent.session].client,
                                  to_string(names_.name(sent.partition)), *sent.acknowledged, sent.offset,
                                  join_holders(sent.holders), permitted});
    }
    if (!recorder_) continue;
    recorder_->record({record, sent.session, to_string(names_.name(sent.partition)), sent.op,
                       sent.acknowledged, sent.offset, there == committed.end() ? -1 : there->second,
                       join_holders(sent.holders), lost, permitted});
  }
  for (const auto& [id, pressure] : pressure_) {
    PartitionSummary partition;
    partition.name = to_string(names_.name(id));
    partition.acknowledged = pressure.acknowledged;
    partition.committed = per_partition[id];
    if (const PartitionTruth* truth = view_.partition(id)) {
      partition.leader = truth->claim.leader;
      partition.leader_epoch = truth->claim.leader_epoch;
    }
    partition.unavailable = pressure.unavailable;
    partition.longest = pressure.longest;
    partition.interruptions = pressure.interruptions;
    summary.counts.unavailable_ms += static_cast<uint64_t>(pressure.unavailable.ns / 1'000'000);
    summary.partitions.push_back(std::move(partition));
  }
}

std::string RunObserver::invariant_of(std::string_view code) const {
  for (const auto& checker : checkers_) {
    if (checker->code() == code) return std::string(checker->text());
  }
  return std::string(invariant_in_words(code));
}

RunSummary RunObserver::finish(Instant at) {
  for (const auto& checker : checkers_) checker->at_end(at);
  RunSummary summary;
  summary.ended = at;
  summary.bucket = kBucket;
  summary.counts = counts_;
  settle_records(summary);
  count_order(summary.counts);
  for (const auto& [node, buckets] : throughput_) summary.throughput.push_back({node, buckets});
  for (const auto& checker : checkers_) {
    const auto& found = verdicts_.violations();
    const bool held = std::none_of(found.begin(), found.end(),
                                   [&](const Violation& v) { return v.checker == checker->code(); });
    summary.checkers.push_back({std::string(checker->code()), std::string(checker->text()), held});
  }
  summary.simulator_fault = simulator_fault_;
  for (size_t i = 0; i < verdicts_.violations().size(); ++i) {
    const Violation& v = verdicts_.violations()[i];
    summary.violations.push_back({v.checker, v.at, v.subject, v.message, invariant_of(v.checker), v.record,
                                  v.offset, explanations_[i]});
  }
  summary.timeline = timeline_;
  summary.faults = faults_;
  summary.marks = marks_;
  summary.situations = situations_.seen();
  if (recorder_) {
    for (const ViolationRow& row : summary.violations) recorder_->violation(row);
    for (const MarkRow& row : marks_) recorder_->mark(row);
    for (const FaultRow& row : faults_) recorder_->fault(row);
  }
  return summary;
}

}  // namespace ksim::sim
