// M5: operations on topics take place, one after the other, where the metadata log has them. That order is
// read from the bytes of the leaders' metadata logs; what clients were told is held against it.

#include <algorithm>

#include <fmt/format.h>

#include "core/metadata/image.h"
#include "core/metadata/records.h"
#include "core/record/batch.h"
#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

using Kind = TopicCall::Kind;

// A name as it stands after the record at `offset`.
struct Version {
  int64_t offset = -1;
  Uuid id;  // zero: there is no topic
  int32_t partitions = 0;
  std::map<std::string, std::string> configs;
  std::optional<Kind> change;  // what the record did
  bool acknowledged = false;   // to one caller
  std::string key;             // configure
  bool exists() const { return !id.is_zero(); }
};

// Offsets of the metadata log: what was asked takes place at or behind `from`, and before `to`.
struct Window {
  int64_t from = 0;
  int64_t to = 0;
};

// The order of changes, from the metadata logs of the quorum's leaders.
class TopicLog {
 public:
  // Complains of what no log may say.
  std::function<void(const std::string& topic, std::string what)> complain;

  // Takes what is committed on the disk of the quorum's leader.
  void read(const ClusterView& view, int32_t leader, int64_t high_watermark) {
    const ReplicaTruth* log = view.metadata_log(leader);
    if (log == nullptr) return;
    for (size_t i = log->find(end_); i < log->batches().size(); ++i) {
      const TruthBatch& batch = log->batches()[i];
      if (batch.last_offset >= high_watermark) break;
      if (batch.base_offset < end_) continue;
      end_ = batch.last_offset + 1;
      if (batch.control) continue;
      frame_.resize(batch.size_bytes);
      const std::string path = fmt::format("{}/{:020}.log", log->directory(), batch.segment);
      if (view.disks().read(leader, path, batch.position, frame_, DiskPeek::Layer::cached) < frame_.size())
        continue;
      take(BatchView(frame_));
    }
  }

  std::vector<Version>& changes(const std::string& topic) { return topics_[topic]; }
  const std::map<std::string, std::vector<Version>>& all() const { return topics_; }

  // The state of a name after all records before `end`.
  Version state(const std::string& topic, int64_t end) const {
    const auto found = topics_.find(topic);
    if (found == topics_.end()) return {};
    const auto& versions = found->second;
    const auto next = std::partition_point(versions.begin(), versions.end(),
                                           [end](const Version& v) { return v.offset < end; });
    return next == versions.begin() ? Version{} : *std::prev(next);
  }

  // True if it was so at a moment of the window.
  template <class Holds>
  bool ever(const std::string& topic, const Window& window, Holds holds) const {
    if (holds(state(topic, window.from))) return true;
    const auto found = topics_.find(topic);
    if (found == topics_.end()) return false;
    for (const Version& version : found->second) {
      if (version.offset >= window.from && version.offset < window.to && holds(version)) return true;
    }
    return false;
  }

 private:
  void take(const BatchView& batch) {
    RecordCursor cursor{batch};
    RecordView record;
    for (;;) {
      const Result<bool> more = cursor.next(record);
      if (!more.ok() || !*more) return;
      wire::Arena arena;
      if (!record.value) continue;
      const auto decoded = decode_metadata_record(*record.value, arena);
      if (decoded.ok()) take(record.offset, *decoded);
    }
  }

