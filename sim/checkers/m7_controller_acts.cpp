// M7: an active controller that goes on deciding fences whom it has not heard from for
// broker.session.timeout.ms, and nobody before that (rules C13, C16). It leaves no partition without a leader
// that somebody may lead (rules C17, C24), and lets go who has asked to stop and leads nothing (W.2).
//
// What it could have known is told by the order of its decisions. Each is one batch of its log, in the order
// in which it was made: however long disks and networks take, what stands in front of a decision was decided
// before it. Times are those of its own clock, which stands still with its machine.

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/metadata/image.h"
#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

// A node that has just woken up, or is slow, has not come to its timers yet.
constexpr Duration kLateTimers = seconds(2);
constexpr Duration kToAct = seconds(1);
constexpr Duration kClose = milliseconds(50);

bool may_lead(const MetadataImage& image, const PartitionRegistration& partition, int32_t id) {
  const BrokerRegistration* broker = image.broker(id);
  if (broker == nullptr || broker->fenced || broker->in_controlled_shutdown) return false;
  return partition.is_replica(id) && broker->has_online_directory(partition.directory_of(id));
}

// Rules C24, C26: without a question to anybody.
std::optional<int32_t> who_may_lead(const MetadataImage& image, const PartitionRegistration& partition) {
  for (const int32_t id : partition.isr.empty() ? partition.elr : partition.isr) {
    if (may_lead(image, partition, id)) return id;
  }
  const bool nobody_else = image.features.elr_enabled() && partition.isr.empty() && partition.elr.empty();
  if (nobody_else && partition.last_known_elr.size() == 1 &&
      may_lead(image, partition, partition.last_known_elr.front()))
    return partition.last_known_elr.front();
  return std::nullopt;
}

bool preferred_may_lead(const MetadataImage& image, const PartitionRegistration& partition) {
  if (partition.replicas.empty() || partition.has_preferred_leader()) return false;
  const int32_t first = partition.replicas.front();
  return partition.in_isr(first) && may_lead(image, partition, first);
}

