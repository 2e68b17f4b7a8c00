// M6: a partition's leader, ISR and ELR change only as its leader has proposed on top of the state before, or
// as the controller must (KIP-497, KIP-903, KIP-966). A broker counts as stopped in order only if it was.

#include <algorithm>
#include <deque>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "core/base/contains.h"
#include "core/metadata/image.h"
#include "sim/checkers/all.h"
#include "sim/checkers/m6_images.h"
#include "sim/truth/checkpoint_text.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

using Ids = std::vector<int32_t>;

// An AlterPartition that a leader is about to send.
struct Proposal {
  int32_t leader = -1;
  int32_t leader_epoch = -1;
  int32_t partition_epoch = -1;
  Ids isr;
  std::vector<int64_t> broker_epochs;

  bool names(int32_t member) const { return contains(isr, member); }
  // -1: the leader does not know it.
  int64_t epoch_of(int32_t member) const {
    const auto index = static_cast<size_t>(std::find(isr.begin(), isr.end(), member) - isr.begin());
    return index < broker_epochs.size() ? broker_epochs[index] : -1;
  }
};

// A state of a partition, as the controller has told it.
struct State {
  uint64_t activation = 0;  // the number of the event by which the controller that told it became active
  uint64_t told = 0;        // the number of that event
  int32_t leader = -1;
  int32_t leader_epoch = -1;
  int32_t partition_epoch = -1;
  Ids isr;
  Ids elr;

  bool elects_after(const State& before) const { return leader_epoch > before.leader_epoch && leader >= 0; }
};

std::string what_is_wrong_with_epochs(const State& was, const State& is) {
  const int32_t steps = is.partition_epoch - was.partition_epoch;
  if (steps == 0 && (is.leader != was.leader || is.leader_epoch != was.leader_epoch || is.isr != was.isr ||
                     is.elr != was.elr))
    return fmt::format("it has two states of partition epoch {}", is.partition_epoch);
  if (is.leader_epoch < was.leader_epoch)
    return fmt::format("its leader epoch went back from {} to {}", was.leader_epoch, is.leader_epoch);
  if (is.leader_epoch - was.leader_epoch > steps)
    return fmt::format("{} leader epochs began with {} changes", is.leader_epoch - was.leader_epoch, steps);
  if (is.leader != was.leader && is.leader_epoch == was.leader_epoch)
    return fmt::format("its leader went from {} to {} within epoch {}", was.leader, is.leader,
                       is.leader_epoch);
  return {};
}

std::string what_is_wrong_with_sets(const State& is) {
  for (const Ids* set : {&is.isr, &is.elr}) {
    for (const int32_t member : *set) {
      if (std::count(set->begin(), set->end(), member) > 1)
        return fmt::format("broker {} is named twice", member);
    }
  }
  for (const int32_t member : is.elr) {
    if (contains(is.isr, member)) return fmt::format("broker {} is in its ISR and in its ELR", member);
  }
  if (is.leader >= 0 && !contains(is.isr, is.leader))
    return fmt::format("its leader {} is outside the ISR", is.leader);
  return {};
}

