// Reads every partition of a topic from the start, one poll after the other, and notes what it was handed.
// Now and then it asks where the end of a partition is, and where the records of a time begin.

#include "core/client/consumer.h"

#include <algorithm>
#include <bit>
#include <deque>
#include <map>

#include "core/base/assert.h"
#include "sim/workloads/client_config.h"
#include "sim/workloads/state.h"

namespace ksim::sim {
namespace {

constexpr size_t kTimesKept = 64;

// The history names errors as the protocol does.
ErrorCode error_of(const Error& error) { return error.code; }
ErrorCode error_of(const client::ConsumerError& error) {
  switch (error.fault) {
    case client::ConsumerFault::no_offset:
      return ErrorCode::OFFSET_NOT_AVAILABLE;
    case client::ConsumerFault::offset_out_of_range:
      return ErrorCode::OFFSET_OUT_OF_RANGE;
    case client::ConsumerFault::log_truncation:
      return ErrorCode::OFFSET_OUT_OF_RANGE;
    case client::ConsumerFault::corrupt_record:
      return ErrorCode::CORRUPT_MESSAGE;
    case client::ConsumerFault::unauthorized:
      return ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    case client::ConsumerFault::wakeup:
    case client::ConsumerFault::closed:
    case client::ConsumerFault::unexpected:
      break;
  }
  return ErrorCode::UNKNOWN_SERVER_ERROR;
}

class ConsumerProcess final : public ClientProcess {
 public:
  ConsumerProcess(WorkloadState& state, const ConsumerPlan& plan, uint32_t number, Env& env)
      : ClientProcess(state),
        plan_(plan),
        number_(number),
        env_(env),
        starts_in_(state.left_of(plan.starts)),
        dice_(env.random, Stream::workload, mix64(number, 2)) {}

  void run(size_t) override {
    const auto config = consumer_config(plan_.config, state_.bootstrap);
    auto consumer = config.ok() ? client::Consumer::create(env_, *config) : fail(config.error());
    if (!consumer.ok()) {
      return state_.observer.on_violation("PLAN", state_.world.now(), plan_.name, consumer.error().message);
    }
    most_ = static_cast<size_t>(config->max_poll_records);
    const std::vector<TopicPartition> partitions = state_.partitions_of(plan_);
    for (const TopicPartition& partition : partitions) {
      // Noted before it starts: one that never does has read nothing.
      state_.observer.on_assigned({number_, plan_.name, id_of(partition),
                                   config->auto_offset_reset == client::AutoOffsetReset::latest,
                                   state_.world.now()});
    }
    env_.sleep(starts_in_);
    (*consumer)->assign(partitions);
    for (uint64_t n = 1; !state_.readers_stop && !asked_to_stop(); ++n) {
      const bool nothing = poll(**consumer, milliseconds(200)) == 0;
      look(**consumer, partitions);
      // Whoever gets nothing may be about to ask where it is: it goes elsewhere meanwhile.
      const bool restless = nothing && plan_.seek_every > 0 && dice_.below(8) == 0;
      if (plan_.seek_every > 0 && (n % plan_.seek_every == 0 || restless) && !state_.finishing)
        seek(**consumer, partitions);
      if (plan_.seek_every > 0) take_rests(**consumer, partitions);
      if (plan_.latest_every > 0 && n % plan_.latest_every == 0) ask_latest(**consumer, partitions);
      if (plan_.latest_every > 0 && n % (plan_.latest_every * 3) == 0) ask_time(**consumer, partitions);
      // In the end it only has to catch up.
      env_.sleep(state_.finishing ? std::min(plan_.interval, milliseconds(10)) : plan_.interval);
    }
    (*consumer)->close();
  }

 private:
  PartitionId id_of(const TopicPartition& partition) {
    return state_.observer.names().id(partition.topic, partition.partition);
  }

  // Makes a call that may wait for the cluster, and notes it, with the offset that its result tells of.
  template <class Call, class OffsetOf>
  auto noted(std::string_view what, std::string subject, Call call, OffsetOf offset_of) {
    RunObserver& observer = state_.observer;
    ReaderCall fact{number_, what, state_.world.now(), {}, {}, 0, most_, ErrorCode::NONE};
    const int64_t op = observer.on_call_invoked(plan_.name, what, std::move(subject), fact.invoked, number_);
    observer.on_reader_call(fact);
    auto result = call();
    fact.completed = state_.world.now();
    if (!result.ok()) {
      fact.error = result.error().message;
      fact.code = error_of(result.error());
    }
    constexpr bool kHandsOut =
        std::is_same_v<std::remove_cvref_t<decltype(*result)>, client::ConsumerRecords>;
    if constexpr (kHandsOut) fact.handed = result.ok() ? result->size() : 0;
    observer.on_reader_call(fact);
    observer.on_call_completed(op, *fact.completed, result.ok() ? Outcome::ok : Outcome::failed,
                               result.ok() ? ErrorCode::NONE : error_of(result.error()),
                               result.ok() ? offset_of(*result) : -1);
    return result;
  }

