#include "fuzz/batches.h"

#include <algorithm>
#include <vector>

#include "core/base/crc32c.h"
#include "core/record/batch.h"
#include "core/record/compression.h"

namespace ksim::fuzz {
namespace {

struct Field {
  size_t at;
  size_t width;
};
constexpr Field kFields[] = {{BatchLayout::base_offset, 8},    {BatchLayout::length, 4},
                             {BatchLayout::leader_epoch, 4},   {BatchLayout::magic, 1},
                             {BatchLayout::attributes, 2},     {BatchLayout::last_offset_delta, 4},
                             {BatchLayout::base_timestamp, 8}, {BatchLayout::max_timestamp, 8},
                             {BatchLayout::producer_id, 8},    {BatchLayout::producer_epoch, 2},
                             {BatchLayout::base_sequence, 4},  {BatchLayout::record_count, 4}};

// Where batches begin, as far as their sizes make sense.
std::vector<size_t> starts_of(Bytes batches) {
  std::vector<size_t> starts;
  BatchCursor cursor(batches);
  BatchView batch;
  for (;;) {
    const size_t at = cursor.position();
    const auto more = cursor.next(batch);
    if (!more.ok() || !*more) return starts;
    starts.push_back(at);
  }
}

void change_header(ByteBuffer& batch, Mutation& mutation) {
  const Field& field = kFields[mutation.below(std::size(kFields))];
  auto number = static_cast<uint64_t>(mutation.edge());
  if (mutation.one_in(2)) {  // near what it was
    number = 0;
    for (size_t i = 0; i < field.width; ++i) number = number << 8 | batch[field.at + i];
    number += mutation.below(5) - 2;
  }
  for (size_t i = 0; i < field.width; ++i)
    batch[field.at + i] = static_cast<uint8_t>(number >> (8 * (field.width - 1 - i)));
}

void change_records(ByteBuffer& batch, size_t most, Mutation& mutation) {
  ByteBuffer records(batch.begin() + kBatchHeaderBytes, batch.end());
  const auto codec = BatchView(batch).compression();
  constexpr size_t kMostRecords = 1 << 16;
  auto plain = codec && *codec != Compression::none && !mutation.one_in(3) ? decompress(*codec, records, kMostRecords)
                                                                         : Result<ByteBuffer>(ByteBuffer());
  const size_t room = most - std::min(most, kBatchHeaderBytes);
  if (plain.ok() && !plain->empty()) {
    mutation.bytes(*plain, kMostRecords);
    ByteBuffer packed;
    compress(*codec, default_level(*codec), *plain, packed);
    if (packed.size() <= room) records = std::move(packed);
  } else {
    mutation.bytes(records, room);
  }
  batch.resize(kBatchHeaderBytes);
  batch.insert(batch.end(), records.begin(), records.end());
  store_be(batch.data() + BatchLayout::length, static_cast<int32_t>(batch.size() - kBatchPrefixBytes));
}

}  // namespace

void mutate_batches(ByteBuffer& batches, size_t most, Mutation& mutation) {
  const std::vector<size_t> starts = starts_of(batches);
  if (starts.empty() || mutation.one_in(10)) return mutation.bytes(batches, most);
  const size_t chosen = mutation.below(starts.size());
  const size_t begin = starts[chosen];
  const size_t end = begin + BatchView(Bytes(batches).subspan(begin)).size_bytes();
  const auto at = [&](size_t i) { return batches.begin() + static_cast<std::ptrdiff_t>(i); };
  ByteBuffer batch(at(begin), at(end));
  if (mutation.one_in(8)) {  // goes, or comes again
    const bool again = mutation.one_in(2) && batches.size() + batch.size() <= most;
    if (again)
      batches.insert(at(end), batch.begin(), batch.end());
    else
      batches.erase(at(begin), at(end));
    return;
  }
  if (mutation.one_in(2))
    change_header(batch, mutation);
  else
    change_records(batch, batch.size() + most - std::min(most, batches.size()), mutation);
  if (!mutation.one_in(10))
    store_be<uint32_t>(batch.data() + BatchLayout::crc, crc32c(Bytes(batch).subspan(BatchLayout::attributes)));
  batches.erase(at(begin), at(end));
  batches.insert(at(begin), batch.begin(), batch.end());
  if (batches.size() > most) batches.resize(most);
}

}  // namespace ksim::fuzz
