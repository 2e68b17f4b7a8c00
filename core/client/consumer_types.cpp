#include "core/client/consumer_types.h"

namespace ksim::client {

Bytes ConsumerRecords::copy(Bytes bytes) {
  if (bytes.empty()) return {};
  auto* const to = static_cast<uint8_t*>(arena_.allocate(bytes.size(), 1));
  std::memcpy(to, bytes.data(), bytes.size());
  return {to, bytes.size()};
}

void ConsumerRecords::add(std::string_view topic, int32_t partition, const BatchView& batch,
                          const RecordView& record) {
  ConsumerRecord& added = records_.emplace_back();
  added.topic = topic;
  added.partition = partition;
  added.offset = record.offset;
  added.timestamp_ms = record.timestamp_ms;
  added.timestamp_type = batch.timestamp_type();
  if (batch.leader_epoch() != kNoLeaderEpoch) added.leader_epoch = batch.leader_epoch();
  if (record.key) added.key = copy(*record.key);
  if (record.value) added.value = copy(*record.value);
  if (record.headers.empty()) return;
  const std::span<RecordHeader> headers =
      arena_.make_array<RecordHeader>(static_cast<size_t>(record.headers.size()));
  size_t i = 0;
  for (const RecordHeader& header : record.headers) {
    headers[i].key = as_text(copy(as_bytes(header.key)));
    if (header.value) headers[i].value = copy(*header.value);
    ++i;
  }
  added.headers = headers;
}

}  // namespace ksim::client
