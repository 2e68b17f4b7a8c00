// Random lives of a small cluster against the controller: brokers start, crash, stop cleanly, fall silent;
// leaders produce, shrink and expand; administrators reassign, elect and reconfigure; the controller fails
// over. Beside the controller runs a model of what each replica really holds, so that the invariants about
// data can be judged: R6 (every member of ISR and ELR holds all committed records) and R1 (a clean leader has
// them). M4 is checked on the log itself.

#include <algorithm>
#include <map>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/base/contains.h"
#include "core/metadata/test_controller.h"

namespace ksim {
namespace {

using Ids = std::vector<int32_t>;
using Log = std::vector<int>;

constexpr int32_t kBrokers = 4;

bool starts_with(const Log& log, const Log& prefix) {
  return log.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), log.begin());
}
size_t common(const Log& a, const Log& b) {
  size_t n = 0;
  while (n < a.size() && n < b.size() && a[n] == b[n]) ++n;
  return n;
}

struct Process {
  bool up = false;
  uint64_t incarnation = 0;
  int64_t clean_epoch = -1;  // what its clean-shutdown file says
};

struct Data {
  std::map<int32_t, Log> logs;
  Log committed;
};

class Cluster {
 public:
  Cluster(bool elr, uint64_t seed) : t_("", settings(elr)), elr_(elr), draws_(seed) {
    for (int32_t id = 0; id < kBrokers; ++id) restart(id);
  }

  void step() {
    const int what = any(0, 100);
    const int32_t id = any(0, kBrokers);
    if (what < 8) {
      crash(id);
    } else if (what < 20) {
      restart(id);
    } else if (what < 26) {
      shut_down(id);
    } else if (what < 32) {
      time_passes();
    } else if (what < 40) {
      if (processes_[id].up && registered(id)) static_cast<void>(t_.heartbeat(id, false, false));
    } else if (what < 44) {
      create(what % 2 == 0 ? "a" : "b");
    } else if (what < 64) {
      with_partition([&](auto&... args) { produce(args...); });
    } else if (what < 72) {
      with_partition([&](auto&... args) { fetch(args...); });
    } else if (what < 84) {
      with_partition([&](auto&... args) { alter_isr(args...); });
    } else if (what < 88) {
      with_partition([&](auto&... args) { reassign(args...); });
    } else if (what < 92) {
      with_partition([&](auto&... args) { elect(args...); });
    } else if (what < 96) {
      configure();
    } else if (what < 98) {
      t_.fail_over();
    } else {
      bool more = false;
      t_.append(t_->balance_leaders(more));
      t_.append(t_->elect_unclean_leaders(more));
    }
    follow_elections();
    check();
  }

  // M4: the same image by replay from 0 and by a snapshot anywhere plus replay.
  void check_replay() {
    const size_t batches = t_.log().size();
    const uint64_t expected = image_hash(t_.image());
    RC_ASSERT(image_hash(*t_.replayed(batches)) == expected);
    const size_t cut = static_cast<size_t>(any(1, static_cast<int>(batches) + 1));
    const RecordList snapshot = image_records(*t_.replayed(cut));
    const std::vector<Bytes> values = snapshot.values();
    auto loaded = load_snapshot({t_.log()[cut - 1].base_offset, 1, 0}, values);
    RC_ASSERT(loaded.ok());
    for (size_t i = cut; i < batches; ++i) {
      const std::vector<Bytes> rest = t_.log()[i].records.values();
      MetadataBatch batch;
      batch.base_offset = t_.log()[i].base_offset;
      batch.last_offset = batch.base_offset + static_cast<int64_t>(rest.size()) - 1;
      batch.records = rest;
      RC_ASSERT(apply_batch(*loaded, batch).ok());
    }
    RC_ASSERT(image_hash(*loaded->image) == expected);
  }