  void take(int64_t offset, const MetadataRecord& record) {
    if (const auto* topic = std::get_if<wire::TopicRecord>(&record)) {
      created(offset, *topic);
    } else if (const auto* removed = std::get_if<wire::RemoveTopicRecord>(&record)) {
      const auto known = names_.find(removed->topic_id);
      if (known == names_.end() || current(known->second).id != removed->topic_id) return;
      Version gone;
      gone.change = Kind::remove;
      add(known->second, offset, std::move(gone));
    } else if (const auto* partition = std::get_if<wire::PartitionRecord>(&record)) {
      const auto known = names_.find(partition->topic_id);
      if (known == names_.end() || current(known->second).id != partition->topic_id) return;
      Version version = current(known->second);
      if (partition->partition_id != version.partitions)
        complain(known->second, fmt::format("its partition {} is created at offset {}, where it has {}",
                                            partition->partition_id, offset, version.partitions));
      version.partitions = partition->partition_id + 1;
      version.change = Kind::grow;
      add(known->second, offset, std::move(version));
    } else if (const auto* config = std::get_if<wire::ConfigRecord>(&record)) {
      if (config->resource_type != static_cast<int8_t>(ConfigResourceType::topic)) return;
      Version version = current(std::string(config->resource_name));
      version.key = std::string(config->name);
      version.change = Kind::configure;
      if (config->value) {
        version.configs[version.key] = std::string(*config->value);
      } else {
        version.configs.erase(version.key);
      }
      add(std::string(config->resource_name), offset, std::move(version));
    }
  }

  void created(int64_t offset, const wire::TopicRecord& record) {
    const std::string name(record.name);
    const Version before = current(name);
    if (before.exists()) {
      complain(name, fmt::format("it is created at offset {} as {}, and was there as {}", offset,
                                 record.topic_id.to_string(), before.id.to_string()));
    }
    const auto [known, fresh] = names_.try_emplace(record.topic_id, name);
    if (!fresh) {
      complain(name, fmt::format("it is created at offset {} with the id {} that {} had before", offset,
                                 record.topic_id.to_string(), known->second));
    }
    Version version;
    version.id = record.topic_id;
    version.change = Kind::create;
    add(name, offset, std::move(version));
  }

  Version current(const std::string& topic) const {
    const auto found = topics_.find(topic);
    return found == topics_.end() || found->second.empty() ? Version{} : found->second.back();
  }

  void add(const std::string& topic, int64_t offset, Version version) {
    version.offset = offset;
    version.acknowledged = false;
    topics_[topic].push_back(std::move(version));
  }

  int64_t end_ = 0;
  ByteBuffer frame_;
  std::map<std::string, std::vector<Version>> topics_;
  std::map<Uuid, std::string> names_;
};

// When what was committed, and whose word a controller's answer was.
class QuorumClock {
 public:
  void committed(Instant at, int64_t end) {
    if (commits_.empty() || end > commits_.back().second) commits_.emplace_back(at, end);
  }
  void elected(Instant at, int32_t epoch) { elections_.emplace_back(at, epoch); }
  void activated(Instant at, int32_t node, int32_t epoch) { reigns_.push_back({node, epoch, at, {}}); }
  void deposed(Instant at, int32_t node) {
    for (Reign& reign : reigns_) {
      if (reign.node == node && !reign.until) reign.until = at;
    }
  }

  // The end of what was committed then.
  int64_t end_at(Instant at) const {
    const auto next = std::partition_point(commits_.begin(), commits_.end(),
                                           [at](const auto& commit) { return commit.first <= at; });
    return next == commits_.begin() ? 0 : std::prev(next)->second;
  }

  // What a controller that answers within this time knows at the least. One that was replaced and has not
  // heard of it answers what it can without its log: as things were when its successor was elected.
  int64_t known_at_least(Instant invoked, Instant completed) const {
    int64_t least = end_at(invoked);
    for (const Reign& reign : reigns_) {
      if (reign.from > completed || (reign.until && *reign.until < invoked)) continue;
      for (const auto& [at, epoch] : elections_) {
        if (epoch > reign.epoch && at < invoked) least = std::min(least, end_at(at));
      }
    }
    return least;
  }

 private:
  struct Reign {
    int32_t node;
    int32_t epoch;
    Instant from;
    std::optional<Instant> until;
  };
  std::vector<std::pair<Instant, int64_t>> commits_;
  std::vector<std::pair<Instant, int32_t>> elections_;
  std::vector<Reign> reigns_;
};

