#pragma once
// Records of a log as JSON: bytes as text or base64, control records and records of the metadata log field by
// field.

#include <string>

#include "core/apps/kctl/log_dump/sink.h"
#include "core/base/result.h"
#include "core/record/batch.h"

namespace ksim::kctl {

// {"offset","timestamp","key","value","headers"}, or {..., "control":NAME,"data":{...}} in a control batch,
// or
// {..., "type":NAME,"version":N,"data":{...}} if `metadata`. CORRUPT_MESSAGE: the record is none of those.
Result<Json> record_json(const RecordView& record, const BatchView& batch, bool metadata);

// A value of the metadata log: {"type":"TopicRecord","version":0,"data":{...}}.
Result<Json> metadata_json(Bytes value);

}  // namespace ksim::kctl
