// L: when faults end, every operation completes in bounded virtual time, there is a controller, every
// partition has a leader and its full ISR, and every reader has read what is committed. The runner heals,
// waits and then asks.

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

class EverythingCompletes final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "L"; }
  std::string_view text() const override {
    return "after healing there is a controller, every partition has a leader and its full ISR, and every "
           "call ends and every reader comes to the end";
  }

  void on_session(const ProducerSession& session) override {
    if (!session.idempotent && session.max_in_flight > 1) out_of_order_.insert(session.session);
  }
  void on_send_invoked(const SendOp& op) override { open_.emplace(op.record, op); }
  void on_send_completed(const SendOp& op) override {
    open_.erase(op.record);
    if (op.outcome != Outcome::ok && op.error == ErrorCode::REQUEST_TIMED_OUT)
      gave_up(op);
    else
      moved(op);
  }
  void on_event(const NodeEvent& note) override {
    if (std::holds_alternative<ControllerActivated>(*note.event)) new_controller_ = note.at;
    if (const auto* a = std::get_if<LogAppended>(note.event);
        a != nullptr && healed_ && a->fetched_epoch < 0) {
      if (const auto id = view_.partition_of(*note.event))
        appended_[*id].push_back({a->base_offset, a->end_offset, note.at});
      return;
    }
    if (const auto* h = std::get_if<HighWatermarkChanged>(note.event); h != nullptr && h->leader && healed_) {
      if (const auto id = view_.names().find(h->topic, h->partition)) committed_[*id] = note.at;
      return;
    }
    const auto* changed = std::get_if<PartitionChanged>(note.event);
    if (changed == nullptr) return;
    if (const auto id = view_.names().find(changed->topic, changed->partition)) changed_[*id] = note.at;
  }
  void on_healed(Instant at) override { healed_ = at; }
  void on_readers_stop() override {
    // Where nothing was there to read, nobody was waited for either who has not begun.
    for (PartitionId id : view_.partitions()) {
      const PartitionTruth& truth = *view_.partition(id);
      to_read_[id] = truth.committed.empty() ? kNotBegun : truth.committed_end();
    }
  }

  void on_assigned(const ReaderAssigned& assigned) override {
    readers_[assigned.consumer].name = assigned.name;
    position_.try_emplace({assigned.partition, assigned.consumer}, kNotBegun);
  }
  void on_position(const PositionSet& set) override { came_to(set.partition, set.consumer, set.offset); }
  void on_consumed(const Consumed& record) override {
    came_to(record.partition, record.consumer, record.offset + 1);
  }
  void on_reader_call(const ReaderCall& call) override {
    Reader& reader = readers_[call.consumer];
    reader.open.reset();
    if (!call.completed) reader.open = call;
    if (!call.error.empty()) reader.error = fmt::format("; its last error: {} {}", call.what, call.error);
  }

  void on_reader_gone(uint32_t consumer) override {
    readers_.erase(consumer);
    std::erase_if(position_, [consumer](const auto& entry) { return entry.first.second == consumer; });
  }

  void on_unrest(std::string_view subject, std::string_view what, Instant at) override {
    cry(at, subject, fmt::format("healed, and given all the time that healing may take, yet {}", what));
  }

  void at_end(Instant at) override {
    if (view_.active_controller() < 0 && !view_.voters().empty())
      cry(at, "controller", "no controller is active after healing");
    for (PartitionId id : view_.partitions()) partition(id, at);
    for (const auto& [where, position] : position_) reader(where.first, where.second, position, at);
    for (const auto& [number, reader] : readers_) {
      if (!reader.open || at - reader.open->invoked < kLongestCall) continue;
      cry(at, reader.name,
          fmt::format("its {} of {} ms never completed", reader.open->what, reader.open->invoked.ms()));
    }
    if (open_.empty()) return;
    const SendOp& first = open_.begin()->second;
    cry(at, to_string(view_.names().name(first.partition)),
        fmt::format("{} sends never completed; the first is record {:016x}, sent at {} ms", open_.size(),
                    first.record, first.invoked.ms()),
        first.record);
  }

 private:
  using Queue = std::pair<uint32_t, PartitionId>;  // what a session sends into a partition
  using Front = std::map<RecordId, Instant>;       // later records, later times

  struct Appended {
    int64_t base_offset, end_offset;
    Instant at;
  };

  void moved(const SendOp& op) {
    Front& front = answered_[{op.session, op.partition}];
    const RecordId place = out_of_order_.contains(op.session) ? 0 : op.record;
    front.erase(front.lower_bound(place), front.end());
    front[place] = op.completed;
  }

  // When the last of those was acknowledged or refused that stood before it, which each may have done whose
  // session keeps no order. A queue of many takes its time, which is counted to each of them (KIP-91): its
  // turn has not come while what stands before it goes on.
  Instant in_front_since(const SendOp& op) const {
    const auto queue = answered_.find({op.session, op.partition});
    if (queue == answered_.end()) return op.invoked;
    const auto behind = queue->second.lower_bound(op.record);
    return behind == queue->second.begin() ? op.invoked : std::max(op.invoked, std::prev(behind)->second);
  }

  // When the last of those was written, by a leader, after healing. Where more is sent than is replicated,
  // each has waited so long when its turn comes that its time is up before the answer is there.
  Instant written_in_front(const SendOp& op) const {
    const auto appended = appended_.find(op.partition);
    if (appended == appended_.end()) return {};
    const PartitionTruth& truth = *view_.partition(op.partition);
    for (auto a = appended->second.rbegin(); a != appended->second.rend(); ++a) {
      for (int64_t offset = a->base_offset; offset < a->end_offset; ++offset) {
        const TruthRecord* record = truth.committed_record(offset);
        if (record == nullptr || session_of(record->id) != op.session) continue;
        if (record->id < op.record || out_of_order_.contains(op.session)) return a->at;
      }
    }
    return {};
  }

  // More is written than followers may fetch: what is written waits long to be committed, and so does what
  // comes behind it.
  bool replication_lags(const SendOp& op, Duration long_enough) const {
    const auto committed = committed_.find(op.partition);
    if (committed == committed_.end() || op.completed - committed->second >= long_enough) return false;
    const auto appended = appended_.find(op.partition);
    if (appended == appended_.end()) return false;
    const int64_t next = view_.partition(op.partition)->committed_end();
    for (const Appended& a : appended->second) {
      if (a.end_offset > next) return op.completed - a.at >= kSlowCommit;
    }
    return false;
  }

  // A producer whose time was up, though its partition had long been as well as it gets: it was stuck.
  void gave_up(const SendOp& op) {
    const PartitionTruth* const truth = view_.partition(op.partition);
    if (!healed_ || truth == nullptr || truth->claim.leader < 0) return;
    if (static_cast<int32_t>(truth->claim.isr.size()) < view_.promise_of(op.partition).replication) return;
    const auto changed = changed_.find(op.partition);
    const Instant well = std::max({*healed_, in_front_since(op), new_controller_,
                                   changed == changed_.end() ? *healed_ : changed->second});
    const Duration long_enough = std::max(kLongEnough, view_.lost_answer_wait + seconds(5));
    if (op.completed - well < long_enough || op.completed - written_in_front(op) < long_enough) return;
    if (replication_lags(op, long_enough)) return;
    cry(op.completed, to_string(view_.names().name(op.partition)),
        fmt::format("record {:016x}, sent at {} ms, was given up although nothing has changed or failed "
                    "since {} ms, nor has one before it been answered",
                    op.record, op.invoked.ms(), well.ms()),
        op.record);
  }

  void partition(PartitionId id, Instant at) {
    const PartitionTruth* truth = view_.partition(id);
    const PartitionClaim& claim = truth->claim;
    if (claim.leader_epoch < 0) return;
    const std::string subject = to_string(view_.names().name(id));
    if (claim.leader < 0) {
      std::vector<int32_t> holders;
      for (const auto& [node, log] : truth->replicas) {
        if (log != nullptr && log->end_offset() >= truth->committed_end() && view_.node(node).up)
          holders.push_back(node);
      }
      if (view_.offline_permitted(id))
        return;  // beyond the budget a partition may stay offline until an operator decides
      cry(at, subject,
          fmt::format("no leader after healing (epoch {}, ISR [{}], ELR [{}]); brokers [{}] are up and hold "
                      "all committed "
                      "records",
                      claim.leader_epoch, fmt::join(claim.isr, ","), fmt::join(claim.elr, ","),
                      fmt::join(holders, ",")));
      return;
    }
    const auto replication = static_cast<size_t>(view_.promise_of(id).replication);
    if (claim.isr.size() < replication) {
      cry(at, subject,
          fmt::format("after healing the ISR is [{}], {} of {} replicas", fmt::join(claim.isr, ","),
                      claim.isr.size(), replication));
    }
  }

  // Of readers that were assigned the partition: a raw driver reads here and there.
  void came_to(PartitionId id, uint32_t consumer, int64_t position) {
    const auto known = position_.find({id, consumer});
    if (known != position_.end()) known->second = position;
  }

  void reader(PartitionId id, uint32_t consumer, int64_t position, Instant at) {
    const PartitionTruth* truth = view_.partition(id);
    if (truth == nullptr || truth->committed.empty() || position >= truth->committed_end()) return;
    if (const auto end = to_read_.find(id); end != to_read_.end() && position >= end->second) return;
    if (view_.offline_permitted(id)) return;
    const Reader& reader = readers_[consumer];
    cry(at, to_string(view_.names().name(id)),
        fmt::format("{} {}, and {} is committed{}", reader.name,
                    position < 0 ? std::string("has not begun to read") : fmt::format("came to {}", position),
                    truth->committed_end(), reader.error));
  }

  // Longer than any call of a reader may wait.
  static constexpr Duration kLongestCall = seconds(30);
  static constexpr int64_t kNotBegun = -1;
  struct Reader {
    std::string name;
    std::optional<ReaderCall> open;
    std::string error;
  };
  // A healthy partition answers in milliseconds; a producer may first have to notice that a machine is gone,
  // and back off.
  static constexpr Duration kLongEnough = seconds(15);
  static constexpr Duration kSlowCommit = seconds(3);
  std::optional<Instant> healed_;
  Instant new_controller_;  // it gives every session its whole time again: a broker that comes back waits
  std::map<PartitionId, Instant> changed_;  // when the controller changed it last
  std::map<Queue, Front> answered_;
  std::set<uint32_t> out_of_order_;                        // sessions whose batches may overtake each other
  std::map<PartitionId, std::vector<Appended>> appended_;  // by leaders, since healing began
  std::map<PartitionId, Instant> committed_;               // when something was, last, since healing began
  std::map<PartitionId, int64_t> to_read_;  // what was committed when readers were asked to stop
  std::map<RecordId, SendOp> open_;
  std::map<uint32_t, Reader> readers_;
  std::map<std::pair<PartitionId, uint32_t>, int64_t> position_;  // the next offset, or kNotBegun
};

}  // namespace

std::unique_ptr<Checker> make_everything_completes(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<EverythingCompletes>(view, verdicts);
}

}  // namespace ksim::sim