class TopicCallsLinearize final : public Checker {
 public:
  TopicCallsLinearize(const ClusterView& view, Verdicts& verdicts) : Checker(view, verdicts) {
    log_.complain = [this](const std::string& topic, std::string what) { cry(now_, topic, std::move(what)); };
  }
  std::string_view code() const override { return "M5"; }
  std::string_view text() const override {
    return "operations on topics take place once, in the order of the metadata log, as clients were told";
  }

  void on_event(const NodeEvent& note) override {
    now_ = note.at;
    if (const auto* e = std::get_if<RaftHighWatermarkAdvanced>(note.event)) {
      if (note.node != leader_ || e->epoch != leader_epoch_) return;
      log_.read(view_, note.node, e->high_watermark);
      clock_.committed(note.at, e->high_watermark);
    } else if (const auto* s = std::get_if<RaftStateChanged>(note.event)) {
      if (s->state == "leader" && s->epoch >= leader_epoch_) {
        leader_ = note.node;
        leader_epoch_ = s->epoch;
        clock_.elected(note.at, s->epoch);
      } else if (leader_ == note.node && s->state != "leader") {
        leader_ = -1;
      }
    } else if (const auto* a = std::get_if<ControllerActivated>(note.event)) {
      clock_.activated(note.at, note.node, a->epoch);
    } else if (std::holds_alternative<ControllerDeactivated>(*note.event)) {
      clock_.deposed(note.at, note.node);
    } else if (const auto* p = std::get_if<MetadataPublished>(note.event)) {
      published_[note.node].push_back({note.at, p->offset + 1});
    }
  }

  void on_node(int32_t node, NodeFault fault, Instant at) override {
    if (fault == NodeFault::started) return;
    clock_.deposed(at, node);
  }

  // A broker got no answer to what it forwards, or was refused, and sends it again: the first one may be on
  // its way yet, or at work in a controller that cannot say so any more.
  void on_mark(Mark mark, int32_t node, std::string_view subject, Instant at) override {
    if (mark == Mark::controller_asked_again && subject == "forwarding") sent_again_[node].push_back(at);
  }

  void on_topic_call(const TopicCall& call) override {
    now_ = std::max(call.invoked, call.completed);
    if (call.outcome == Outcome::pending) {
      if (call.kind != Kind::look) calls_[call.topic].emplace(call.number, call);
      return;
    }
    if (call.kind == Kind::look) {
      if (call.outcome == Outcome::ok) judge_look(call);
      return;
    }
    calls_[call.topic].insert_or_assign(call.number, call);
    if (call.outcome == Outcome::ok) judge_success(call);
    if (call.outcome == Outcome::failed) judge_refusal(call);
  }

  // Nothing happens of itself.
  void at_end(Instant at) override {
    now_ = at;
    for (const auto& [topic, versions] : log_.all()) {
      const auto calls = calls_.find(topic);
      if (calls == calls_.end()) continue;  // nobody has told of it
      int64_t created_to =
          -1;  // the end of the records of a creation, which brings configuration and partitions
      for (const Version& version : versions) {
        if (version.change == Kind::create ||
            (version.change != Kind::remove && version.offset == created_to))
          created_to = version.offset + 1;
        if (version.change != Kind::create && version.offset + 1 == created_to) continue;
        if (!asked_for(calls->second, version))
          cry(at, topic,
              fmt::format("{} at offset {}, and nobody had asked", words(version), version.offset));
      }
    }
  }

 private:
  static std::string words(const Version& version) {
    switch (version.change.value_or(Kind::look)) {
      case Kind::create:
        return fmt::format("it is created as {}", version.id.to_string());
      case Kind::remove:
        return "it is deleted";
      case Kind::grow:
        return fmt::format("it has {} partitions", version.partitions);
      default:
        return fmt::format("its {} is changed", version.key);
    }
  }
  static std::string words(const TopicCall& call) {
    std::string what = fmt::format("{} of {}", to_string(call.kind), call.client);
    if (call.broker >= 0) what += fmt::format(" through broker {}", call.broker);
    if (call.kind == Kind::grow) what += fmt::format(" to {}", call.partitions);
    if (call.kind == Kind::configure)
      what += fmt::format(" {}={}", call.key, call.value.value_or("(default)"));
    return what;
  }

