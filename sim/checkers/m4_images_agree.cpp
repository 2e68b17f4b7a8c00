// M4: the metadata image at an offset is the same on every node, whether built by replay from 0 or from a
// snapshot plus replay; and so is what controllers decide by, who replay the log for themselves.

#include <array>
#include <bit>

#include <fmt/format.h>

#include "core/base/hash.h"
#include "core/metadata/image.h"
#include "sim/checkers/all.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

// Content hashes of what an image holds. A field that is added to the image belongs here as well.
class Fold {
 public:
  void add(uint64_t v) { hash_ = mix64(hash_, v); }
  void add(int64_t v) { add(static_cast<uint64_t>(v)); }
  void add(int32_t v) { add(static_cast<int64_t>(v)); }
  void add(int16_t v) { add(static_cast<int64_t>(v)); }
  void add(int8_t v) { add(static_cast<int64_t>(v)); }
  void add(uint16_t v) { add(static_cast<uint64_t>(v)); }
  void add(bool v) { add(uint64_t{v}); }
  void add(double v) { add(std::bit_cast<uint64_t>(v)); }
  void add(std::string_view v) { hash_ = hash_text(v, hash_); }
  void add(const std::string& v) { add(std::string_view(v)); }
  void add(const Uuid& v) {
    add(v.high);
    add(v.low);
  }
  template <class T>
  void add(const std::optional<T>& v) {
    add(v.has_value());
    if (v) add(*v);
  }
  template <class T>
  void add(const std::vector<T>& list) {
    add(uint64_t{list.size()});
    for (const T& one : list) add(one);
  }
  template <class K, class V, class Less>
  void add(const std::map<K, V, Less>& map) {
    add(uint64_t{map.size()});
    for (const auto& [key, value] : map) {
      add(key);
      add(value);
    }
  }
  template <class A, class B>
  void add(const std::pair<A, B>& pair) {
    add(pair.first);
    add(pair.second);
  }
  void add(const VersionRange& range) {
    add(range.min);
    add(range.max);
  }
  void add(const ListenerEndpoint& listener) {
    add(listener.name);
    add(listener.host);
    add(listener.port);
    add(static_cast<int16_t>(listener.protocol));
  }
  void add(const ConfigResource& resource) {
    add(static_cast<int8_t>(resource.type));
    add(resource.name);
  }
  void add(const BrokerRegistration& broker) {
    add(broker.epoch);
    add(broker.incarnation_id);
    add(broker.listeners);
    add(broker.features);
    add(broker.rack);
    add(broker.fenced);
    add(broker.in_controlled_shutdown);
    add(broker.directories);
  }
  void add(const ControllerRegistration& controller) {
    add(controller.incarnation_id);
    add(controller.zk_migration_ready);
    add(controller.listeners);
    add(controller.features);
  }
  void add(const PartitionRegistration& partition) {
    for (const auto* list : {&partition.replicas, &partition.isr, &partition.removing_replicas,
                             &partition.adding_replicas, &partition.elr, &partition.last_known_elr}) {
      add(*list);
    }
    add(partition.directories);
    add(partition.leader);
    add(static_cast<int8_t>(partition.recovery));
    add(partition.leader_epoch);
    add(partition.partition_epoch);
  }
  void add(const AclEntry& acl) {
    add(acl.resource_type);
    add(acl.resource_name);
    add(acl.pattern_type);
    add(acl.principal);
    add(acl.host);
    add(acl.operation);
    add(acl.permission_type);
  }
  void add(const ScramCredential& scram) {
    add(scram.salt);
    add(scram.stored_key);
    add(scram.server_key);
    add(scram.iterations);
  }
  void add(const DelegationToken& token) {
    add(token.owner);
    add(token.requester);
    add(token.renewers);
    add(token.issue_timestamp_ms);
    add(token.max_timestamp_ms);
    add(token.expiration_timestamp_ms);
  }
  template <class T>
  void add(const std::shared_ptr<const T>& ref) {
    add(*ref);
  }
  uint64_t take() const { return hash_; }

 private:
  uint64_t hash_ = 0;
};

template <class... T>
uint64_t hash_of(const T&... parts) {
  Fold fold;
  (fold.add(parts), ...);
  return fold.take();
}

// A part of an image as the sum of its entries' hashes: what changed is subtracted and added again.
constexpr std::array<std::string_view, 9> kParts{"features", "brokers",     "controllers",
                                                 "topics",   "configs",     "quotas",
                                                 "acls",     "credentials", "producer ids"};
using Sums = std::array<uint64_t, kParts.size()>;

template <class K, class V>
void follow(const PersistentMap<K, V>& before, const PersistentMap<K, V>& after, uint64_t& sum) {
  PersistentMap<K, V>::differences(before, after, [&](const K& key, const V* was, const V* is) {
    if (was != nullptr) sum -= hash_of(key, *was);
    if (is != nullptr) sum += hash_of(key, *is);
  });
}