 private:
  static ControllerSettings settings(bool elr) {
    ControllerSettings settings = test_settings();
    if (!elr) settings.bootstrap_features = {{"metadata.version", int16_t{25}}};
    return settings;
  }
  // Uniform in [from, to). The number of steps shrinks, what they are follows from the seed.
  int any(int from, int to) {
    return from + static_cast<int>(draws_.below(static_cast<uint64_t>(to - from)));
  }
  bool registered(int32_t id) const {
    const BrokerRegistration* broker = t_.image().broker(id);
    return broker != nullptr && broker->incarnation_id.high == processes_.at(id).incarnation;
  }
  Data& data(const Uuid& topic, int32_t index) { return data_[{topic, index}]; }

  // ---- processes ----
  void crash(int32_t id) {
    Process& process = processes_[id];
    if (!process.up) return;
    process.up = false;
    process.clean_epoch = -1;
    // Power loss: the end of any log may be gone.
    if (any(0, 2) == 0) return;
    for (auto& entry : data_) {
      Log& log = entry.second.logs[id];
      if (!log.empty()) log.resize(static_cast<size_t>(any(0, static_cast<int>(log.size()) + 1)));
    }
  }
  void restart(int32_t id) {
    Process& process = processes_[id];
    if (process.up) return;
    if (t_.register_broker(id, process.incarnation + 1, process.clean_epoch) != ErrorCode::NONE) return;
    ++process.incarnation;
    process.up = true;
    process.clean_epoch = -1;  // the file is removed before the first append
    static_cast<void>(t_.heartbeat(id, any(0, 4) == 0, false));
  }
  void shut_down(int32_t id) {
    if (!processes_[id].up || !registered(id)) return;
    if (!t_.heartbeat(id, false, true).should_shut_down) return;
    processes_[id].up = false;
    processes_[id].clean_epoch = t_.epoch_of(id);
  }
  void time_passes() {
    t_.now = t_.now + milliseconds(any(1000, 10'000));
    for (int32_t id = 0; id < kBrokers; ++id) {
      // Now and then a living broker is not heard of either.
      if (processes_[id].up && registered(id) && any(0, 5) != 0) {
        static_cast<void>(t_.heartbeat(id, false, false));
      }
    }
    while (t_.append(t_->fence_one_stale_broker(t_.now)) > 0) {
    }
  }

  // ---- topics ----
  void create(std::string_view name) {
    if (t_.image().topic(name) != nullptr) {
      if (any(0, 4) != 0) return;
      std::vector<wire::DeleteTopicState> topics(1);
      topics[0].name = name;
      wire::DeleteTopicsRequest request;
      request.topics = topics;
      ControllerReply<wire::DeleteTopicsResponse> reply;
      t_.append(t_->delete_topics(request, t_.info(6), reply));
      return;
    }
    static_cast<void>(t_.create_topic(name, any(1, 3), static_cast<int16_t>(any(1, 4))));
  }
  template <class F>
  void with_partition(F f) {
    std::vector<std::pair<TopicRef, int32_t>> all;
    for (const auto& topic : t_.image().topics.by_id) {
      for (const auto& partition : topic.second->partitions) all.emplace_back(topic.second, partition.first);
    }
    if (all.empty()) return;
    auto& [topic, index] = all[static_cast<size_t>(any(0, static_cast<int>(all.size())))];
    const PartitionRef partition = *topic->partitions.find(index);
    f(*topic, index, *partition);
  }
  int32_t min_isr(const TopicImage& topic, const PartitionRegistration& partition) const {
    int32_t configured = 1;
    if (const auto* own =
            t_.image().configs.value(ConfigResource::topic(topic.name), "min.insync.replicas")) {
      configured = std::stoi(*own);
    } else if (const auto* cluster =
                   t_.image().configs.value(ConfigResource::cluster_default(), "min.insync.replicas")) {
      configured = std::stoi(*cluster);
    }
    return effective_min_isr(configured, partition.replicas.size());
  }

  // ---- the data plane, which always knows the newest metadata ----
  void produce(const TopicImage& topic, int32_t index, const PartitionRegistration& partition) {
    if (!partition.has_leader() || !processes_[partition.leader].up) return;
    Data& d = data(topic.id, index);
    Log& leader = d.logs[partition.leader];
    leader.push_back(++next_record_);
    const bool all_up = std::all_of(partition.isr.begin(), partition.isr.end(),
                                    [&](int32_t id) { return processes_[id].up; });
    if (!all_up) return;
    for (const int32_t id : partition.isr) d.logs[id] = leader;
    if (static_cast<int32_t>(partition.isr.size()) >= min_isr(topic, partition)) d.committed = leader;
  }
  void fetch(const TopicImage& topic, int32_t index, const PartitionRegistration& partition) {
    if (!partition.has_leader() || !processes_[partition.leader].up) return;
    Data& d = data(topic.id, index);
    const Log& leader = d.logs[partition.leader];
    for (const int32_t id : partition.replicas) {
      if (id == partition.leader || !processes_[id].up || any(0, 2) == 0) continue;
      d.logs[id] = leader;
    }
  }
  void alter_isr(const TopicImage& topic, int32_t index, const PartitionRegistration& partition) {
    if (!partition.has_leader() || !processes_[partition.leader].up) return;
    Data& d = data(topic.id, index);
    Ids isr;
    for (const int32_t id : partition.isr) {
      if (id == partition.leader || any(0, 3) != 0) isr.push_back(id);
    }
    if (any(0, 2) == 0 || partition.recovery == LeaderRecovery::recovering) {
      isr = partition.isr;
      for (const int32_t id : partition.replicas) {
        const bool caught_up = processes_[id].up && d.logs[id] == d.logs[partition.leader];
        if (!contains(isr, id) && caught_up && partition.recovery == LeaderRecovery::recovered)
          isr.push_back(id);
      }
    }
    static_cast<void>(t_.alter_isr(topic.name, index, isr));
  }

  // ---- administrators ----
  void reassign(const TopicImage& topic, int32_t index, const PartitionRegistration&) {
    if (any(0, 3) == 0) {
      static_cast<void>(t_.reassign(topic.name, index, std::nullopt));
      return;
    }
    Ids target;
    for (int32_t id = 0; id < kBrokers; ++id) {
      if (any(0, 2) == 0) target.push_back(id);
    }
    if (any(0, 2) == 0) std::reverse(target.begin(), target.end());
    static_cast<void>(t_.reassign(topic.name, index, target));
  }
  void elect(const TopicImage& topic, int32_t index, const PartitionRegistration&) {
    static_cast<void>(t_.elect(topic.name, index, any(0, 8) == 0 ? Election::unclean : Election::preferred));
  }
  void configure() {
    const std::string value = std::to_string(any(1, 4));
    switch (any(0, 4)) {
      case 0:
        static_cast<void>(t_.set_config(ConfigResourceType::topic, "a", "min.insync.replicas", value));
        break;
      case 1:
        static_cast<void>(t_.set_config(ConfigResourceType::broker, "", "min.insync.replicas", value));
        break;
      case 2:
        static_cast<void>(t_.set_config(ConfigResourceType::topic, "b", "min.insync.replicas", std::nullopt));
        break;
      default:
        static_cast<void>(t_.set_config(ConfigResourceType::topic, "b", "unclean.leader.election.enable",
                                        any(0, 3) == 0 ? "true" : "false"));
    }
  }

  // ---- judging ----
  // An unclean election may lose committed records; from then on what its leader holds is what counts.
  void follow_elections() {
    for (const ControllerNote& note : t_->take_notes()) {
      if (note.kind != ControllerNote::Kind::partition_changed) continue;
      Data& d = data(note.topic_id, note.partition);
      if (!note.unclean && !unclean_without_elr(note)) continue;
      const Log& leader = d.logs[note.state->has_leader() ? note.state->leader : note.state->isr.front()];
      d.committed.resize(common(d.committed, leader));
    }
  }
  // Without ELR the last member stays in the ISR whatever happens to its disk (rule C11), and a cancelled
  // reassignment may take the first replica for in sync (rule C34).
  bool unclean_without_elr(const ControllerNote& note) { return !elr_ && note.state->isr.size() == 1; }

  void check() {
    for (const auto& [id, topic] : t_.image().topics.by_id) {
      for (const auto& [index, partition] : topic->partitions) {
        check_shape(*topic, *partition);
        check_data(*topic, index, *partition);
        check_epochs(id, index, *partition);
      }
    }
  }
  void check_shape(const TopicImage& topic, const PartitionRegistration& p) {
    for (const Ids* ids : {&p.replicas, &p.isr, &p.elr}) {
      RC_ASSERT(std::set<int32_t>(ids->begin(), ids->end()).size() == ids->size());
    }
    for (const int32_t id : p.isr) RC_ASSERT(contains(p.replicas, id));
    for (const int32_t id : p.elr) RC_ASSERT(contains(p.replicas, id) && !contains(p.isr, id));
    RC_ASSERT(p.directories.size() == p.replicas.size());
    RC_ASSERT(!p.replicas.empty());
    RC_ASSERT(p.last_known_elr.size() <= 1);
    if (p.has_leader()) {
      RC_ASSERT(contains(p.isr, p.leader));
      RC_ASSERT(t_.image().broker_active(p.leader));
      RC_ASSERT(p.last_known_elr.empty());
    }
    if (elr_) {
      for (const int32_t id : p.isr) RC_ASSERT(t_.image().broker_active(id));
      RC_ASSERT(p.has_leader() == !p.isr.empty());
      if (static_cast<int32_t>(p.isr.size()) >= min_isr(topic, p)) RC_ASSERT(p.elr.empty());
    } else {
      RC_ASSERT(!p.isr.empty());
      RC_ASSERT(p.elr.empty());
    }
    if (p.recovery == LeaderRecovery::recovering && p.has_leader()) RC_ASSERT(p.isr.size() == 1u);
  }
  void check_data(const TopicImage& topic, int32_t index, const PartitionRegistration& p) {
    Data& d = data(topic.id, index);
    for (const Ids* members : {&p.isr, &p.elr}) {
      for (const int32_t id : *members) {
        // A process that crashed and has not come back is a member until the controller learns of it.
        if (!processes_[id].up && processes_[id].clean_epoch < 0) continue;
        if (!registered(id)) continue;
        if (!elr_ && p.isr.size() == 1) continue;
        RC_ASSERT(starts_with(d.logs[id], d.committed));
      }
    }
  }
  void check_epochs(const Uuid& topic, int32_t index, const PartitionRegistration& p) {
    auto& last = last_[{topic, index}];
    RC_ASSERT(p.leader_epoch >= last.leader_epoch);
    RC_ASSERT(p.partition_epoch >= last.partition_epoch);
    if (p.leader != last.leader && last.partition_epoch >= 0) RC_ASSERT(p.leader_epoch > last.leader_epoch);
    if (p.leader_epoch > last.leader_epoch && last.partition_epoch >= 0) {
      RC_ASSERT(p.partition_epoch > last.partition_epoch);
    }
    last = {p.leader, p.leader_epoch, p.partition_epoch};
  }

  struct Epochs {
    int32_t leader = kNoLeader;
    int32_t leader_epoch = -1;
    int32_t partition_epoch = -1;
  };
  TestController t_;
  bool elr_;
  TestDraws draws_;
  std::map<int32_t, Process> processes_;
  std::map<std::pair<Uuid, int32_t>, Data> data_;
  std::map<std::pair<Uuid, int32_t>, Epochs> last_;
  int next_record_ = 0;
};

void live(bool elr) {
  Cluster cluster(elr, *rc::gen::noShrink(rc::gen::arbitrary<uint64_t>()));
  const int steps = *rc::gen::resize(100, rc::gen::inRange(1, 300));
  for (int i = 0; i < steps; ++i) cluster.step();
  cluster.check_replay();
}

RC_GTEST_PROP(ControllerModel, InvariantsM4R1R6WithEligibleLeaderReplicas, ()) { live(true); }
RC_GTEST_PROP(ControllerModel, InvariantsM4WithoutEligibleLeaderReplicas, ()) { live(false); }

}  // namespace
}  // namespace ksim
