#include "sim/observer/story.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "sim/history/recorder.h"

namespace ksim::sim {
namespace {

std::string when(Instant at) {
  return fmt::format("{:>9}.{:06} s", at.ns / 1'000'000'000, at.ns / 1'000 % 1'000'000);
}

std::string_view word(NodeFault fault) {
  switch (fault) {
    case NodeFault::crashed:
      return "its process dies; what it wrote stays in the page cache";
    case NodeFault::power_lost:
      return "it loses power";
    case NodeFault::wiped:
      return "its disk is replaced by an empty one";
    case NodeFault::stopped:
      return "its process ends in order";
    case NodeFault::started:
      return "it starts";
  }
  return "?";
}

std::string acks_text(int32_t acks) { return acks == -1 ? "all" : std::to_string(acks); }

}  // namespace

void Story::on_event(const NodeEvent& note) {
  const Event& event = *note.event;
  const PartitionNames& names = view_.names();
  const auto partition = [&](std::string_view topic, int32_t index) {
    return names.find(topic, index).value_or(kEverywhere);
  };
  const auto of_log = [&](std::string_view log) {
    const auto name = split_log_name(log);
    return name ? names.find(name->first, name->second) : std::nullopt;
  };
  if (const auto* e = std::get_if<PartitionChanged>(&event)) {
    add(note.at, partition(e->topic, e->partition),
        fmt::format("the controller commits: {}, leader epoch {}, ISR [{}]{}{}",
                    e->leader < 0 ? std::string("no leader") : fmt::format("leader {}", e->leader),
                    e->leader_epoch, join_ids(e->isr),
                    e->elr.empty() ? "" : fmt::format(", ELR [{}]", join_ids(e->elr)),
                    e->unclean ? ", by an unclean election" : ""),
        Kind::claim);
  } else if (const auto* l = std::get_if<BecameLeader>(&event)) {
    add(note.at, partition(l->topic, l->partition),
        fmt::format("broker {} leads in epoch {} from offset {}; high watermark {}", note.node,
                    l->leader_epoch, l->epoch_start_offset, l->high_watermark),
        Kind::leader);
  } else if (const auto* f = std::get_if<BecameFollower>(&event)) {
    add(note.at, partition(f->topic, f->partition),
        fmt::format("broker {} follows {} in epoch {}; its log ends at {}", note.node, f->leader,
                    f->leader_epoch, f->end_offset));
  } else if (const auto* p = std::get_if<IsrProposed>(&event)) {
    add(note.at, partition(p->topic, p->partition),
        fmt::format("leader {} proposes ISR [{}]", note.node, join_ids(p->isr)));
  } else if (const auto* t = std::get_if<LogTruncated>(&event)) {
    if (const auto id = of_log(t->log); id && t->to_offset < t->from_offset)
      add(note.at, *id,
          fmt::format("broker {} cuts its log from {} to {}", note.node, t->from_offset, t->to_offset));
  } else if (const auto* o = std::get_if<LogLoaded>(&event)) {
    if (const auto id = of_log(o->log)) {
      add(note.at, *id,
          fmt::format("broker {} loads its log: {} to {} ({}{})", note.node, o->start_offset, o->end_offset,
                      o->clean ? "stopped in order" : "not stopped in order",
                      o->bytes_cut > 0 ? fmt::format(", {} torn bytes cut", o->bytes_cut) : ""));
    }
  } else if (const auto* b = std::get_if<BrokerFenced>(&event)) {
    add(note.at, kEverywhere, fmt::format("the controller fences broker {}: {}", b->broker_id, b->reason));
  } else if (const auto* u = std::get_if<BrokerUnfenced>(&event)) {
    add(note.at, kEverywhere, fmt::format("the controller unfences broker {}", u->broker_id));
  } else if (const auto* d = std::get_if<LogDirFailed>(&event)) {
    add(note.at, kEverywhere,
        fmt::format("node {} gives up directory {}: {}", note.node, d->directory, d->reason));
  } else if (const auto* r = std::get_if<RaftStateChanged>(&event)) {
    add(note.at, kEverywhere,
        fmt::format("node {} is {} in epoch {}, leader {}, voted for {}", note.node, r->state, r->epoch,
                    r->leader_id, r->voted_id),
        Kind::quorum);
  } else if (const auto* c = std::get_if<ControllerActivated>(&event)) {
    add(note.at, kEverywhere,
        fmt::format("node {} becomes the active controller, epoch {}", note.node, c->epoch), Kind::quorum);
  }
}

void Story::on_node(int32_t node, NodeFault fault, Instant at) {
  add(at, kEverywhere, fmt::format("node {}: {}", node, word(fault)));
  if (fault != NodeFault::power_lost && fault != NodeFault::wiped) return;
  for (PartitionId id : view_.partitions()) {
    const PartitionTruth& truth = *view_.partition(id);
    if (truth.destroyed.empty() || truth.destroyed.back().node != node || truth.destroyed.back().at != at)
      continue;
    const Destroyed& lost = truth.destroyed.back();
    add(at, id,
        fmt::format("node {} had not synced offsets {} to {}: they are gone from its disk", node,
                    lost.from_offset, lost.end_offset - 1));
  }
}

void Story::on_fault_began(int64_t row, Instant at, std::string text) {
  faults_[row] = {at, Instant::never(), text};
  add(at, kEverywhere, std::move(text));
}

void Story::on_fault_ended(int64_t row, Instant at, std::string text) {
  faults_[row].ended = at;
  add(at, kEverywhere, std::move(text));
}

void Story::tell_record(std::vector<std::string>& out, const Violation& violation,
                        const RecordStory& record) const {
  out.push_back(fmt::format("Record {:016x}, sent by {} (acks={}, idempotence {}):", violation.record,
                            record.session.client, acks_text(record.session.acks),
                            record.session.idempotent ? "on" : "off"));
  out.push_back(fmt::format("{}  sent", when(record.sent)));
  if (!record.acknowledged) return;
  const std::vector<int32_t> lagging = nodes_of(record.lagging);
  out.push_back(fmt::format("{}  acknowledged at offset {}; the logs of brokers [{}] held it",
                            when(*record.acknowledged), record.offset, join_ids(nodes_of(record.holders))));
  if (record.session.acks != -1) return;
  out.push_back(
      lagging.empty()
          ? "  Every member of the ISR held it then: if it is gone, it was lost later."
          : fmt::format(
                "  The members [{}] of the ISR did not hold it then: acks=all was answered too early.",
                join_ids(lagging)));
}

std::vector<int32_t> Story::nodes_of(uint64_t places) const {
  std::vector<int32_t> out;
  const std::vector<int32_t> nodes = view_.nodes();
  for (size_t i = 0; i < nodes.size() && i < 64; ++i) {
    if ((places >> i & 1) != 0) out.push_back(nodes[i]);
  }
  return out;
}

void Story::tell_steps(std::vector<std::string>& out, std::optional<PartitionId> partition, Instant from,
                       Instant until) const {
  constexpr size_t kFirst = 8;
  constexpr size_t kLast = 22;
  std::vector<const Step*> chosen;
  const Step* before[2] = {};  // what the controller and the leader of the partition had said last
  for (const Step& step : steps_) {
    if (step.at > until) break;
    if (partition
            ? step.kind == Kind::quorum || (step.partition != *partition && step.partition != kEverywhere)
            : step.partition != kEverywhere) {
      continue;
    }
    if (step.at < from) {
      if (partition && step.kind == Kind::claim) before[0] = &step;
      if (partition && step.kind == Kind::leader) before[1] = &step;
      continue;
    }
    chosen.push_back(&step);
  }
  if (before[0] == nullptr && before[1] == nullptr && chosen.empty()) return;
  out.push_back("What decided it:");
  for (const Step* step : before) {
    if (step != nullptr) out.push_back(when(step->at) + "  " + step->text);
  }
  for (const auto& [row, fault] : faults_) {
    if (fault.began < from && fault.ended >= from) out.push_back(when(fault.began) + "  " + fault.text);
  }
  const size_t n = chosen.size();
  for (size_t i = 0; i < n; ++i) {
    if (n > kFirst + kLast + 1 && i == kFirst) {
      out.push_back(fmt::format("{:>18}  {} more", "...", n - kFirst - kLast));
      i = n - kLast;
    }
    out.push_back(when(chosen[i]->at) + "  " + chosen[i]->text);
  }
}

void Story::tell_replicas(std::vector<std::string>& out, const PartitionTruth& truth, int64_t offset) const {
  out.push_back(offset < 0 ? "The replicas when it was found:"
                           : fmt::format("Offset {} on the disks when it was found:", offset));
  for (const auto& [node, log] : truth.replicas) {
    if (log == nullptr) continue;
    std::string holds;
    if (offset >= 0) {
      const size_t at = log->find(offset);
      const bool there = at < log->batches().size() && log->batches()[at].base_offset <= offset;
      const std::vector<TruthRecord>* records = there ? truth.contents.find(log->batches()[at]) : nullptr;
      holds = there ? "; holds something there" : "; nothing there";
      for (const TruthRecord& record : records == nullptr ? std::vector<TruthRecord>{} : *records) {
        if (record.offset == offset) holds = fmt::format("; holds record {:016x}", record.id);
      }
      if (there) holds += fmt::format(" of epoch {}", log->batches()[at].leader_epoch);
    }
    const auto mark = truth.high_watermark.find(node);
    out.push_back(fmt::format("  broker {}{}: log {} to {}, {}{}", node, view_.node(node).up ? "" : " (down)",
                              log->first_offset(), log->end_offset(),
                              mark == truth.high_watermark.end()
                                  ? std::string("no high watermark")
                                  : fmt::format("high watermark {}", mark->second),
                              holds));
  }
  out.push_back(
      fmt::format("  leader {}, epoch {}, ISR [{}]{}; committed up to {}", truth.claim.leader,
                  truth.claim.leader_epoch, join_ids(truth.claim.isr),
                  truth.claim.elr.empty() ? "" : fmt::format(", ELR [{}]", join_ids(truth.claim.elr)),
                  truth.committed_end()));
}

void Story::tell_contract(std::vector<std::string>& out, PartitionId id, const PartitionTruth& truth,
                          int64_t offset, Instant since) const {
  std::set<int32_t> destroyed;
  for (const Destroyed& copy : truth.destroyed) {
    if (copy.at >= since && copy.from_offset <= offset) destroyed.insert(copy.node);
  }
  const TopicPromise promise = view_.promise_of(id);
  const auto unclean = std::count_if(truth.unclean.begin(), truth.unclean.end(),
                                     [&](const UncleanElection& election) { return election.at >= since; });
  out.push_back(
      fmt::format("Why nothing permits it: {} of its copies {} destroyed by power losses or wiped disks "
                  "(min.insync.replicas "
                  "{}, replication {}), {} unclean elections since.",
                  destroyed.size(), destroyed.size() == 1 ? "was" : "were", promise.min_insync,
                  promise.replication, unclean));
}

std::vector<std::string> Story::tell(const Violation& violation, const RecordStory* record) const {
  std::vector<std::string> out;
  const auto name = split_log_name(violation.subject);
  const auto id = name ? view_.names().find(name->first, name->second) : std::nullopt;
  const PartitionTruth* truth = id ? view_.partition(*id) : nullptr;
  const Instant since = record == nullptr ? Instant{0} : record->sent;
  if (record != nullptr) tell_record(out, violation, *record);
  tell_steps(out, id, since, violation.at);
  if (truth == nullptr) return out;
  tell_replicas(out, *truth, violation.offset);
  if (record != nullptr && record->acknowledged && violation.offset >= 0)
    tell_contract(out, *id, *truth, violation.offset, *record->acknowledged);
  return out;
}

}  // namespace ksim::sim
