// Record batches of anybody's: cursors, the validator under all sorts of rules, the codecs with a bound of what comes
// out, and the builder, which gives back what was read.

#include <algorithm>

#include "core/record/batch.h"
#include "core/record/builder.h"
#include "core/record/compression.h"
#include "core/record/control.h"
#include "core/record/validator.h"
#include "fuzz/batches.h"
#include "fuzz/target.h"

namespace ksim::fuzz {
namespace {

// An input: choices of rules and codec, then what a Produce request has for a partition.
constexpr size_t kPrefixBytes = 3;
constexpr size_t kMostPlainBytes = 256 << 10;
constexpr size_t kMostRecordBytes = 64 << 10;
constexpr int64_t kNowMs = 1'700'000'000'000;

Compression codec_of(uint8_t choice) { return static_cast<Compression>(choice % kCompressionCount); }

// The stream at once and step by step: the same bytes, or a failure both times, and never more than asked for.
void check_stream(Compression codec, Bytes stream, uint8_t steps) {
  const auto whole = decompress(codec, stream, kMostPlainBytes);
  must(!whole.ok() || whole->size() <= kMostPlainBytes, "more is decompressed than was asked for");
  const auto decompressor = make_decompressor(codec, stream, kMostPlainBytes);
  ByteBuffer parts;
  for (;;) {
    const auto part = decompressor->peek(1 + steps);
    if (!part.ok()) {
      must(!whole.ok(), "a stream fails only in steps");
      return;
    }
    if (part->empty()) break;
    const Bytes taken = part->first(std::min<size_t>(part->size(), 1 + steps));
    parts.insert(parts.end(), taken.begin(), taken.end());
    decompressor->consume(taken.size());
    must(parts.size() <= kMostPlainBytes, "more is decompressed in steps than was asked for");
  }
  must(whole.ok() && *whole == parts, "a stream is another one in steps");
}

void check_round_trip(Compression codec, Bytes plain) {
  ByteBuffer packed;
  compress(codec, default_level(codec), plain, packed);
  const auto back = decompress(codec, packed, plain.size());
  must(back.ok() && equal(*back, plain), "what was compressed does not come back");
}

struct Owned {
  int64_t timestamp_ms;
  std::optional<ByteBuffer> key;
  std::optional<ByteBuffer> value;
  ByteBuffer headers;
  int32_t header_count;
  bool operator==(const Owned&) const = default;
};

std::optional<ByteBuffer> owned(const std::optional<Bytes>& bytes) {
  return bytes ? std::optional(to_buffer(*bytes)) : std::nullopt;
}

// The records, or nothing if one is not sound.
std::optional<std::vector<Owned>> records_of(const BatchView& batch, bool consecutive) {
  std::vector<Owned> records;
  RecordCursor cursor(batch, kMostRecordBytes);
  for (RecordView record;;) {
    const auto more = cursor.next(record);
    if (!more.ok()) return std::nullopt;
    if (!*more) break;
    if (consecutive)
      must(record.offset_delta == static_cast<int32_t>(records.size()), "offsets of an accepted batch have holes");
    size_t header_bytes = 0;
    for (const RecordHeader& header : record.headers)
      header_bytes += header.key.size() + (header.value ? header.value->size() : 0);
    must(header_bytes <= record.size_bytes, "headers that are larger than their record");
    records.push_back({record.timestamp_ms, owned(record.key), owned(record.value),
                       to_buffer(record.headers.encoded()), record.headers.size()});
  }
  must(static_cast<int64_t>(records.size()) == batch.record_count(), "other records than were announced");
  return records;
}

// A batch of the same records under another codec has the same records, and so have its parts.
void check_rebuilt(const BatchView& batch, Compression codec, const std::vector<Owned>& records) {
  if (records.empty()) return;
  BatchOptions options;
  options.compression = codec;
  BatchBuilder builder(options);
  RecordCursor cursor(batch, kMostRecordBytes);
  for (RecordView record; cursor.advance(record);) builder.append_at(builder.next_offset(), record);
  must(!cursor.failure(), "records that were read cannot be read again");
  const ByteBuffer built = builder.build();
  const auto same = records_of(BatchView(built), true);
  must(BatchView(built).check().ok() && same && *same == records, "a rebuilt batch has other records");

  constexpr size_t kPartBytes = 300;
  const auto parts = split_batch(batch, kPartBytes);
  must(parts.ok(), "a sound batch cannot be split");
  std::vector<Owned> together;
  for (const ByteBuffer& part : *parts) {
    const auto some = records_of(BatchView(part), true);
    must(BatchView(part).check().ok() && some && !some->empty(), "a part of a batch is not sound");
    together.insert(together.end(), some->begin(), some->end());
  }
  must(together == records, "the parts of a batch have other records");
}

ValidationRules rules_of(uint8_t choices, uint8_t codec) {
  ValidationRules rules;
  rules.origin = (choices & 1) != 0 ? AppendOrigin::coordinator : AppendOrigin::client;
  rules.compacted = (choices & 2) != 0;
  if ((choices & 4) != 0) rules.timestamp_type = TimestampType::log_append_time;
  if ((choices & 8) != 0) rules.compression = codec_of(codec);
  if ((choices & 16) != 0) rules.max_message_bytes = 500;
  if ((choices & 32) != 0) rules.timestamp_before_max_ms = rules.timestamp_after_max_ms = 1000;
  return rules;
}

void check_validated(ByteBuffer bytes, const ValidationRules& rules) {
  auto validated = validate_batch(bytes, rules, kNowMs);
  if (!validated.ok()) {
    must(validated.error().code != ErrorCode::NONE, "a refusal without a reason");
    return;
  }
  validated->assign(int64_t{1} << 40, 7);
  const BatchView batch = validated->view();
  must(batch.check().ok(), "an accepted batch has another checksum");
  must(batch.size_bytes() <= rules.max_message_bytes, "an accepted batch is too large");
  must(batch.base_offset() == int64_t{1} << 40 && batch.leader_epoch() == 7, "base offset or epoch are not in the batch");
  const bool from_client = rules.origin == AppendOrigin::client;
  const auto records = records_of(batch, from_client || validated->was_rebuilt());
  if (from_client) must(records.has_value() && !records->empty(), "an accepted batch cannot be read");
  if (rules.timestamp_type == TimestampType::log_append_time && records)
    for (const Owned& record : *records) must(record.timestamp_ms == kNowMs, "a record with a time of its own");
}

class RecordsTarget final : public FuzzTarget {
 public:
  Bounds bounds() const override {
    Bounds bounds;
    bounds.input_bytes = 4096;
    bounds.allocation_mib = 192;  // a stream of zstd may ask for a window of 128
    bounds.seconds = 5;
    bounds.smoke_mutations = 1500;
    return bounds;
  }

