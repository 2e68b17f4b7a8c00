#include "sim/checkers/m6_images.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "core/base/contains.h"
#include "sim/truth/cluster_view.h"

namespace ksim::sim {
namespace {

std::string rack_of(const BrokerRegistration& broker) { return broker.rack.value_or(""); }

std::string_view what_is(const BrokerRegistration* broker) {
  if (broker == nullptr) return "not registered";
  if (broker->fenced) return "fenced";
  return broker->in_controlled_shutdown ? "shutting down" : "without the directory of its replica";
}

constexpr std::string_view kMinimum = "min.insync.replicas";

std::optional<std::string> minimum_in(const ConfigMapRef* config) {
  if (config == nullptr) return std::nullopt;
  const auto found = (*config)->find(std::string(kMinimum));
  return found == (*config)->end() ? std::nullopt : std::optional(found->second);
}

std::string name_of(const TopicImage& topic, int32_t index) {
  return fmt::format("{}-{}", topic.name, index);
}

}  // namespace

std::vector<ImageRules::Wrong> ImageRules::take(int32_t node, const MetadataImageRef& image) {
  wrong_.clear();
  if (now_ != nullptr && image->provenance.last_offset <= now_->provenance.last_offset) return {};
  before_ = std::exchange(now_, image);
  // Whatever was lost of the quorum's log, it goes on from something else now.
  if (before_ == nullptr || image->provenance.last_epoch < before_->provenance.last_epoch)
    before_ = empty_image();
  bool somebody_left = false;
  std::vector<int32_t> lose_directories;  // and go on
  PersistentMap<int32_t, BrokerRef>::differences(
      before_->cluster.brokers, image->cluster.brokers,
      [&](int32_t id, const BrokerRef* was, const BrokerRef* is) {
        if (was != nullptr && is != nullptr && (*was)->epoch == (*is)->epoch && (*is)->active() &&
            (*is)->directories.size() < (*was)->directories.size())
          lose_directories.push_back(id);
        somebody_left =
            somebody_left || (was != nullptr && (*was)->active() && (is == nullptr || !(*is)->active()));
      });
  if (somebody_left) {
    for (const auto& [id, topic] : image->topics.by_id) {
      for (const auto& [index, partition] : topic->partitions) leads(*topic, index, *partition);
    }
  }
  PersistentMap<Uuid, TopicRef>::differences(
      before_->topics.by_id, image->topics.by_id, [&](const Uuid&, const TopicRef* was, const TopicRef* is) {
        if (is == nullptr) return;
        const PersistentMap<int32_t, PartitionRef> none;
        PersistentMap<int32_t, PartitionRef>::differences(
            was == nullptr ? none : (*was)->partitions, (*is)->partitions,
            [&](int32_t index, const PartitionRef* before, const PartitionRef* partition) {
              if (partition == nullptr) return;
              if (!somebody_left) leads(**is, index, **partition);
              if (before == nullptr || !one_decision(node)) return;
              keeps_eligible(**is, index, **before, **partition);
              for (const int32_t id : lose_directories) stays_in_isr(id, **is, index, **before, **partition);
            });
        if (!before_->empty()) created(node, **is, was == nullptr ? nullptr : was->get());
      });
  if (before_->features.elr_enabled()) eligible_are_cleared(node);
  return std::exchange(wrong_, {});
}

// What takes a broker away and what elects another one is one batch (rules C15, C17).
void ImageRules::leads(const TopicImage& topic, int32_t index, const PartitionRegistration& partition) {
  const auto may_lead = [&](int32_t id) {
    return now_->broker_active(id) && now_->broker(id)->has_online_directory(partition.directory_of(id));
  };
  // Rule C28: the last member stays, and leads nothing.
  for (const int32_t member : partition.isr) {
    if (may_lead(member) || (partition.isr.size() == 1 && !partition.has_leader())) continue;
    wrong_.push_back(
        {name_of(topic, index), fmt::format("broker {} is in its ISR [{}] at offset {}, and is {}", member,
                                            fmt::join(partition.isr, ","), now_->provenance.last_offset,
                                            what_is(now_->broker(member)))});
  }
  if (!partition.has_leader()) return;
  if (may_lead(partition.leader)) return;
  wrong_.push_back({name_of(topic, index),
                    fmt::format("broker {} leads it in epoch {} at offset {}, and is {}", partition.leader,
                                partition.leader_epoch, now_->provenance.last_offset,
                                what_is(now_->broker(partition.leader)))});
}

// The least that may be in force for it. Where nobody has set one, that of the nodes' own configuration.
int32_t ImageRules::minimum_of(const TopicImage& topic, size_t replicas) const {
  const auto& configs = now_->configs.by_resource;
  std::optional<std::string> set = minimum_in(configs.find(ConfigResource::topic(topic.name)));
  if (!set) set = minimum_in(configs.find(ConfigResource::cluster_default()));
  const int32_t minimum = set ? std::stoi(*set) : view_.promise_of(topic.name).min_insync;
  return std::min(minimum, static_cast<int32_t>(replicas));
}

// Rule C29: who leaves an ISR that is too small has all that is committed, and stays eligible until it comes
// back without order, or an unclean election makes what it has void.
void ImageRules::keeps_eligible(const TopicImage& topic, int32_t index, const PartitionRegistration& before,
                                const PartitionRegistration& now) {
  const bool kept = before_->features.elr_enabled() && now_->features.elr_enabled();
  if (!kept || now.partition_epoch != before.partition_epoch + 1) return;
  for (const ConfigResource& set : {ConfigResource::topic(topic.name), ConfigResource::cluster_default()}) {
    if (minimum_in(before_->configs.by_resource.find(set)) != minimum_in(now_->configs.by_resource.find(set)))
      return;  // rule C30
  }
  if (static_cast<int32_t>(now.isr.size()) >= minimum_of(topic, now.replicas.size())) return;
  const bool elects = now.has_leader() && now.leader != before.leader;
  if (elects && !contains(before.isr, now.leader) && !contains(before.elr, now.leader)) return;
  for (const auto* members : {&before.isr, &before.elr}) {
    for (const int32_t member : *members) {
      if (contains(now.isr, member) || contains(now.elr, member) || !now.is_replica(member)) continue;
      const BrokerRegistration* was = before_->broker(member);
      const BrokerRegistration* is = now_->broker(member);
      if (was == nullptr || is == nullptr || was->epoch != is->epoch) continue;
      wrong_.push_back(
          {name_of(topic, index),
           fmt::format(
               "broker {} has all that is committed, and is not eligible any more at offset {} (ISR [{}] to "
               "[{}], ELR [{}] to [{}], at least {} are to be in sync)",
               member, now_->provenance.last_offset, fmt::join(before.isr, ","), fmt::join(now.isr, ","),
               fmt::join(before.elr, ","), fmt::join(now.elr, ","), minimum_of(topic, now.replicas.size()))});
    }
  }
}

// Rule C30. Replicas are eligible for having all that was committed, under the minimum that was in force.
void ImageRules::eligible_are_cleared(int32_t node) {
  PersistentMap<ConfigResource, ConfigMapRef>::differences(
      before_->configs.by_resource, now_->configs.by_resource,
      [&](const ConfigResource& resource, const ConfigMapRef* was, const ConfigMapRef* is) {
        if (minimum_in(was) == minimum_in(is) || !one_decision(node)) return;
        // The first minimum of the cluster is what all nodes have as it is.
        const bool all = resource == ConfigResource::cluster_default() && minimum_in(was);
        for (const auto& [id, topic] : now_->topics.by_id) {
          const bool own = resource == ConfigResource::topic(topic->name);
          if (all || own) no_eligible(*topic, own ? "its" : "the cluster's");
        }
      });
}

void ImageRules::no_eligible(const TopicImage& topic, std::string_view whose_minimum) {
  for (const auto& [index, partition] : topic.partitions) {
    if (partition->elr.empty()) continue;
    wrong_.push_back(
        {name_of(topic, index),
         fmt::format("{} min.insync.replicas was altered at offset {}, and [{}] are eligible still",
                     whose_minimum, now_->provenance.last_offset, fmt::join(partition->elr, ","))});
  }
}

// KIP-858: with a directory go the replicas that are in it.
void ImageRules::stays_in_isr(int32_t id, const TopicImage& topic, int32_t index,
                              const PartitionRegistration& before, const PartitionRegistration& now) {
  if (!contains(before.isr, id) || contains(now.isr, id)) return;
  if (!now_->broker(id)->has_online_directory(now.directory_of(id))) return;
  wrong_.push_back(
      {name_of(topic, index),
       fmt::format("broker {} left its ISR at offset {} with a directory that its replica is not in", id,
                   now_->provenance.last_offset)});
}

bool ImageRules::one_decision(int32_t node) const {
  const ReplicaTruth* log = view_.metadata_log(node);
  if (log == nullptr) return false;
  const size_t next = log->find(before_->provenance.last_offset + 1);
  return next > 0 && next < log->batches().size() &&
         log->batches()[next - 1].leader_epoch == before_->provenance.last_epoch &&
         log->batches()[next].base_offset == before_->provenance.last_offset + 1 &&
         log->batches()[next].last_offset == now_->provenance.last_offset;
}

// Rules C39 to C41.
void ImageRules::created(int32_t node, const TopicImage& topic, const TopicImage* before) {
  size_t wanted = topic.partitions.empty() ? 0 : topic.partitions.begin()->second->replicas.size();
  if (before == nullptr) {
    if (const auto asked = view_.replication_of(topic.name); asked && *asked > 0)
      wanted = static_cast<size_t>(*asked);
  } else if (topic.partitions.size() == before->partitions.size()) {
    return;
  }
  const bool exact = one_decision(node);
  const bool by_hand = view_.placed_by_hand(topic.name);
  for (const auto& [index, partition] : topic.partitions) {
    if (before != nullptr && before->partition(index) != nullptr) continue;
    std::string what = misplaced(topic, *partition, wanted);
    if (what.empty() && exact && !by_hand) what = uneven(*partition);
    if (what.empty()) continue;
    wrong_.push_back(
        {name_of(topic, index), fmt::format("it is created on [{}], led by {} with the ISR [{}], and {}",
                                            fmt::join(partition->replicas, ","), partition->leader,
                                            fmt::join(partition->isr, ","), what)});
  }
  if (!exact || by_hand || before != nullptr) return;
  if (const std::string what = repetitive(topic); !what.empty()) wrong_.push_back({topic.name, what});
}

std::string ImageRules::misplaced(const TopicImage& topic, const PartitionRegistration& partition,
                                  size_t wanted) const {
  for (const int32_t replica : partition.replicas) {
    if (std::count(partition.replicas.begin(), partition.replicas.end(), replica) > 1)
      return fmt::format("broker {} is named twice", replica);
    if (now_->broker(replica) == nullptr && before_->broker(replica) == nullptr)
      return fmt::format("broker {} is not registered", replica);
  }
  if (!partition.reassigning() && partition.replicas.size() != wanted)
    return fmt::format("{} replicas of a partition of {} were asked for", wanted, topic.name);
  return {};
}

// In one decision with nothing else: the brokers are those of the image before.
std::string ImageRules::uneven(const PartitionRegistration& partition) const {
  struct Rack {
    int32_t brokers = 0;
    int32_t replicas = 0;
    bool spares_unfenced = false;
    bool takes_fenced = false;
  };
  std::map<std::pair<bool, std::string>, Rack> racks;  // those without one have one of their own
  std::vector<int32_t> active;
  for (const int32_t replica : partition.replicas) {
    const BrokerRegistration* broker = before_->broker(replica);
    if (broker == nullptr || broker->in_controlled_shutdown)
      return fmt::format("broker {} is not there or shutting down", replica);
    if (!broker->fenced) active.push_back(replica);
  }
  for (const auto& [id, broker] : before_->cluster.brokers) {
    if (broker->in_controlled_shutdown) continue;
    Rack& rack = racks[{broker->rack.has_value(), rack_of(*broker)}];
    const bool taken = partition.is_replica(id);
    ++rack.brokers;
    rack.replicas += taken ? 1 : 0;
    rack.takes_fenced = rack.takes_fenced || (taken && broker->fenced);
    rack.spares_unfenced = rack.spares_unfenced || (!taken && !broker->fenced);
  }
  for (const auto& [name, rack] : racks) {
    if (rack.takes_fenced && rack.spares_unfenced)
      return fmt::format("in rack '{}' a fenced broker is taken before one that is not", name.second);
    for (const auto& [other_name, other] : racks) {
      if (other.replicas > rack.replicas + 1 && rack.replicas < rack.brokers)
        return fmt::format("rack '{}' has {} of its replicas, and rack '{}' of {} brokers only {}",
                           other_name.second, other.replicas, name.second, rack.brokers, rack.replicas);
    }
  }
  if (active.empty() || active.front() != partition.replicas.front()) return "its first replica is fenced";
  if (partition.partition_epoch == 0 && (partition.isr != active || partition.leader != active.front()))
    return "not all that are active are in sync, or another one than the first of them leads";
  return {};
}

// The first places go round the racks, and round the brokers if there is but one rack.
std::string ImageRules::repetitive(const TopicImage& topic) const {
  std::map<std::pair<bool, std::string>, size_t> unfenced;
  size_t count = 0;
  for (const auto& [id, broker] : before_->cluster.brokers) {
    if (broker->in_controlled_shutdown) continue;
    size_t& here = unfenced[{broker->rack.has_value(), rack_of(*broker)}];
    if (broker->fenced) continue;
    ++here;
    ++count;
  }
  const bool somewhere_none =
      std::any_of(unfenced.begin(), unfenced.end(), [](const auto& rack) { return rack.second == 0; });
  if (somewhere_none || topic.partitions.size() > count) return {};  // then they are mixed on the way
  std::map<std::pair<bool, std::string>, size_t> firsts;
  for (const auto& [rack, brokers] : unfenced) firsts[rack] = 0;
  std::set<int32_t> brokers;
  for (const auto& [index, partition] : topic.partitions) {
    const BrokerRegistration* broker = before_->broker(partition->replicas.front());
    if (broker == nullptr) return {};
    ++firsts[{broker->rack.has_value(), rack_of(*broker)}];
    brokers.insert(broker->id);
  }
  const auto by_count = [](const auto& a, const auto& b) { return a.second < b.second; };
  const auto [least, most] = std::minmax_element(firsts.begin(), firsts.end(), by_count);
  if (most->second > least->second + 1)
    return fmt::format("of its partitions' first replicas rack '{}' has {} and rack '{}' {}",
                       most->first.second, most->second, least->first.second, least->second);
  if (firsts.size() == 1 && brokers.size() < topic.partitions.size())
    return "two of its partitions have the same first replica, and there are as many brokers as partitions";
  return {};
}

}  // namespace ksim::sim
