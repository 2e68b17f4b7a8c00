// K1: a reader begins where its policy says; per consumer and partition the position neither skips a record
// nor steps back without a seek or reset; at the end each reader was handed every record that is committed
// then, from where it began.

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "sim/checkers/all.h"
#include "sim/checkers/early_leaders.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

class PositionIsContinuous final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "K1"; }
  std::string_view text() const override {
    return "a consumer begins where its policy says, its position neither skips a record nor steps back "
           "without a seek or reset, and it is handed "
           "every record";
  }

  void on_event(const NodeEvent& note) override { early_.on_event(note); }
  void on_assigned(const ReaderAssigned& assigned) override {
    assigned_.try_emplace({assigned.consumer, assigned.partition}, Assigned{assigned.from_end, -1, {}});
  }
  // Its first poll follows at once upon its assignment: from then on it asks where to begin.
  void on_reader_call(const ReaderCall& call) override {
    if (!polled_.insert(call.consumer).second) return;
    for (auto& [who, assigned] : assigned_) {
      const PartitionTruth* truth = who.first == call.consumer ? view_.partition(who.second) : nullptr;
      if (truth == nullptr) continue;
      assigned.end = truth->committed_end();
      assigned.at = call.invoked;
    }
  }

  void on_reader_gone(uint32_t consumer) override {
    const auto of_it = [consumer](const auto& entry) { return entry.first.first == consumer; };
    std::erase_if(assigned_, of_it);
    std::erase_if(readers_, of_it);
  }

  // Nothing but a seek of the application needs no reason. A reset follows from OFFSET_OUT_OF_RANGE or from a
  // truncation, and these are true only where records are gone.
  void on_position(const PositionSet& set) override {
    const auto [it, fresh] = readers_.try_emplace({set.consumer, set.partition});
    Reader& reader = it->second;
    const int64_t before = reader.next;
    const Instant since = reader.since;
    const int32_t epoch = reader.epoch;
    learn(reader, set, fresh);
    reader.next = set.offset;
    if (fresh) {
      reader.from = set.offset;
      early_.judge(set.partition, [this, set] { judge_first(set); });
    }
    const PartitionTruth* truth = view_.partition(set.partition);
    came_on(reader, truth, set.offset);
    if (set.reason == "seek") {
      reader.skipped.push_back({before, set.offset, kAnyEpoch});
      reader.sought = set.offset;
    }
    if (fresh || set.reason != "reset" || set.offset == before) return;
    early_.judge(set.partition,
                 [this, set, before, since, epoch] { judge_reset(set, before, since, epoch); });
  }

  void on_consumed(const Consumed& record) override {
    const auto [it, fresh] = readers_.try_emplace({record.consumer, record.partition});
    Reader& reader = it->second;
    if (fresh) reader.from = reader.next = record.offset;
    came_on(reader, view_.partition(record.partition), record.offset);
    const int64_t expected = reader.next;
    reader.next = record.offset + 1;
    reader.since = record.at;
    reader.epoch = record.leader_epoch;
    reader.handed.push_back({record.offset, record.record, record.leader_epoch});
    if (fresh || record.offset == expected) return;
    const std::string subject = to_string(view_.names().name(record.partition));
    if (record.offset < expected) {
      cry(record.at, subject,
          fmt::format("consumer {} was at {} and was handed offset {}", record.consumer, expected,
                      record.offset),
          record.record, record.offset);
      return;
    }
    const PartitionTruth* truth = view_.partition(record.partition);
    if (truth == nullptr) return;
    for (int64_t offset = std::max(expected, truth->first_kept()); offset < record.offset; ++offset) {
      const TruthRecord* skipped = truth->committed_record(offset);
      if (skipped == nullptr || skipped->id == 0) continue;
      cry(record.at, subject,
          fmt::format("consumer {} went from {} to {} and skipped record {:016x} at offset {}",
                      record.consumer, expected, record.offset, skipped->id, offset),
          skipped->id, offset);
      return;
    }
  }

  // Neighbours say nothing of a reader that stays where it is while the log before it becomes another: what
  // took the place of records that an election took away is missed.
  void at_end(Instant at) override {
    early_.at_end();
    for (auto& [who, reader] : readers_) {
      if (!assigned_.contains(who)) continue;
      std::sort(reader.handed.begin(), reader.handed.end());
      came_on(reader, view_.partition(who.second), reader.next);
      judge_whole(who.first, who.second, reader, at);
    }
  }

 private:
  static constexpr int32_t kAnyEpoch = std::numeric_limits<int32_t>::max();
  // Offsets that a reader has left out for a reason: it was asked to, or they were deleted, in the log that
  // counted then. An unclean election may bring back a log that has them still: what is of a later epoch
  // than the reader had come to know, it hears of.
  struct Skipped {
    int64_t from = 0;
    int64_t to = 0;
    int32_t epoch = kAnyEpoch;
    bool has(int64_t offset) const { return from <= offset && offset < to; }
  };
  struct Place {
    int64_t offset = 0;
    int32_t epoch = -1;
  };
  struct Handed {
    int64_t offset;
    RecordId record;
    int32_t epoch;
    auto operator<=>(const Handed&) const = default;
  };
  struct Reader {
    int64_t from = 0;  // where it began
    int64_t next = 0;
    Instant since;       // when it came there
    int32_t epoch = -1;  // who told it of the place led in this one or a later one; -1: nobody knows
    std::vector<Handed> handed;
    std::vector<Skipped> skipped;
    std::optional<int64_t> sought;  // and nothing has been handed there yet
    std::vector<Place> places;      // to which it was reset, forward; one of its epochs is right
  };

  struct Assigned {
    bool from_end = false;
    int64_t end = -1;  // what was committed when it began to ask
    Instant at;
  };

  // Since when it knows of the place where it is, and from whom. A leader that was replaced and has not heard
  // of it may have told it. An application that seeks goes to a place that it knows.
  void learn(Reader& reader, const PositionSet& set, bool fresh) const {
    if (set.reason == "seek" && !set.sought && !fresh) return;
    Instant asked = set.sought.value_or(reader.since);
    if (fresh) {
      const auto assigned = assigned_.find({set.consumer, set.partition});
      asked = assigned == assigned_.end() ? set.at : assigned->second.at;
    }
    reader.epoch = view_.oldest_epoch(set.partition, asked, set.at);
    reader.since = set.at;
  }

  // A place that the application seeks has no epoch: until a record is handed there the reader cannot hear
  // what became of the log in front of it. So it may leave out as well what took the place of lost records
  // that it had read.
  static void came_on(Reader& reader, const PartitionTruth* truth, int64_t offset) {
    const std::optional<int64_t> sought = std::exchange(reader.sought, std::nullopt);
    if (!sought || truth == nullptr || (truth->unclean.empty() && truth->destroyed.empty())) return;
    reader.skipped.push_back({0, std::min(*sought, offset), kAnyEpoch});
  }

  // The epoch that comes with a place: that of the record there, or at the end that of the leader who tells
  // of it. One that was replaced may have told it, since the reader came to the place before: what it had
  // there, nobody knows any more. Ascending.
  static std::vector<int32_t> epochs_at(const PartitionTruth& truth, int64_t offset, Instant since,
                                        Instant at) {
    const int32_t leader_epoch = truth.claim.leader_epoch;
    const size_t there = truth.find_committed(offset);
    std::set<int32_t> epochs = {there < truth.committed.size() ? truth.committed[there].leader_epoch
                                                               : leader_epoch};
    for (const Reign& reign : truth.reigns) {
      if (reign.leader_epoch != leader_epoch && reign.from <= at && (!reign.until || *reign.until >= since))
        epochs.insert(reign.leader_epoch);
    }
    return {epochs.begin(), epochs.end()};
  }

  void judge_reset(const PositionSet& set, int64_t before, Instant since, int32_t epoch) {
    const PartitionTruth* truth = view_.partition(set.partition);
    // On purpose. It may be undone by now: who is told that its position is gone may wait long for a leader
    // that says where to go on.
    const int64_t kept = truth == nullptr ? 0 : truth->first_kept_since(since);
    const bool deleted = before < kept;
    const bool gone =
        view_.may_be_gone(set.partition, std::min(before - 1, set.offset), before, since, epoch);
    if (!deleted && !gone) {
      cry(set.at, to_string(view_.names().name(set.partition)),
          fmt::format("consumer {} was at {} and was reset to {}, though no record is gone", set.consumer,
                      before, set.offset));
      return;
    }
    const auto assigned = assigned_.find({set.consumer, set.partition});
    const bool to_the_end = assigned != assigned_.end() && assigned->second.from_end;
    // To the end, by its policy: over all that took the place of what is gone as well.
    const int64_t from = to_the_end && !deleted ? 0 : before;
    if (set.offset <= from) return;
    // A leader that was replaced and has not heard of it may have deleted more than is deleted now.
    const int64_t to = gone || to_the_end ? set.offset : std::min(set.offset, kept);
    const auto reader = readers_.find({set.consumer, set.partition});
    if (reader == readers_.end()) return;  // it has died meanwhile
    const std::vector<int32_t> known = epochs_at(*truth, set.offset, since, set.at);
    for (const int32_t one : known) reader->second.places.push_back({set.offset, one});
    reader->second.skipped.push_back({from, to, deleted && !to_the_end ? known.back() : kAnyEpoch});
  }

  void judge_first(const PositionSet& set) {
    const auto found = assigned_.find({set.consumer, set.partition});
    const PartitionTruth* truth = view_.partition(set.partition);
    if (found == assigned_.end() || truth == nullptr || set.reason != "assigned") return;
    const Assigned& assigned = found->second;
    const std::string subject = to_string(view_.names().name(set.partition));
    if (!assigned.from_end) {
      if (view_.may_begin_at(set.partition, set.offset, assigned.at, set.at)) return;
      cry(set.at, subject,
          fmt::format("consumer {} was to begin with the first record and began at {}, though {} is kept",
                      set.consumer, set.offset, truth->first_kept()));
      return;
    }
    if (view_.may_end_at(set.partition, set.offset, assigned.end, assigned.at, set.at)) return;
    cry(set.at, subject,
        fmt::format(
            "consumer {} was to begin at the end and began at {}, though {} was committed when it asked",
            set.consumer, set.offset, assigned.end));
  }

  // An unclean election may bring back a log of an earlier epoch than that of the last record which a reader
  // was handed. It asks how far that epoch is good, is told the end of an earlier one, and knows of nothing
  // below that (KIP-320): neither there nor further down, where it was handed something else long before, or
  // went over what was deleted.
  static bool cannot_hear_of(const PartitionTruth& truth, const Reader& reader, int64_t offset,
                             int32_t epoch) {
    const Handed from{offset, 0, std::numeric_limits<int32_t>::min()};
    auto handed = std::lower_bound(reader.handed.begin(), reader.handed.end(), from);
    const bool went_over = std::any_of(reader.skipped.begin(), reader.skipped.end(),
                                       [offset](const Skipped& range) { return range.has(offset); });
    const bool in_its_place = handed != reader.handed.end() && handed->offset == offset;
    if (!in_its_place && !went_over) return false;
    const auto taken_away = [&](int32_t known) {
      return known > epoch &&
             std::any_of(truth.unclean.begin(), truth.unclean.end(),
                         [&](const UncleanElection& unclean) { return unclean.leader_epoch > known; });
    };
    return std::any_of(handed, reader.handed.end(),
                       [&](const Handed& later) {
                         if (!taken_away(later.epoch)) return false;
                         const TruthRecord* there = truth.committed_record(later.offset);
                         return there == nullptr || there->id != later.record;
                       }) ||
           std::any_of(reader.places.begin(), reader.places.end(),
                       [&](const Place& place) { return place.offset > offset && taken_away(place.epoch); });
  }

  void judge_whole(uint32_t consumer, PartitionId id, const Reader& reader, Instant at) {
    const PartitionTruth* truth = view_.partition(id);
    if (truth == nullptr) return;
    const int64_t from = std::max(reader.from, truth->first_kept());
    // Where nobody leads, nobody tells it how far the epoch of its last record is good. It would go back
    // there.
    const int64_t to =
        view_.offline_permitted(id) ? std::min(reader.next, truth->end_of_epoch(reader.epoch)) : reader.next;
    const auto in_skipped = [&](int64_t offset, int32_t epoch) {
      return std::any_of(reader.skipped.begin(), reader.skipped.end(),
                         [&](const Skipped& range) { return range.has(offset) && epoch <= range.epoch; });
    };
    for (size_t i = truth->find_committed(from); i < truth->committed.size(); ++i) {
      const std::vector<TruthRecord>* records = truth->contents.find(truth->committed[i]);
      if (records == nullptr) continue;
      for (const TruthRecord& record : *records) {
        // What is beyond its position, L misses.
        if (record.id == 0 || record.offset < from || record.offset >= to) continue;
        const Handed wanted{record.offset, record.id, std::numeric_limits<int32_t>::min()};
        const auto handed = std::lower_bound(reader.handed.begin(), reader.handed.end(), wanted);
        if (handed != reader.handed.end() && handed->offset == record.offset && handed->record == record.id)
          continue;
        if (in_skipped(record.offset, truth->committed[i].leader_epoch)) continue;
        if (cannot_hear_of(*truth, reader, record.offset, truth->committed[i].leader_epoch)) continue;
        cry(at, to_string(view_.names().name(id)),
            fmt::format(
                "consumer {} began at {} and came to {}, but was never handed record {:016x} at offset {}",
                consumer, reader.from, reader.next, record.id, record.offset),
            record.id, record.offset);
        return;
      }
    }
  }

  using Who = std::pair<uint32_t, PartitionId>;
  std::map<Who, Reader> readers_;
  std::map<Who, Assigned> assigned_;  // a raw driver reads here and there, and is not
  std::set<uint32_t> polled_;
  EarlyLeaders early_{view_};
};

}  // namespace

std::unique_ptr<Checker> make_position_is_continuous(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<PositionIsContinuous>(view, verdicts);
}

}  // namespace ksim::sim