  void run(Bytes input) override {
    if (input.size() < kPrefixBytes) return;
    const Bytes bytes = input.subspan(kPrefixBytes);
    check_stream(codec_of(input[1]), bytes, input[2]);
    check_round_trip(codec_of(input[1]), bytes);
    BatchCursor cursor(bytes);
    BatchView batch;
    for (;;) {
      const auto more = cursor.next(batch);
      if (!more.ok() || !*more) break;
      if (!batch.check().ok()) continue;
      if (batch.is_compressed() && batch.compression()) check_stream(*batch.compression(), batch.records(), input[2]);
      static_cast<void>(control_type_of(batch));
      if (const auto records = records_of(batch, false)) check_rebuilt(batch, codec_of(input[1]), *records);
    }
    const auto single = single_batch(bytes);
    if (single.ok()) check_validated(to_buffer(single->bytes()), rules_of(input[0], input[2]));
  }

  std::vector<ByteBuffer> corpus() override {
    std::vector<ByteBuffer> inputs;
    for (uint8_t codec = 0; codec < kCompressionCount; ++codec) {
      constexpr uint8_t kChoices[] = {0, 2, 4, 8, 12, 13, 32};
      for (const uint8_t choices : kChoices) {
        BatchOptions options;
        options.compression = codec_of(codec);
        if (choices == 2) {
          options.producer_id = 4711;
          options.producer_epoch = 1;
          options.base_sequence = 3;
          options.transactional = true;
        }
        if (choices == 13) options.base_offset = 100;
        BatchBuilder builder(options);
        for (int i = 0; i < 1 + choices; ++i) append(builder, i);
        ByteBuffer input = {choices, codec, 5};
        const ByteBuffer batch = builder.build();
        input.insert(input.end(), batch.begin(), batch.end());
        inputs.push_back(std::move(input));
      }
    }
    EndTxnMarkerBatch marker;
    marker.producer_id = 4711;
    marker.producer_epoch = 1;
    marker.marker.type = ControlType::commit;
    ByteBuffer input = {1, 0, 0};
    const ByteBuffer batch = build_end_txn_marker(marker);
    input.insert(input.end(), batch.begin(), batch.end());
    inputs.push_back(std::move(input));
    return inputs;
  }

  void mutate(ByteBuffer& input, size_t most, Mutation& mutation) override {
    if (input.size() < kPrefixBytes || mutation.one_in(16)) return mutation.bytes(input, most);
    ByteBuffer batches(input.begin() + kPrefixBytes, input.end());
    mutate_batches(batches, most - kPrefixBytes, mutation);
    input.resize(kPrefixBytes);
    input.insert(input.end(), batches.begin(), batches.end());
  }

 private:
  static void append(BatchBuilder& builder, int number) {
    const std::string value(static_cast<size_t>(number) * 5, 'v');
    const RecordHeader headers[] = {{"trace", as_bytes("abc")}, {"empty", std::nullopt}};
    RecordInput record;
    record.timestamp_ms = kNowMs - 100 * number;
    if (number % 3 != 0) record.key = as_bytes("key");
    if (number % 4 != 3) record.value = as_bytes(value);
    if (number % 2 == 1) record.headers = headers;
    builder.append(record);
  }
};

}  // namespace

std::unique_ptr<FuzzTarget> make_records_target() { return std::make_unique<RecordsTarget>(); }

}  // namespace ksim::fuzz