  // For what was written in the call, or could have been.
  Window written_in(const TopicCall& call) const {
    return {clock_.end_at(call.invoked), clock_.end_at(call.completed)};
  }

  // One who gave up has asked for good: it may be done at any later time. So may what a broker sent twice,
  // whatever the answer was. Who was refused, and that by the only answer that there can be, did not do it.
  bool asked_for(const std::map<uint64_t, TopicCall>& calls, const Version& version) const {
    return std::any_of(calls.begin(), calls.end(), [&](const auto& entry) {
      const TopicCall& call = entry.second;
      if (call.kind != version.change || version.offset < clock_.end_at(call.invoked)) return false;
      if (!as_asked(call, version)) return false;
      if (was_sent_again(call) || call.may_happen_again) return true;
      if (call.outcome == Outcome::ok) return version.offset < clock_.end_at(call.completed);
      return call.outcome != Outcome::failed;
    });
  }

  static bool as_asked(const TopicCall& call, const Version& version) {
    if (call.kind == Kind::grow) return version.partitions <= call.partitions;
    if (call.kind != Kind::configure) return true;
    const auto config = version.configs.find(call.key);
    return call.key == version.key &&
           (config == version.configs.end() ? !call.value : call.value && config->second == *call.value);
  }

  bool was_sent_again(const TopicCall& call) const {
    return std::any_of(sent_again_.begin(), sent_again_.end(), [&](const auto& entry) {
      const auto& [broker, times] = entry;
      if (call.broker >= 0 && broker != call.broker) return false;
      const auto first = std::lower_bound(times.begin(), times.end(), call.invoked);
      return first != times.end() && *first <= call.completed;
    });
  }

  // The change that an answer of success speaks of, which no other caller was told of.
  template <class Fits>
  Version* find_change(const TopicCall& call, Fits fits) {
    const Window window = written_in(call);
    for (Version& version : log_.changes(call.topic)) {
      if (version.offset < window.from || version.offset >= window.to || version.acknowledged) continue;
      if (fits(version)) return &version;
    }
    return nullptr;
  }

  static bool is_named(const Uuid& id, const TopicCall& call) { return call.id.is_zero() || id == call.id; }

  void judge_success(const TopicCall& call) {
    const auto wrong = [&](const std::string& what) {
      const Window window = written_in(call);
      cry(now_, call.topic,
          fmt::format("{} was acknowledged; {} between the offsets {} and {} of the metadata log",
                      words(call), what, window.from, window.to));
    };
    Version* change = nullptr;
    if (call.kind == Kind::create) {
      change = find_change(
          call, [&](const Version& v) { return v.change == Kind::create && is_named(v.id, call); });
      if (change == nullptr) return wrong(fmt::format("nobody creates {} for it", call.id.to_string()));
      const bool as_asked = log_.ever(call.topic, written_in(call), [&](const Version& v) {
        if (!is_named(v.id, call) || v.partitions != call.partitions) return false;
        const auto config = v.configs.find(call.key);
        return call.key.empty() || (config != v.configs.end() && config->second == call.value);
      });
      if (!as_asked) wrong("it is not what was asked for");
    } else if (call.kind == Kind::remove) {
      change = find_change(call, [&](const Version& v) {
        return v.change == Kind::remove && is_named(log_.state(call.topic, v.offset).id, call);
      });
      if (change == nullptr) return wrong(fmt::format("nobody deletes {} for it", call.id.to_string()));
    } else if (call.kind == Kind::grow) {
      change = find_change(
          call, [&](const Version& v) { return v.change == Kind::grow && v.partitions == call.partitions; });
      if (change == nullptr) return wrong("nobody creates that partition for it");
    } else {
      // Without a change where it is so already.
      const bool so = log_.ever(
          call.topic, {clock_.known_at_least(call.invoked, call.completed), written_in(call).to},
          [&](const Version& v) {
            const auto config = v.configs.find(call.key);
            return v.exists() &&
                   (config == v.configs.end() ? !call.value : call.value && config->second == *call.value);
          });
      if (!so) wrong("it is never so");
      return;
    }
    change->acknowledged = true;
  }

