#pragma once
// What goes into a producer and what comes out.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/error.h"
#include "core/record/batch.h"

namespace ksim::client {

// Everything it points to is copied by send().
struct ProducerRecord {
  std::string_view topic;
  std::optional<int32_t> partition;     // explicit wins over key (rule G1)
  std::optional<int64_t> timestamp_ms;  // the time of send() if absent
  std::optional<Bytes> key;
  std::optional<Bytes> value;
  std::span<const RecordHeader> headers;
};

// What became of a record. Rules G25, G26: a failure is definite only if no attempt can have been written;
// `unknown` records may be in the log, or get there later.
enum class Outcome : uint8_t { written, not_written, unknown };
std::string_view to_string(Outcome outcome);

struct SendResult {
  Outcome outcome = Outcome::written;
  ErrorCode error = ErrorCode::NONE;
  std::string message;
  int32_t partition = -1;
  // -1: not known (acks=0, or the broker only knew that it has the record already).
  int64_t offset = -1;
  int64_t timestamp_ms = kNoTimestamp;
};

// Whoever waits for one record. complete() is called once, on a fiber of the producer: it must not wait.
class Delivery {
 public:
  virtual ~Delivery() = default;
  virtual void complete(const SendResult& result) = 0;
};
using DeliveryRef = std::shared_ptr<Delivery>;

struct ProducerIdAndEpoch {
  int64_t id = kNoProducerId;
  int16_t epoch = kNoProducerEpoch;

  bool is_valid() const { return id > kNoProducerId; }
  bool operator==(const ProducerIdAndEpoch& other) const { return id == other.id && epoch == other.epoch; }
  bool operator!=(const ProducerIdAndEpoch& other) const { return !(*this == other); }
};

}  // namespace ksim::client
