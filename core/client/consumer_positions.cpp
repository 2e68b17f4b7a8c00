// The half of ConsumerCore that finds and validates positions (rules G42, G49).

#include "core/client/consumer_core.h"

namespace ksim::client {

// A seek, another reset or another assignment may have come in between. Another reset may be to the same end
// of the log, which is elsewhere by now. Apache Kafka takes the old answer there.
PartitionPosition* ConsumerCore::awaiting(const OffsetQuery::Entry& entry) {
  PartitionPosition* const position = subscriptions_.find(entry.partition);
  return position != nullptr && position->lookup() == entry.lookup ? position : nullptr;
}

void ConsumerCore::reset_failed(const OffsetQuery& query, Instant now) {
  for (const OffsetQuery::Entry& entry : query.entries)
    if (PartitionPosition* const position = awaiting(entry)) back_off(*position, now);
  metadata_wish_ = true;
}

void ConsumerCore::reset_answered(const OffsetQuery& query, const wire::ListOffsetsResponse& response,
                                  Instant now) {
  for (const OffsetQuery::Entry& entry : query.entries) {
    PartitionPosition* const position = awaiting(entry);
    if (position == nullptr) continue;
    const wire::ListOffsetsPartitionResponse* answer = nullptr;
    for (const wire::ListOffsetsTopicResponse& topic : response.topics) {
      if (topic.name != entry.partition.topic) continue;
      for (const auto& partition : topic.partitions)
        if (partition.partition_index == entry.partition.partition) answer = &partition;
    }
    const ErrorCode error =
        answer == nullptr ? ErrorCode::UNKNOWN_SERVER_ERROR : error_code_of(answer->error_code);
    // Made anew meanwhile under its name: neither that offset nor that epoch is one of the new topic.
    const bool same_topic = metadata_.topic_id(entry.partition.topic) == entry.topic_id;
    if (error == ErrorCode::NONE && answer->offset >= 0 && same_topic) {
      std::optional<int32_t> epoch;
      if (answer->leader_epoch >= 0) epoch = answer->leader_epoch;
      if (epoch) metadata_.saw_epoch(entry.partition, entry.topic_id, *epoch);
      position->seek_unvalidated({answer->offset, epoch, metadata_.leader(entry.partition)});
      continue;
    }
    back_off(*position, now);
    metadata_wish_ = true;
    if (error == ErrorCode::TOPIC_AUTHORIZATION_FAILED)
      pending_error_ = ConsumerError{ConsumerFault::unauthorized, entry.partition, "not allowed to read", {}};
  }
}

void ConsumerCore::validation_failed(const EpochQuery& query, Instant now) {
  for (const EpochQuery::Entry& entry : query.entries)
    if (PartitionPosition* const position = subscriptions_.find(entry.partition)) back_off(*position, now);
  metadata_wish_ = true;
}

void ConsumerCore::validation_answered(const EpochQuery& query,
                                       const wire::OffsetForLeaderEpochResponse& response, Instant now) {
  for (const EpochQuery::Entry& entry : query.entries) {
    PartitionPosition* const position = subscriptions_.find(entry.partition);
    if (position == nullptr) continue;
    const wire::OffsetForLeaderEpochResponseEpochEndOffset* answer = nullptr;
    for (const wire::OffsetForLeaderTopicResult& topic : response.topics) {
      if (topic.topic != entry.partition.topic) continue;
      for (const auto& partition : topic.partitions)
        if (partition.partition == entry.partition.partition) answer = &partition;
    }
    const ErrorCode error =
        answer == nullptr ? ErrorCode::UNKNOWN_SERVER_ERROR : error_code_of(answer->error_code);
    if (error != ErrorCode::NONE) {
      back_off(*position, now);
      metadata_wish_ = true;
      if (error == ErrorCode::TOPIC_AUTHORIZATION_FAILED)
        pending_error_ =
            ConsumerError{ConsumerFault::unauthorized, entry.partition, "not allowed to read", {}};
      continue;
    }
    const bool gone = answer->end_offset < entry.position.offset;
    if (gone && position->position() == entry.position) ++truncations_;
    const auto truncation = subscriptions_.complete_validation(entry.partition, entry.position,
                                                               answer->leader_epoch, answer->end_offset);
    if (!truncation) continue;
    // Asked again, and found again, until the application seeks.
    back_off(*position, now);
    pending_error_ = ConsumerError{
        ConsumerFault::log_truncation, entry.partition,
        "records before position " + std::to_string(entry.position.offset) + " are no longer in the log",
        truncation->divergent_offset};
  }
}

}  // namespace ksim::client