class ControllerActs final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "M7"; }
  std::string_view text() const override {
    return "an active controller fences whom it does not hear in time, and leaves nothing without a leader";
  }

  void on_event(const NodeEvent& note) override {
    if (const auto* a = std::get_if<ControllerActivated>(note.event)) {
      Reign& reign = reigns_[note.node] = {};
      reign.epoch = a->epoch;
      reign.began = view_.clock(note.node, note.at);
    } else if (std::holds_alternative<ControllerDeactivated>(*note.event)) {
      reigns_.erase(note.node);
    } else if (const auto* h = std::get_if<BrokerHeard>(note.event)) {
      if (const auto reign = reigns_.find(note.node); reign != reigns_.end())
        heard(reign->second, *h, view_.clock(note.node, note.at));
    } else if (const auto* f = std::get_if<BrokerFenced>(note.event)) {
      if (const auto reign = reigns_.find(note.node); reign != reigns_.end()) fenced(reign->second, *f, note);
    } else if (const auto* m = std::get_if<MetadataPublished>(note.event)) {
      if (const auto reign = reigns_.find(note.node); reign != reigns_.end())
        published(reign->second, *m->image, note);
    }
  }
  void on_mark(Mark mark, int32_t node, std::string_view, Instant at) override {
    const auto reign = reigns_.find(node);
    if (mark == Mark::controller_appended && reign != reigns_.end())
      decided(reign->second, view_.clock(node, at));
  }
  void on_node(int32_t node, NodeFault, Instant) override { reigns_.erase(node); }

 private:
  struct Session {
    int64_t broker_epoch = -1;
    Instant heard;  // or it was given its time anew
    std::optional<Instant> seen_late;
    std::optional<size_t> overdue;  // with this decision
    // With this one it was heard to be ready for work, and always since.
    std::optional<size_t> ready;
    int64_t metadata_offset = -1;
    // The first that was published in which it is shutting down and leads nothing, of those when it was heard
    // to wish to be gone; and since which decision nothing keeps it.
    int64_t known_then = -1;
    std::optional<size_t> may_go;
  };
  using Place = std::pair<Uuid, int32_t>;
  struct Waiting {
    Instant since;
    std::optional<Instant> seen_late;
  };
  // Of one that is the active controller, as it says itself.
  struct Reign {
    int32_t epoch = -1;
    Instant began;
    std::vector<Instant> decisions;  // when they were made
    int64_t counted_to = -1;         // those up to this offset of its log
    size_t committed = 0;            // are so many
    std::map<int32_t, Session> sessions;
    std::set<int32_t> ever_late;
    MetadataImageRef image;
    // Since which decision nobody leads there, though somebody may; another one leads, though the preferred
    // one may.
    std::map<Place, Waiting> leaderless;
    std::map<Place, Waiting> unbalanced;
  };

  void heard(Reign& reign, const BrokerHeard& event, Instant now) const {
    const auto [known, first] = reign.sessions.try_emplace(event.broker_id);
    Session& session = known->second;
    // Nothing was published since the reign began, so nobody knew who was silent.
    if (first && now - reign.began > view_.session_timeout_min - kClose)
      reign.ever_late.insert(event.broker_id);
    const bool ready = !event.wants_fence && event.metadata_offset >= event.broker_epoch;
    const bool goes_on = session.broker_epoch == event.broker_epoch && session.ready &&
                         now - session.heard <= view_.session_timeout_min - kClose;
    std::optional<size_t> since;
    if (ready) since = goes_on ? *session.ready : reign.decisions.size() + 1;
    const bool stays = session.broker_epoch != event.broker_epoch || !event.wants_fence;
    const int64_t known_then = stays ? -1 : session.known_then;
    std::optional<size_t> may_go = stays ? std::nullopt : session.may_go;
    session = {event.broker_epoch, now, {}, {}, since, event.metadata_offset, known_then, may_go};
    if (!event.wants_fence || !leads_nothing(reign, event.broker_id)) return;
    if (!session.may_go && all_know(reign, known_then)) session.may_go = reign.decisions.size() + 1;
    if (known_then < 0) session.known_then = reign.image->provenance.last_offset;
  }

  // It is shutting down, and nothing is decided that the image does not show.
  static bool leads_nothing(const Reign& reign, int32_t id) {
    if (reign.image == nullptr || reign.committed != reign.decisions.size()) return false;
    const BrokerRegistration* broker = reign.image->broker(id);
    if (broker == nullptr || broker->fenced || !broker->in_controlled_shutdown) return false;
    for (const auto& [topic_id, topic] : reign.image->topics.by_id) {
      for (const auto& [index, partition] : topic->partitions) {
        if (partition->leader == id) return false;
      }
    }
    return true;
  }

  // Everybody who stays has seen the metadata up to there.
  static bool all_know(const Reign& reign, int64_t offset) {
    for (const auto& [id, broker] : reign.image->cluster.brokers) {
      if (!broker->active()) continue;
      const auto session = reign.sessions.find(id);
      if (session == reign.sessions.end() || session->second.broker_epoch != broker->epoch ||
          session->second.metadata_offset < offset)
        return false;
    }
    return offset >= 0;
  }

  void decided(Reign& reign, Instant now) {
    reign.decisions.push_back(now);
    for (auto& [id, session] : reign.sessions) {
      const Duration silent = now - session.heard;
      if (silent > view_.session_timeout_min - kClose) {
        reign.ever_late.insert(id);
        session.ready.reset();
      }
      if (silent <= view_.session_timeout_max + kLateTimers) continue;
      if (!session.seen_late) session.seen_late = now;
      if (!session.overdue && now - *session.seen_late >= kToAct) session.overdue = reign.decisions.size();
    }
  }

  void fenced(Reign& reign, const BrokerFenced& event, const NodeEvent& note) {
    if (event.reason != "session timed out") return;
    const auto session = reign.sessions.find(event.broker_id);
    if (session == reign.sessions.end() || reign.ever_late.contains(event.broker_id)) return;
    cry(note.at, fmt::format("broker {}", event.broker_id),
        fmt::format("controller {} has fenced it for its silence, and has never had to wait {} ms for it",
                    note.node, view_.session_timeout_min.ms()));
  }

  // How many of its decisions are in its log up to there.
  void count(Reign& reign, int32_t node, int64_t to_offset) const {
    const ReplicaTruth* log = view_.metadata_log(node);
    if (log == nullptr) return;
    for (size_t i = log->find(reign.counted_to + 1); i < log->batches().size(); ++i) {
      const TruthBatch& batch = log->batches()[i];
      if (batch.last_offset > to_offset) break;
      reign.counted_to = batch.last_offset;
      if (batch.leader_epoch == reign.epoch && !batch.control) ++reign.committed;
    }
  }

  void published(Reign& reign, const MetadataImageRef& image, const NodeEvent& note) {
    count(reign, note.node, image->provenance.last_offset);
    for (const auto& [id, broker] : image->cluster.brokers) {
      const auto [known, first] =
          reign.sessions.try_emplace(id, Session{broker->epoch, reign.began, {}, {}, {}, -1, -1, {}});
      Session& session = known->second;
      // Decisions were made before this one was known of.
      if (first && !reign.decisions.empty() &&
          reign.decisions.back() - reign.began > view_.session_timeout_min - kClose)
        reign.ever_late.insert(id);
      if (session.broker_epoch != broker->epoch) continue;
      if (session.overdue && *session.overdue <= reign.committed && !broker->fenced)
        never_fenced(reign, id, session, note);
      // Rule C14: with that very heartbeat. One that may stop is fenced, also by a heartbeat that it sent
      // before it asked for that.
      if (session.ready && *session.ready <= reign.committed && broker->fenced &&
          !broker->in_controlled_shutdown)
        cry(note.at, fmt::format("broker {}", id),
            fmt::format("controller {} has heard since its decision {} that it is ready for work, and has it "
                        "fenced still after {}",
                        note.node, *session.ready, reign.committed));
      if (session.may_go && *session.may_go <= reign.committed && !broker->fenced)
        cry(note.at, fmt::format("broker {}", id),
            fmt::format(
                "controller {} has heard before its decision {} that it wishes to stop, nothing is left that "
                "it has to wait for, and it is not let go after {}",
                note.node, *session.may_go, reign.committed));
    }
    // What it has not decided itself it may not have looked at yet.
    if (reign.committed == 0 || reign.committed > reign.decisions.size()) return;
    const MetadataImageRef before = std::exchange(reign.image, image);
    look_at_changes(reign, before == nullptr ? empty_image() : before);
    judge(reign, reign.leaderless, Duration{}, note, "nobody leads it");
    if (view_.rebalance_interval_max) {
      judge(reign, reign.unbalanced, *view_.rebalance_interval_max + kLateTimers, note,
            "its preferred leader does not lead it");
    }
  }

  void judge(const Reign& reign, std::map<Place, Waiting>& places, Duration patience, const NodeEvent& note,
             std::string_view what) {
    const Instant now = reign.decisions[reign.committed - 1];
    for (auto& [place, waiting] : places) {
      if (now - waiting.since < patience) continue;
      if (!waiting.seen_late) waiting.seen_late = now;
      if (now - *waiting.seen_late >= kToAct) cry_for(place, waiting.since, *reign.image, note, what);
    }
  }

  void never_fenced(const Reign& reign, int32_t id, Session& session, const NodeEvent& note) {
    cry(note.at, fmt::format("broker {}", id),
        fmt::format("controller {} has not heard of it since {} ms of its clock, has decided something at {} "
                    "ms, and not fenced it",
                    note.node, session.heard.ms(), reign.decisions[*session.overdue - 1].ms()));
  }

  void cry_for(const Place& place, Instant since, const MetadataImage& image, const NodeEvent& note,
               std::string_view what) {
    const TopicRef topic = image.topic(place.first);
    const PartitionRef partition = image.partition(place.first, place.second);
    if (topic == nullptr || partition == nullptr) return;
    cry(note.at, fmt::format("{}-{}", topic->name, place.second),
        fmt::format(
            "{} since {} ms of controller {}'s clock, though broker {} may (leader {}, replicas [{}], "
            "ISR [{}], ELR [{}])",
            what, since.ms(), note.node,
            partition->has_leader() ? partition->replicas.front()
                                    : who_may_lead(image, *partition).value_or(-1),
            partition->leader, fmt::join(partition->replicas, ","), fmt::join(partition->isr, ","),
            fmt::join(partition->elr, ",")));
  }

  // Whoever comes, or is unfenced, may be waited for by any partition.
  static void look_at_changes(Reign& reign, const MetadataImageRef& before) {
    const MetadataImage& image = *reign.image;
    const Instant now = reign.decisions[reign.committed - 1];
    const auto look = [&](const Uuid& id, int32_t index, const PartitionRegistration* partition) {
      const Place place{id, index};
      const bool leaderless =
          partition != nullptr && !partition->has_leader() && who_may_lead(image, *partition);
      const bool unbalanced =
          partition != nullptr && partition->has_leader() && preferred_may_lead(image, *partition);
      note(reign.leaderless, place, leaderless, now);
      note(reign.unbalanced, place, unbalanced, now);
    };
    if (!before->cluster.brokers.same_as(image.cluster.brokers)) {
      forget_deleted(reign.leaderless, image);
      forget_deleted(reign.unbalanced, image);
      for (const auto& [id, topic] : image.topics.by_id) {
        for (const auto& [index, partition] : topic->partitions) look(id, index, partition.get());
      }
      return;
    }
    PersistentMap<Uuid, TopicRef>::differences(
        before->topics.by_id, image.topics.by_id,
        [&](const Uuid& id, const TopicRef* was, const TopicRef* is) {
          const PersistentMap<int32_t, PartitionRef> none;
          PersistentMap<int32_t, PartitionRef>::differences(
              was == nullptr ? none : (*was)->partitions, is == nullptr ? none : (*is)->partitions,
              [&](int32_t index, const PartitionRef*, const PartitionRef* partition) {
                look(id, index, partition == nullptr ? nullptr : partition->get());
              });
        });
  }

  static void note(std::map<Place, Waiting>& places, const Place& place, bool waits, Instant now) {
    if (waits)
      places.try_emplace(place, Waiting{now, std::nullopt});
    else
      places.erase(place);
  }

  static void forget_deleted(std::map<Place, Waiting>& places, const MetadataImage& image) {
    std::erase_if(places, [&](const auto& entry) {
      return image.partition(entry.first.first, entry.first.second) == nullptr;
    });
  }

  std::map<int32_t, Reign> reigns_;
};

}  // namespace

std::unique_ptr<Checker> make_controller_acts(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<ControllerActs>(view, verdicts);
}

}  // namespace ksim::sim