class PartitionStates final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "M6"; }
  std::string_view text() const override {
    return "leaders and in-sync replicas change only as the leader proposed, or as the controller must";
  }

  void on_event(const NodeEvent& note) override {
    ++events_;
    if (const auto* c = std::get_if<PartitionChanged>(note.event)) {
      changed(note, *c);
    } else if (const auto* p = std::get_if<IsrProposed>(note.event)) {
      partitions_[{p->topic_id, p->partition}].proposals.push_back(
          {note.node,
           p->leader_epoch,
           p->partition_epoch,
           Ids(p->isr.begin(), p->isr.end()),
           {p->broker_epochs.begin(), p->broker_epochs.end()}});
    } else if (std::holds_alternative<ControllerActivated>(*note.event)) {
      activation_ = events_;
      first_told_.reset();
    } else if (const auto* m = std::get_if<MetadataPublished>(note.event)) {
      if (note.node == view_.active_controller()) elr_ = (*m->image)->features.elr_enabled();
      for (const auto& [subject, what] : rules_.take(note.node, *m->image)) cry(note.at, subject, what);
    } else if (const auto* a = std::get_if<LogAppended>(note.event)) {
      if (a->log == kMetadataLog && a->fetched_epoch < 0)
        appended_.emplace(std::pair(a->leader_epoch, a->base_offset), note.at);
    } else {
      broker_event(note);
    }
  }

  void on_node(int32_t node, NodeFault fault, Instant at) override {
    if (!view_.has_node(node)) return;
    if (fault == NodeFault::started) {
      brokers_[node].lacks_directory = false;
      brokers_[node].found = vouched_epochs(node);
      brokers_[node].started = at;
    }
    if (fault != NodeFault::started) brokers_[node].ends.push_back({at, vouched_epochs(node)});
  }

 private:
  struct Partition {
    std::optional<State> state;
    std::deque<Proposal> proposals;  // on top of it, or of later ones
  };
  struct End {
    Instant at;
    std::vector<int64_t> vouched_for;  // broker epochs in the markers of a stop in order that it left behind
  };
  struct Broker {
    int64_t epoch = -1;
    std::optional<Instant> since;  // when a controller wrote that down; none: nobody knows
    bool fenced = true;
    // It is about to stop, or a log directory of it has failed. Until it is registered anew: what was decided
    // upon that may be told when it has long been started again.
    bool leaving = false;
    bool lacks_directory = false;  // its process does, also when it is registered
    uint64_t changed = 0;          // the number of the last event that may have taken it out of ISRs
    std::vector<End> ends;
    // What its process has found when it was started: the epoch in the marker of each of its directories.
    std::vector<int64_t> found;
    Instant started;
  };

  void broker_event(const NodeEvent& note) {
    if (const auto* r = std::get_if<BrokerRegistered>(note.event)) {
      registered(note, *r);
    } else if (const auto* f = std::get_if<BrokerFenced>(note.event)) {
      Broker& broker = brokers_[f->broker_id];
      broker.fenced = true;
      broker.changed = events_;
    } else if (const auto* u = std::get_if<BrokerUnfenced>(note.event)) {
      Broker& broker = brokers_[u->broker_id];
      broker.fenced = false;
      if (u->broker_epoch > broker.epoch) enters(broker, u->broker_epoch, note.node);
    } else if (const auto* s = std::get_if<BrokerStateChanged>(note.event)) {
      Broker& broker = brokers_[note.node];
      broker.leaving =
          broker.leaving || s->state == "PENDING_CONTROLLED_SHUTDOWN" || s->state == "SHUTTING_DOWN";
    } else if (std::holds_alternative<LogDirFailed>(*note.event)) {
      brokers_[note.node].leaving = brokers_[note.node].lacks_directory = true;
    }
  }

  // ---- partitions ----

  void changed(const NodeEvent& note, const PartitionChanged& event) {
    Partition& partition = partitions_[{event.topic_id, event.partition}];
    if (!first_told_) first_told_ = note.at;
    const State is{activation_,
                   events_,
                   event.leader,
                   event.leader_epoch,
                   event.partition_epoch,
                   Ids(event.isr.begin(), event.isr.end()),
                   Ids(event.elr.begin(), event.elr.end())};
    // Without a state before there is nothing to compare; and what an earlier controller has told is told
    // again.
    if (partition.state && is.partition_epoch < partition.state->partition_epoch) return;
    if (partition.state) judge(note.at, fmt::format("{}-{}", event.topic, event.partition), partition, is);
    partition.state = is;
    std::erase_if(partition.proposals,
                  [&](const Proposal& p) { return p.partition_epoch < is.partition_epoch; });
  }

  void judge(Instant at, const std::string& name, const Partition& partition, const State& is) {
    const State& was = *partition.state;
    std::string wrong = what_is_wrong_with_epochs(was, is);
    if (wrong.empty()) wrong = what_is_wrong_with_sets(is);
    // With what it tells first it may tell changes of an earlier controller, and not why they came about.
    if (wrong.empty() && is.activation == was.activation && at > *first_told_ &&
        is.partition_epoch == was.partition_epoch + 1)
      wrong = what_is_wrong_with_members(partition, is);
    if (wrong.empty()) return;
    cry(at, name,
        fmt::format("{} (leader {} to {}, epoch {} to {}, ISR [{}] to [{}], ELR [{}] to [{}])", wrong,
                    was.leader, is.leader, was.leader_epoch, is.leader_epoch, fmt::join(was.isr, ","),
                    fmt::join(is.isr, ","), fmt::join(was.elr, ","), fmt::join(is.elr, ",")));
  }

  // From one state to the next.
  std::string what_is_wrong_with_members(const Partition& partition, const State& is) {
    const State& was = *partition.state;
    const auto proposed = [&](auto fits) {
      return std::any_of(partition.proposals.begin(), partition.proposals.end(), [&](const Proposal& p) {
        return p.leader == was.leader && p.leader_epoch == was.leader_epoch &&
               p.partition_epoch == was.partition_epoch && fits(p);
      });
    };
    if (is.isr.empty() && !was.isr.empty() && !elr_)
      return "its last ISR member is gone, and without eligible replicas nobody may lead any more";
    for (const int32_t member : is.isr) {
      if (contains(was.isr, member) || (is.elects_after(was) && member == is.leader)) continue;
      if (!proposed([&](const Proposal& p) { return p.names(member); }))
        return fmt::format(
            "broker {} came into the ISR, which the leader has not proposed on top of partition epoch {}",
            member, was.partition_epoch);
      // KIP-903: whom the leader has seen caught up may have lost its disk since.
      const Broker& broker = brokers_[member];
      if (broker.epoch >= 0 && !proposed([&](const Proposal& p) {
            return p.names(member) && (p.epoch_of(member) == -1 || p.epoch_of(member) == broker.epoch);
          }))
        return fmt::format(
            "broker {} came into the ISR in its broker epoch {}, and the leader had seen another one", member,
            broker.epoch);
    }
    for (const int32_t member : was.isr) {
      const Broker& broker = brokers_[member];
      const bool excused =
          broker.fenced || broker.leaving || broker.lacks_directory || broker.changed > was.told;
      if (contains(is.isr, member) || excused) continue;
      // Who is elected from outside stands for all there is.
      if (is.elects_after(was) && !contains(was.isr, is.leader)) continue;
      if (!proposed([&](const Proposal& p) { return !p.names(member); }))
        return fmt::format(
            "active broker {} left the ISR, which the leader has not proposed on top of partition epoch {}",
            member, was.partition_epoch);
    }
    return {};
  }

  // ---- brokers ----

  // Rule A45.
  std::vector<int64_t> vouched_epochs(int32_t node) const {
    std::vector<int64_t> epochs;
    for (const std::string& directory : view_.log_dirs(node)) {
      const auto text = read_text(view_.disks(), node, fmt::format("{}/{}", directory, kCleanShutdown),
                                  DiskPeek::Layer::cached);
      if (!text) continue;
      const auto json = nlohmann::json::parse(*text, nullptr, false);
      if (json.is_object() && json.contains("brokerEpoch"))
        epochs.push_back(json["brokerEpoch"].get<int64_t>());
    }
    return epochs;
  }

  // `controller` has it in its log: a broker epoch is the offset of the registration. Another controller,
  // which was cut off, may have written something else there, long before.
  void enters(Broker& broker, int64_t epoch, int32_t controller) {
    broker.epoch = epoch;
    broker.since.reset();
    const ReplicaTruth* log = view_.metadata_log(controller);
    const size_t i = log == nullptr ? 0 : log->find(epoch);
    if (log == nullptr || i == log->batches().size() || log->batches()[i].base_offset > epoch) return;
    const int32_t leader_epoch = log->batches()[i].leader_epoch;
    const auto next = appended_.upper_bound({leader_epoch, epoch});
    if (next == appended_.begin() || std::prev(next)->first.first != leader_epoch) return;
    broker.since = std::prev(next)->second;
  }

  // Rule C11: a broker that was not stopped in order may have lost what it had not flushed. Of the process
  // that has registered the end counts: whoever came after it has used nothing yet.
  void registered(const NodeEvent& note, const BrokerRegistered& event) {
    Broker& broker = brokers_[event.broker_id];
    const int64_t before = broker.epoch;
    if (event.broker_epoch <= before) return;  // a new controller tells what was before its time
    const std::optional<Instant> since = broker.since;
    enters(broker, event.broker_epoch, note.node);
    broker.fenced = true;
    broker.leaving = false;
    broker.changed = events_;
    if (!event.clean) return left_in_order(note.at, event, before, since);
    if (!since) return;
    for (const End& end : broker.ends) {
      if (end.at < *since) continue;
      if (!contains(end.vouched_for, before)) {
        cry(note.at, fmt::format("broker {}", event.broker_id),
            fmt::format("it is registered as stopped in order in its epoch {}, and was not: its process "
                        "ended at {} ms, and "
                        "left no word of that",
                        before, end.at.ms()));
      }
      return;
    }
  }

  // The other way round: who has lost nothing stays eligible.
  void left_in_order(Instant at, const BrokerRegistered& event, int64_t before,
                     std::optional<Instant> since) {
    const Broker& broker = brokers_[event.broker_id];
    if (before < 0 || !since || broker.started < *since || broker.lacks_directory) return;
    const bool vouched =
        broker.found.size() == view_.log_dirs(event.broker_id).size() &&
        std::all_of(broker.found.begin(), broker.found.end(), [&](int64_t epoch) { return epoch == before; });
    if (!vouched || broker.found.empty() || !follows(event, before)) return;
    cry(at, fmt::format("broker {}", event.broker_id),
        fmt::format("it is registered as if it had not stopped in order in its epoch {}, and each of its "
                    "directories said so when it was started at {} ms",
                    before, broker.started.ms()));
  }

  // Between the two nobody registered, of whom an earlier controller never came to tell.
  bool follows(const BrokerRegistered& event, int64_t before) const {
    const std::vector<MetadataStep>& steps = view_.metadata().steps();
    const auto next =
        std::lower_bound(steps.begin(), steps.end(), event.broker_epoch,
                         [](const MetadataStep& step, int64_t offset) { return step.offset < offset; });
    if (next == steps.begin() || next == steps.end()) return false;
    const BrokerRegistration* registered = std::prev(next)->image->broker(event.broker_id);
    return registered != nullptr && registered->epoch == before;
  }

  uint64_t events_ = 0;
  uint64_t activation_ = 0;
  std::optional<Instant> first_told_;  // since then
  std::map<std::pair<Uuid, int32_t>, Partition> partitions_;
  std::map<int32_t, Broker> brokers_;
  // When each leader wrote into its metadata log: by its epoch, and the offset.
  std::map<std::pair<int32_t, int64_t>, Instant> appended_;
  bool elr_ = true;  // eligible leader replicas are kept
  ImageRules rules_{view_};
};

}  // namespace

std::unique_ptr<Checker> make_partition_states(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<PartitionStates>(view, verdicts);
}

}  // namespace ksim::sim