  void judge_refusal(const TopicCall& call) {
    const Window window{clock_.known_at_least(call.invoked, call.completed), clock_.end_at(call.completed)};
    const auto absent = [](const Version& v) { return !v.exists(); };
    const auto present = [](const Version& v) { return v.exists(); };
    const auto wrong = [&](std::string_view what) {
      cry(now_, call.topic,
          fmt::format("{} was answered with {}; {} from offset {} of the metadata log to {}", words(call),
                      to_string(call.error), what, window.from, window.to));
    };
    switch (call.error) {
      case ErrorCode::TOPIC_ALREADY_EXISTS:
        if (!log_.ever(call.topic, window, present)) wrong("there was no such topic");
        break;
      case ErrorCode::UNKNOWN_TOPIC_OR_PARTITION:
        if (!log_.ever(call.topic, window, absent)) wrong("the topic was there");
        break;
      case ErrorCode::INVALID_PARTITIONS:
        if (!log_.ever(call.topic, window, [&](const Version& v) { return v.partitions >= call.partitions; }))
          wrong("it never had as many");
        break;
      case ErrorCode::INVALID_REPLICATION_FACTOR:  // it has passed what is asked before that
        if (call.kind == Kind::create && !log_.ever(call.topic, window, absent)) wrong("the topic was there");
        if (call.kind == Kind::grow && !log_.ever(call.topic, window, present))
          wrong("there was no such topic");
        break;
      default:
        break;
    }
  }

  // A broker answers out of one image that it has published, and on one connection never out of an older one.
  void judge_look(const TopicCall& call) {
    const auto published = published_.find(call.broker);
    int64_t& floor = floors_[call.link];
    if (published != published_.end()) {
      for (const Publication& image : published->second) {
        if (image.end < floor || image.at > call.completed) continue;
        const bool fits = std::all_of(call.seen.begin(), call.seen.end(), [&](const TopicSeen& seen) {
          const Version version = log_.state(seen.name, image.end);
          return version.id == seen.id && (seen.id.is_zero() || version.partitions == seen.partitions);
        });
        if (!fits) continue;
        floor = image.end;
        return;
      }
    }
    std::string saw;
    for (const TopicSeen& seen : call.seen)
      saw += fmt::format("{}{} {}", saw.empty() ? "" : ", ", seen.name,
                         seen.id.is_zero()
                             ? "absent"
                             : fmt::format("as {} with {} partitions", seen.id.to_string(), seen.partitions));
    cry(now_, fmt::format("broker {}", call.broker),
        fmt::format(
            "{} was shown {}: that is no metadata which this broker has published, or older than what it "
            "showed on the same connection (offset {})",
            call.client, saw, floor));
  }

  struct Publication {
    Instant at;
    int64_t end;
  };
  TopicLog log_;
  QuorumClock clock_;
  Instant now_;
  int32_t leader_ = -1;
  int32_t leader_epoch_ = -1;
  std::map<std::string, std::map<uint64_t, TopicCall>> calls_;  // of names that were told of, by number
  std::map<int32_t, std::vector<Publication>> published_;       // by node
  std::map<uint64_t, int64_t> floors_;                          // by connection
  std::map<int32_t, std::vector<Instant>> sent_again_;          // when a broker forwarded something again
};

}  // namespace

std::unique_ptr<Checker> make_topic_calls_linearize(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<TopicCallsLinearize>(view, verdicts);
}

}  // namespace ksim::sim