void follow_topics(const TopicsImage& before, const TopicsImage& after, uint64_t& sum) {
  static constexpr auto partitions = [](const TopicRef* topic) {
    return topic == nullptr ? PersistentMap<int32_t, PartitionRef>() : (*topic)->partitions;
  };
  using Topics = PersistentMap<Uuid, TopicRef>;
  Topics::differences(
      before.by_id, after.by_id, [&](const Uuid& id, const TopicRef* was, const TopicRef* is) {
        if (was != nullptr) sum -= hash_of(id, (*was)->id, (*was)->name);
        if (is != nullptr) sum += hash_of(id, (*is)->id, (*is)->name);
        using Partitions = PersistentMap<int32_t, PartitionRef>;
        Partitions::differences(partitions(was), partitions(is),
                                [&](int32_t index, const PartitionRef* old, const PartitionRef* now) {
                                  if (old != nullptr) sum -= hash_of(id, index, *old);
                                  if (now != nullptr) sum += hash_of(id, index, *now);
                                });
      });
  follow(before.by_name, after.by_name, sum);
}

void follow(const MetadataImage& before, const MetadataImage& after, Sums& sums) {
  sums[0] = hash_of(after.features.metadata_version, after.features.finalized);
  follow(before.cluster.brokers, after.cluster.brokers, sums[1]);
  follow(before.cluster.controllers, after.cluster.controllers, sums[2]);
  follow_topics(before.topics, after.topics, sums[3]);
  follow(before.configs.by_resource, after.configs.by_resource, sums[4]);
  follow(before.client_quotas.by_entity, after.client_quotas.by_entity, sums[5]);
  follow(before.acls, after.acls, sums[6]);
  follow(before.scram, after.scram, sums[7]);
  follow(before.tokens, after.tokens, sums[7]);
  sums[8] = hash_of(after.next_producer_id);
}

class ImagesAgree final : public Checker {
 public:
  using Checker::Checker;
  std::string_view code() const override { return "M4"; }
  std::string_view text() const override {
    return "the metadata at an offset is the same on every node, replayed or from a snapshot";
  }

  void on_event(const NodeEvent& note) override {
    read_log(note.at);
    if (const auto* p = std::get_if<MetadataPublished>(note.event)) {
      judge(note, {note.node, note.incarnation, p->epoch, p->snapshot, false, {}}, p->offset, *p->image);
    } else if (const auto* c = std::get_if<ControllerReplayed>(note.event)) {
      judge(note, {note.node, note.incarnation, c->epoch, c->snapshot, true, {}}, c->offset, *c->image);
    }
  }

 private:
  // Of a node, or of its controller.
  struct Image {
    uint32_t incarnation = 0;
    int64_t offset = -1;
    MetadataImageRef image;
    Sums sums{};
  };
  struct Known {
    int32_t node;
    uint32_t incarnation;
    int32_t epoch;
    bool snapshot;
    bool controller;
    Sums sums;
  };

  static std::string who(const Known& known) {
    if (known.node < 0) return "the log itself";
    return fmt::format("{} {} (start {}{})", known.controller ? "the controller of node" : "node", known.node,
                       known.incarnation, known.snapshot ? ", from a snapshot" : "");
  }

  // What nodes come to is held against what their log says, also where nobody else stops at that offset.
  void read_log(Instant at) {
    const std::vector<MetadataStep>& steps = view_.metadata().steps();
    for (; steps_read_ < steps.size(); ++steps_read_) {
      const MetadataStep& step = steps[steps_read_];
      const MetadataImageRef before = steps_read_ == 0 ? empty_image() : steps[steps_read_ - 1].image;
      follow(*before, *step.image, log_sums_);
      const Known log{-1, 0, step.epoch, false, false, log_sums_};
      const auto [known, fresh] = known_.try_emplace(step.offset, log);
      if (!fresh) compare(known->second, log, step.offset, at);
    }
  }

  void judge(const NodeEvent& note, Known is, int64_t offset, const MetadataImageRef& image) {
    Image& last = images_[{is.node, is.controller}];
    // A new process builds its own image, which is hashed whole.
    if (last.image == nullptr || last.incarnation != is.incarnation)
      last = {is.incarnation, -1, empty_image(), {}};
    if (offset < last.offset) {
      cry(note.at, fmt::format("node {}", is.node),
          fmt::format("{} came to the metadata at offset {} after that at {}", who(is), offset, last.offset));
    }
    follow(*last.image, *image, last.sums);
    last.image = image;
    last.offset = offset;
    is.sums = last.sums;
    const auto [known, fresh] = known_.try_emplace(offset, is);
    if (!fresh) compare(known->second, is, offset, note.at);
  }

  void compare(const Known& known, const Known& is, int64_t offset, Instant at) {
    std::string parts;
    if (known.epoch != is.epoch) parts = "the epoch";
    for (size_t i = 0; i < is.sums.size(); ++i) {
      if (known.sums[i] != is.sums[i]) parts += fmt::format("{}{}", parts.empty() ? "" : ", ", kParts[i]);
    }
    if (parts.empty()) return;
    cry(at, kMetadataLog,
        fmt::format("at offset {} {} and {} have different metadata: {}", offset, who(known), who(is),
                    parts));
  }

  size_t steps_read_ = 0;
  Sums log_sums_{};
  std::map<std::pair<int32_t, bool>, Image> images_;  // by node, and whether it is its controller's
  std::map<int64_t, Known> known_;                    // by offset, of whoever had it first
};

}  // namespace

std::unique_ptr<Checker> make_images_agree(const ClusterView& view, Verdicts& verdicts) {
  return std::make_unique<ImagesAgree>(view, verdicts);
}

}  // namespace ksim::sim