  // How many records it was handed.
  size_t poll(client::Consumer& consumer, Duration timeout) {
    const auto records = noted(
        "poll", plan_.topic, [&] { return consumer.poll(timeout); }, [](const auto&) { return -1; });
    // What was returned was taken all at once, so the positions were set before.
    note_jumps(consumer);
    if (!records.ok()) return 0;
    for (const client::ConsumerRecord& record : *records) {
      Consumed fact;
      fact.consumer = number_;
      fact.partition = state_.observer.names().id(record.topic, record.partition);
      fact.offset = record.offset;
      fact.leader_epoch = record.leader_epoch.value_or(-1);
      if (record.value && record.value->size() >= sizeof(RecordId))
        fact.record = load_be<uint64_t>(record.value->data());
      fact.content_hash = content_hash(record.key, record.value, record.headers);
      fact.timestamp_ms = record.timestamp_ms;
      fact.at = state_.world.now();
      state_.observer.on_consumed(fact);
      if (fact.timestamp_ms >= 0) {
        if (times_.size() == kTimesKept) times_.pop_front();
        times_.push_back(fact.timestamp_ms);
      }
      state_.positions[{number_, fact.partition}] = {record.offset + 1, fact.leader_epoch};
      ++state_.records_read;
    }
    return records->size();
  }

  // To a place that it has been at, or to one of the ends.
  void seek(client::Consumer& consumer, const std::vector<TopicPartition>& partitions) {
    note_jumps(consumer);
    const TopicPartition& partition = partitions[dice_.below(partitions.size())];
    const PartitionId id = id_of(partition);
    const auto was = state_.positions.find({number_, id});
    if (was == state_.positions.end()) return;  // it has not begun there
    if (const auto rest = rests_.find(partition); rest != rests_.end() && rest->second.given_up) return;
    // Back by a little as often as by much: what is far back was read by others, and takes its time.
    const auto most = static_cast<uint64_t>(was->second.next);
    const uint64_t reach = most >> dice_.below(static_cast<uint64_t>(std::bit_width(most)) + 1);
    const uint64_t where = dice_.below(8);
    if (where >= 2)
      return go_to(consumer, partition, was->second.next - static_cast<int64_t>(dice_.below(1 + reach)));
    const SeekTo end = where == 0 ? SeekTo::beginning : SeekTo::end;
    if (dice_.below(3) == 0) {  // it changes its mind while the other one is looked up
      go_to_an_end(consumer, partition, end == SeekTo::end ? SeekTo::beginning : SeekTo::end);
      poll(consumer, microseconds(static_cast<int64_t>(dice_.below(1500))));
    }
    go_to_an_end(consumer, partition, end);
  }

  void go_to(client::Consumer& consumer, const TopicPartition& partition, int64_t offset,
             std::optional<int32_t> epoch = std::nullopt) {
    const PartitionId id = id_of(partition);
    places_[id].seeking = Seek{false, state_.world.now()};
    state_.observer.on_seek({number_, id, SeekTo::place, offset, state_.world.now()});
    const Result<void> done = consumer.seek(partition, offset, epoch);
    ENSURE(done.ok());
    note_jumps(consumer);
  }

  // It is looked up by later polls.
  void go_to_an_end(client::Consumer& consumer, const TopicPartition& partition, SeekTo end) {
    const PartitionId id = id_of(partition);
    places_[id].seeking = Seek{true, state_.world.now()};
    state_.observer.on_seek({number_, id, end, -1, state_.world.now()});
    const Result<void> done = end == SeekTo::beginning ? consumer.seek_to_beginning({partition})
                                                       : consumer.seek_to_end({partition});
    ENSURE(done.ok());
  }

  // A partition is paused for some polls, or given up and assigned again later, where it was.
  void take_rests(client::Consumer& consumer, const std::vector<TopicPartition>& partitions) {
    for (auto rest = rests_.begin(); rest != rests_.end();) {
      if (rest->second.polls_left-- > 0 && !state_.finishing) {
        ++rest;
        continue;
      }
      const TopicPartition partition = rest->first;
      const bool given_up = rest->second.given_up;
      rest = rests_.erase(rest);
      go_on(consumer, partitions, partition, given_up);
    }
    if (state_.finishing || dice_.below(10) > 0) return;
    const TopicPartition& partition = partitions[dice_.below(partitions.size())];
    if (rests_.contains(partition) || !state_.positions.contains({number_, id_of(partition)})) return;
    note_jumps(consumer);
    const bool given_up = dice_.below(2) == 0;
    rests_[partition] = {dice_.below(12), given_up};
    if (given_up)
      consumer.assign(without_given_up(partitions));
    else
      consumer.pause({partition});
    state_.observer.on_reader_rest({number_, id_of(partition), true});
  }

  std::vector<TopicPartition> without_given_up(std::vector<TopicPartition> partitions) const {
    std::erase_if(partitions, [this](const TopicPartition& partition) {
      const auto rest = rests_.find(partition);
      return rest != rests_.end() && rest->second.given_up;
    });
    return partitions;
  }

