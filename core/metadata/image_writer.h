#pragma once
// An image as records: what a snapshot holds, and the canonical form by which images are compared (rule M4).

#include "core/metadata/image.h"
#include "core/metadata/records.h"

namespace ksim {

// The records that rebuild the image from nothing, in the order of rule C49: features (metadata.version
// first), cluster, topics, configs, quotas, producer ids, ACLs, SCRAM, tokens, each by key. Record versions
// are those of the image's metadata.version.
RecordList image_records(const MetadataImage& image);

// The record of a whole partition, as a snapshot or the creation of a topic writes it.
void add_partition_record(RecordList& records, const Uuid& topic_id, int32_t index,
                          const PartitionRegistration& partition, int16_t metadata_version);

// Equal for images of equal content (provenance aside), on every machine.
uint64_t image_hash(const MetadataImage& image);

}  // namespace ksim
