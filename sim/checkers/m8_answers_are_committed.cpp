// M8: what a controller answers is committed, and of the epoch in which it was decided or an earlier one
// (rules C1, C3). What a broker takes over from it stands in the metadata log: its broker epoch, the ISR that
// it leads with, the producer ids that it gives to clients, which nobody else is given.

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

using Members = std::vector<int32_t>;

Members in_order(Members members) {
  std::sort(members.begin(), members.end());
  return members;
}

class AnswersAreCommitted final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "M8"; }
  std::string_view text() const override {
    return "what a controller answers is committed, and what brokers take over from it";
  }

  void on_event(const NodeEvent& note) override {
    read_log();
    if (const auto* a = std::get_if<ControllerAnswered>(note.event)) {
      answered(note, *a);
    } else if (const auto* c = std::get_if<IsrChanged>(note.event)) {
      judge_later(note, IsrTaken{{c->topic_id, c->partition},
                                 std::string(c->topic),
                                 c->leader_epoch,
                                 c->partition_epoch,
                                 in_order({c->isr.begin(), c->isr.end()})});
    } else if (const auto* e = std::get_if<BrokerEpochAssigned>(note.event)) {
      judge_later(note, EpochTaken{e->broker_epoch});
    } else if (const auto* p = std::get_if<ProducerIdsAssigned>(note.event)) {
      ids_taken(note, *p);
    }
  }

  // What never came to be committed.
  void at_end(Instant) override {
    for (const Taken& taken : open_) cry_for(taken);
    open_.clear();
  }

 private:
  using Place = std::pair<Uuid, int32_t>;
  struct IsrTaken {
    Place place;
    std::string topic;
    int32_t leader_epoch;
    int32_t partition_epoch;
    Members isr;
  };
  struct EpochTaken {
    int64_t epoch;
  };
  struct IdsTaken {
    int64_t first;
    int32_t count;
  };
  struct Taken {
    int32_t node;
    Instant at;
    std::variant<IsrTaken, EpochTaken, IdsTaken> what;
  };
  struct State {
    int32_t leader_epoch;
    Members isr;
    bool operator==(const State&) const = default;
  };
  // `not_yet`: the log may still come to it. A leader that was replaced may answer what it has just found
  // committed before any other has read so far.
  enum class Stands : uint8_t { yes, no, not_yet };

  // ---- what controllers say ----

  void answered(const NodeEvent& note, const ControllerAnswered& answer) {
    const auto wrong = [&](std::string what) {
      cry(note.at, fmt::format("controller {}", note.node),
          fmt::format("{} is answered with what was decided in epoch {} and rests on offset {}: {}",
                      answer.api, answer.epoch, answer.offset, what));
    };
    const int64_t end = std::max(view_.metadata().claimed_end(), view_.metadata().end());
    if (answer.offset >= end) return wrong(fmt::format("only what is below {} is committed", end));
    const ReplicaTruth* const log = view_.metadata_log(note.node);
    const size_t i = log == nullptr ? 0 : log->find(answer.offset);
    if (log == nullptr || i == log->batches().size()) return;
    const TruthBatch& batch = log->batches()[i];
    if (batch.base_offset <= answer.offset && batch.leader_epoch > answer.epoch)
      wrong(fmt::format("that record is of epoch {}", batch.leader_epoch));
  }

  // ---- what brokers take over ----

  void judge_later(const NodeEvent& note, std::variant<IsrTaken, EpochTaken, IdsTaken> what) {
    open_.push_back({note.node, note.at, std::move(what)});
    settle();
  }

  void ids_taken(const NodeEvent& note, const ProducerIdsAssigned& ids) {
    const auto [owner, fresh] = id_blocks_taken_.try_emplace(ids.first, note.node);
    if (!fresh) {
      cry(note.at, fmt::format("broker {}", note.node),
          fmt::format("it was given the producer ids from {}, which broker {} has", ids.first,
                      owner->second));
    }
    judge_later(note, IdsTaken{ids.first, ids.count});
  }

  void settle() {
    std::erase_if(open_, [&](const Taken& taken) {
      const Stands stands =
          std::visit([&](const auto& what) { return stands_in_log(taken.node, what); }, taken.what);
      if (stands == Stands::no) cry_for(taken);
      return stands != Stands::not_yet;
    });
  }

  Stands stands_in_log(int32_t, const IsrTaken& isr) const {
    const auto known = partitions_.find(isr.place);
    if (known == partitions_.end() || known->second.empty()) return Stands::not_yet;
    const auto state = known->second.find(isr.partition_epoch);
    if (state != known->second.end())
      return state->second == State{isr.leader_epoch, isr.isr} ? Stands::yes : Stands::no;
    // Several changes of one batch are seen as one.
    return known->second.rbegin()->first > isr.partition_epoch ? Stands::yes : Stands::not_yet;
  }
  // A broker epoch is the offset of the registration.
  Stands stands_in_log(int32_t node, const EpochTaken& taken) const {
    if (registrations_.contains({node, taken.epoch})) return Stands::yes;
    return view_.metadata().end() > taken.epoch ? Stands::no : Stands::not_yet;
  }
  Stands stands_in_log(int32_t, const IdsTaken& taken) const {
    if (const auto block = id_blocks_.find(taken.first); block != id_blocks_.end())
      return block->second == taken.first + taken.count ? Stands::yes : Stands::no;
    return next_producer_id_ > taken.first ? Stands::no : Stands::not_yet;
  }

  void cry_for(const Taken& taken) {
    const std::string broker = fmt::format("broker {}", taken.node);
    if (const auto* isr = std::get_if<IsrTaken>(&taken.what)) {
      cry(taken.at, fmt::format("{}-{}", isr->topic, isr->place.second),
          fmt::format(
              "leader {} has taken over the ISR [{}] of leader epoch {} and partition epoch {}, which "
              "no controller has committed",
              taken.node, fmt::join(isr->isr, ","), isr->leader_epoch, isr->partition_epoch));
    } else if (const auto* epoch = std::get_if<EpochTaken>(&taken.what)) {
      cry(taken.at, broker,
          fmt::format("it was told that it is registered in epoch {}, and the metadata log has no such "
                      "registration there",
                      epoch->epoch));
    } else if (const auto* ids = std::get_if<IdsTaken>(&taken.what)) {
      cry(taken.at, broker,
          fmt::format("it was given the {} producer ids from {}, which no controller has committed",
                      ids->count, ids->first));
    }
  }

  // ---- the log ----

  void read_log() {
    const std::vector<MetadataStep>& steps = view_.metadata().steps();
    if (steps_read_ == steps.size()) return;
    for (; steps_read_ < steps.size(); ++steps_read_) {
      const MetadataImageRef before = steps_read_ == 0 ? empty_image() : steps[steps_read_ - 1].image;
      read_step(*before, *steps[steps_read_].image);
    }
    settle();
  }

  void read_step(const MetadataImage& before, const MetadataImage& after) {
    if (after.next_producer_id > before.next_producer_id)
      id_blocks_[before.next_producer_id] = after.next_producer_id;
    next_producer_id_ = after.next_producer_id;
    using Brokers = decltype(after.cluster.brokers);
    Brokers::differences(before.cluster.brokers, after.cluster.brokers,
                         [&](int32_t id, const auto*, const auto* is) {
                           if (is != nullptr) registrations_.emplace(id, (*is)->epoch);
                         });
    using Topics = PersistentMap<Uuid, TopicRef>;
    using Partitions = PersistentMap<int32_t, PartitionRef>;
    Topics::differences(before.topics.by_id, after.topics.by_id,
                        [&](const Uuid& id, const TopicRef* was, const TopicRef* is) {
                          if (is == nullptr) return;
                          Partitions::differences(
                              was == nullptr ? Partitions() : (*was)->partitions, (*is)->partitions,
                              [&](int32_t index, const PartitionRef*, const PartitionRef* now) {
                                if (now == nullptr) return;
                                const PartitionRegistration& partition = **now;
                                partitions_[{id, index}][partition.partition_epoch] = {
                                    partition.leader_epoch, in_order(partition.isr)};
                              });
                        });
  }

  size_t steps_read_ = 0;
  std::vector<Taken> open_;
  std::map<Place, std::map<int32_t, State>> partitions_;  // by partition epoch
  std::set<std::pair<int32_t, int64_t>> registrations_;   // brokers and their epochs
  std::map<int64_t, int64_t> id_blocks_;                  // the first of a block, and the one behind it
  std::map<int64_t, int32_t> id_blocks_taken_;            // by whom
  int64_t next_producer_id_ = 0;
};

}  // namespace

std::unique_ptr<Checker> make_answers_are_committed(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<AnswersAreCommitted>(view, verdicts);
}

}  // namespace ksim::sim