  void go_on(client::Consumer& consumer, const std::vector<TopicPartition>& partitions,
             const TopicPartition& partition, bool given_up) {
    const PartitionId id = id_of(partition);
    state_.observer.on_reader_rest({number_, id, false});
    if (!given_up) return consumer.resume({partition});
    consumer.assign(without_given_up(partitions));
    const auto& [next, epoch] = state_.positions[{number_, id}];
    places_[id] = {};
    go_to(consumer, partition, next, epoch < 0 ? std::nullopt : std::optional(epoch));
  }

  // Positions that were set, not advanced: the first ones by policy, later ones because records were gone.
  void note_jumps(const client::Consumer& consumer) {
    for (const auto* const entry : consumer.positions()) {
      const auto& [partition, position] = *entry;
      const PartitionId id = id_of(partition);
      auto& [known, seek] = places_[id];
      if (position.jumps() == known) continue;
      PositionSet set{number_, id, position.jumped_to(),
                      seek         ? "seek"
                      : known == 0 ? "assigned"
                                   : "reset",
                      state_.world.now()};
      if (seek && seek->to_end) set.sought = seek->at;
      set.jumps = position.jumps() - known;
      state_.observer.on_position(set);
      state_.positions[{number_, id}] = {position.jumped_to(), -1};
      known = position.jumps();
      seek.reset();
    }
  }

  void look(const client::Consumer& consumer, const std::vector<TopicPartition>& partitions) {
    if (consumer.metadata().epochs_version() == epochs_seen_) return;
    epochs_seen_ = consumer.metadata().epochs_version();
    for (const TopicPartition& partition : partitions) {
      const auto epoch = consumer.metadata().last_seen_epoch(partition);
      if (epoch) beliefs_.look(partition.topic, partition.partition, *epoch);
    }
  }

  void ask_latest(client::Consumer& consumer, const std::vector<TopicPartition>& partitions) {
    const TopicPartition& partition = partitions[dice_.below(partitions.size())];
    const Instant asked = state_.world.now();
    const auto ends = noted(
        "list_offsets", to_string({partition.topic, partition.partition}),
        [&] { return consumer.end_offsets({partition}, env_.after(seconds(5))); },
        [&](const auto& found) {
          const auto end = found.find(partition);
          return end == found.end() ? -1 : end->second;
        });
    if (!ends.ok()) return;
    const auto end = ends->find(partition);
    if (end == ends->end()) return;
    state_.observer.on_latest({number_, id_of(partition), end->second, asked, state_.world.now()});
  }

  // A time between the run's beginning and now, or one that a record of these bears.
  void ask_time(client::Consumer& consumer, const std::vector<TopicPartition>& partitions) {
    const TopicPartition& partition = partitions[dice_.below(partitions.size())];
    const Instant asked = state_.world.now();
    TimeLookup lookup;
    lookup.client = number_;
    lookup.partition = id_of(partition);
    lookup.target_ms = !times_.empty() && dice_.below(2) == 0
                           ? times_[dice_.below(times_.size())]
                           : env_.clock.wall().ms() -
                                 static_cast<int64_t>(dice_.below(1 + static_cast<uint64_t>(asked.ms())));
    lookup.invoked = asked;
    state_.observer.on_time_lookup(lookup);
    const auto found = noted(
        "offsets_for_times", to_string({partition.topic, partition.partition}),
        [&] {
          return consumer.offsets_for_times({{partition, lookup.target_ms}}, env_.after(seconds(5)));
        },
        [&](const auto& answers) {
          const auto answer = answers.find(partition);
          return answer == answers.end() ? -1 : answer->second.offset;
        });
    if (!found.ok()) return;
    const auto answer = found->find(partition);
    if (answer == found->end()) return;
    lookup.completed = state_.world.now();
    lookup.offset = answer->second.offset;
    lookup.timestamp_ms = answer->second.timestamp_ms;
    state_.observer.on_time_lookup(lookup);
  }

  const ConsumerPlan& plan_;
  uint32_t number_;
  Env& env_;
  Duration starts_in_;
  size_t most_ = 0;  // records that a poll may hand out
  Dice dice_;
  struct Seek {
    bool to_end;  // one of the two
    Instant at;
  };
  struct Place {
    uint64_t jumps = 0;
    std::optional<Seek> seeking;  // it was asked to, and has not jumped yet
  };
  std::map<PartitionId, Place> places_;
  struct Rest {
    uint64_t polls_left;
    bool given_up;  // not only paused
  };
  std::map<TopicPartition, Rest> rests_;
  std::deque<int64_t> times_;  // of the records that it was handed last
  uint64_t epochs_seen_ = 0;
  BeliefWatch beliefs_{state_, 1'000'000 + number_};
};

}  // namespace

ProcessFactory consumer_process(WorkloadState& state, const ConsumerPlan& plan) {
  return [&state, &plan](const std::vector<Env*>& shards) {
    return std::make_unique<ConsumerProcess>(state, plan, state.new_reader(plan.name), *shards[0]);
  };
}

}  // namespace ksim::sim
