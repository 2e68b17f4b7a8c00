#pragma once
// Values of the metadata log's data records (rule A53): frame version, type, version, message.

#include <variant>
#include <vector>

#include "core/base/assert.h"
#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/wire/arena.h"
#include "core/wire/messages/metadata_records.h"

namespace ksim {

// A record that carries nothing any more: written by earlier versions, skipped on replay (type 21, the state
// of a migration from ZooKeeper).
struct ObsoleteRecord {
  int16_t type = 0;
};

// A decoded record: a view of its bytes and of the arena.
using MetadataRecord =
    std::variant<wire::RegisterBrokerRecord, wire::UnregisterBrokerRecord, wire::TopicRecord,
                 wire::PartitionRecord, wire::ConfigRecord, wire::PartitionChangeRecord,
                 wire::FenceBrokerRecord, wire::UnfenceBrokerRecord, wire::RemoveTopicRecord,
                 wire::DelegationTokenRecord, wire::UserScramCredentialRecord, wire::FeatureLevelRecord,
                 wire::ClientQuotaRecord, wire::ProducerIdsRecord, wire::BrokerRegistrationChangeRecord,
                 wire::AccessControlEntryRecord, wire::RemoveAccessControlEntryRecord, wire::NoOpRecord,
                 wire::RemoveUserScramCredentialRecord, wire::BeginTransactionRecord,
                 wire::EndTransactionRecord, wire::AbortTransactionRecord, wire::RemoveDelegationTokenRecord,
                 wire::RegisterControllerRecord, wire::ClearElrRecord, ObsoleteRecord>;

// Unknown frame versions and types, unknown versions of a type, and bytes after the message are errors.
Result<MetadataRecord> decode_metadata_record(Bytes value, wire::Arena& arena);

// Encoded record values in order, owned.
class RecordList {
 public:
  // Encoding fails only if the record cannot be carried by that version, which is a fault of the caller.
  template <class Record>
  void add(const Record& record, int16_t version) {
    add_encoded(record, version);
  }
  void add_value(Bytes value);
  size_t size() const { return ends_.size(); }
  bool empty() const { return ends_.empty(); }
  Bytes operator[](size_t index) const {
    const size_t begin = index == 0 ? 0 : ends_[index - 1];
    return Bytes(bytes_).subspan(begin, ends_[index] - begin);
  }
  size_t size_bytes() const { return bytes_.size(); }
  std::vector<Bytes> values() const;
  void clear();

 private:
  template <class Record>
  void add_encoded(const Record& record, int16_t version);

  ByteBuffer bytes_;
  std::vector<size_t> ends_;
};

}  // namespace ksim
