#pragma once
// From one image to the next: applies records in log order and remembers what they touched.

#include <map>
#include <set>
#include <string>

#include "core/base/result.h"
#include "core/metadata/image.h"
#include "core/metadata/records.h"

namespace ksim {

// What became of a partition by a PartitionChangeRecord (rule C22).
PartitionRegistration merge(const PartitionRegistration& before, const wire::PartitionChangeRecord& change);
PartitionRegistration partition_of(const wire::PartitionRecord& record);

// Starts as a copy of its base, which it shares but for what is touched. The base is never changed.
class MetadataDelta {
 public:
  explicit MetadataDelta(MetadataImageRef base);

  // What changed between two images that no records connect, as when a snapshot was loaded.
  static MetadataDelta between(MetadataImageRef base, MetadataImageRef next);

  // Applies one record; begin, end and abort of a metadata transaction are the caller's business and ignored
  // here. An error means that the record contradicts the image or is not known to this code: the node cannot
  // go on (rules C3, C47), and the delta must be dropped.
  Result<void> apply(const MetadataRecord& record);
  // The same from an encoded value.
  Result<void> replay(Bytes value);

  const MetadataImageRef& base() const { return base_; }
  // The state after the records so far. Its provenance is still the base's.
  const MetadataImage& image() const { return image_; }
  // The next image. The delta keeps telling what changed; nothing more may be applied.
  MetadataImageRef finish(const MetadataProvenance& provenance);

  // ---- what was touched, in order of keys ----
  struct TopicChange {
    bool created = false;
    std::set<int32_t> partitions;  // new or changed
  };
  bool empty() const { return !touched_; }
  // Topics that exist after the delta.
  const std::map<Uuid, TopicChange>& changed_topics() const { return changed_topics_; }
  // Topics of the base that are gone, as they were. A topic that came and went within the delta is in
  // neither.
  const std::map<Uuid, TopicRef>& deleted_topics() const { return deleted_topics_; }
  const std::set<int32_t>& changed_brokers() const {
    return changed_brokers_;
  }  // registered, changed or gone
  const std::set<int32_t>& changed_controllers() const { return changed_controllers_; }
  const std::set<ConfigResource>& changed_configs() const { return changed_configs_; }
  const std::set<std::string>& changed_features() const { return changed_features_; }
  const std::set<QuotaEntity>& changed_quotas() const { return changed_quotas_; }
  bool acls_changed() const { return acls_changed_; }
  bool scram_changed() const { return scram_changed_; }
  bool tokens_changed() const { return tokens_changed_; }

 private:
  Result<void> on(const wire::RegisterBrokerRecord& record);
  Result<void> on(const wire::UnregisterBrokerRecord& record);
  Result<void> on(const wire::TopicRecord& record);
  Result<void> on(const wire::PartitionRecord& record);
  Result<void> on(const wire::ConfigRecord& record);
  Result<void> on(const wire::PartitionChangeRecord& record);
  Result<void> on(const wire::FenceBrokerRecord& record);
  Result<void> on(const wire::UnfenceBrokerRecord& record);
  Result<void> on(const wire::RemoveTopicRecord& record);
  Result<void> on(const wire::DelegationTokenRecord& record);
  Result<void> on(const wire::UserScramCredentialRecord& record);
  Result<void> on(const wire::FeatureLevelRecord& record);
  Result<void> on(const wire::ClientQuotaRecord& record);
  Result<void> on(const wire::ProducerIdsRecord& record);
  Result<void> on(const wire::BrokerRegistrationChangeRecord& record);
  Result<void> on(const wire::AccessControlEntryRecord& record);
  Result<void> on(const wire::RemoveAccessControlEntryRecord& record);
  Result<void> on(const wire::NoOpRecord&) { return {}; }
  Result<void> on(const wire::RemoveUserScramCredentialRecord& record);
  Result<void> on(const wire::BeginTransactionRecord&) { return {}; }
  Result<void> on(const wire::EndTransactionRecord&) { return {}; }
  Result<void> on(const wire::AbortTransactionRecord&) { return {}; }
  Result<void> on(const wire::RemoveDelegationTokenRecord& record);
  Result<void> on(const wire::RegisterControllerRecord& record);
  Result<void> on(const wire::ClearElrRecord& record);
  Result<void> on(const ObsoleteRecord&) { return {}; }

  Result<void> change_broker(int32_t id, int64_t epoch, std::optional<bool> fenced,
                             std::optional<bool> in_controlled_shutdown, std::span<const Uuid> directories);
  void put_partition(const TopicRef& topic, int32_t index, PartitionRegistration partition);
  void clear_elr(const TopicRef& topic);
  void note_topics();

  MetadataImageRef base_;
  MetadataImage image_;
  wire::Arena arena_;
  bool touched_ = false;
  bool finished_ = false;
  std::map<Uuid, TopicChange> changed_topics_;
  std::map<Uuid, TopicRef> deleted_topics_;
  std::set<int32_t> changed_brokers_;
  std::set<int32_t> changed_controllers_;
  std::set<ConfigResource> changed_configs_;
  std::set<std::string> changed_features_;
  std::set<QuotaEntity> changed_quotas_;
  bool acls_changed_ = false;
  bool scram_changed_ = false;
  bool tokens_changed_ = false;
};

}  // namespace ksim
