#include "core/metadata/records.h"

#include "core/base/varint.h"
#include "core/wire/reader.h"
#include "core/wire/writer.h"

namespace ksim {
namespace {

constexpr uint32_t kFrameVersion = 1;
constexpr int16_t kZkMigrationState = 21;

Failure<Error> bad_record(const std::string& why) {
  return fail(ErrorCode::CORRUPT_MESSAGE, "metadata record: " + why);
}

template <size_t Index = 0>
Result<MetadataRecord> decode_type(int16_t type, int16_t version, wire::Reader& reader) {
  using Record = std::variant_alternative_t<Index, MetadataRecord>;
  if constexpr (std::is_same_v<Record, ObsoleteRecord>) {
    if (type == kZkMigrationState) return MetadataRecord(ObsoleteRecord{type});
    return bad_record("unknown type " + std::to_string(type));
  } else {
    if (type != Record::kApiKey) return decode_type<Index + 1>(type, version, reader);
    if (version < Record::kMinVersion || version > Record::kMaxVersion) {
      return bad_record("unknown version " + std::to_string(version) + " of " + std::string(Record::kName));
    }
    MetadataRecord record{std::in_place_index<Index>};
    TRY(wire::decode(reader, *std::get_if<Index>(&record), version));
    if (reader.remaining() != 0) return bad_record("bytes after " + std::string(Record::kName));
    return record;
  }
}

}  // namespace

Result<MetadataRecord> decode_metadata_record(Bytes value, wire::Arena& arena) {
  const uint8_t* at = value.data();
  const uint8_t* const end = at + value.size();
  uint32_t frame = 0;
  uint32_t type = 0;
  uint32_t version = 0;
  at = at == nullptr ? nullptr : get_uvarint32(at, end, frame);
  if (at == nullptr) return bad_record("no frame version");
  if (frame != kFrameVersion) return bad_record("unknown frame version " + std::to_string(frame));
  at = get_uvarint32(at, end, type);
  if (at != nullptr) at = get_uvarint32(at, end, version);
  if (at == nullptr || type > INT16_MAX || version > INT16_MAX) return bad_record("no type or version");
  wire::Reader reader(value.subspan(static_cast<size_t>(at - value.data())), arena);
  return decode_type(static_cast<int16_t>(type), static_cast<int16_t>(version), reader);
}

template <class Record>
void RecordList::add_encoded(const Record& record, int16_t version) {
  wire::Writer writer;
  writer.uvarint(kFrameVersion);
  writer.uvarint(static_cast<uint64_t>(Record::kApiKey));
  writer.uvarint(static_cast<uint64_t>(version));
  wire::encode(writer, record, version);
  ENSURE(writer.ok(), "a metadata record that its version cannot carry");
  add_value(writer.bytes());
}

void RecordList::add_value(Bytes value) {
  bytes_.insert(bytes_.end(), value.begin(), value.end());
  ends_.push_back(bytes_.size());
}

std::vector<Bytes> RecordList::values() const {
  std::vector<Bytes> all;
  all.reserve(size());
  for (size_t i = 0; i < size(); ++i) all.push_back((*this)[i]);
  return all;
}

void RecordList::clear() {
  bytes_.clear();
  ends_.clear();
}

#define KSIM_ADD(Record) template void RecordList::add_encoded(const wire::Record&, int16_t);
KSIM_ADD(RegisterBrokerRecord)
KSIM_ADD(UnregisterBrokerRecord)
KSIM_ADD(TopicRecord)
KSIM_ADD(PartitionRecord)
KSIM_ADD(ConfigRecord)
KSIM_ADD(PartitionChangeRecord)
KSIM_ADD(FenceBrokerRecord)
KSIM_ADD(UnfenceBrokerRecord)
KSIM_ADD(RemoveTopicRecord)
KSIM_ADD(DelegationTokenRecord)
KSIM_ADD(UserScramCredentialRecord)
KSIM_ADD(FeatureLevelRecord)
KSIM_ADD(ClientQuotaRecord)
KSIM_ADD(ProducerIdsRecord)
KSIM_ADD(BrokerRegistrationChangeRecord)
KSIM_ADD(AccessControlEntryRecord)
KSIM_ADD(RemoveAccessControlEntryRecord)
KSIM_ADD(NoOpRecord)
KSIM_ADD(RemoveUserScramCredentialRecord)
KSIM_ADD(BeginTransactionRecord)
KSIM_ADD(EndTransactionRecord)
KSIM_ADD(AbortTransactionRecord)
KSIM_ADD(RemoveDelegationTokenRecord)
KSIM_ADD(RegisterControllerRecord)
KSIM_ADD(ClearElrRecord)
#undef KSIM_ADD

}  // namespace ksim
