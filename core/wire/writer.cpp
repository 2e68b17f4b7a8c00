#include "core/wire/writer.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

namespace ksim::wire {
namespace {

constexpr uint64_t kMaxLength = INT32_MAX;

}  // namespace

Result<void> Writer::status() const {
  if (!failed_) return {};
  return ksim::fail(ErrorCode::UNSUPPORTED_VERSION,
                    fmt::format("{} v{}: {}: {}", message_, version_, failed_field_, failed_what_));
}

ByteBuffer Writer::take() {
  out_.resize(size_);
  size_ = 0;
  spliced_bytes_ = 0;
  return std::move(out_);
}

void Writer::enlarge(size_t bytes) {
  out_.resize(std::max(size_ + bytes, std::max<size_t>(out_.size() * 2, 256)));
}

void Writer::f64(double v) { fixed(std::bit_cast<uint64_t>(v)); }

void Writer::raw(Bytes bytes) {
  if (!bytes.empty()) std::memcpy(grow(bytes.size()), bytes.data(), bytes.size());
}

void Writer::length(uint64_t size_bytes, bool flexible, const char* field) {
  if (size_bytes > kMaxLength) return fail(field, "longer than 2^31 - 1");
  if (flexible)
    uvarint(size_bytes + 1);
  else
    i32(static_cast<int32_t>(size_bytes));
}

void Writer::string(std::string_view v, bool flexible, const char* field) {
  if (v.size() > INT16_MAX) return fail(field, "a string longer than 32767 bytes");
  if (flexible)
    uvarint(v.size() + 1);
  else
    i16(static_cast<int16_t>(v.size()));
  raw(as_bytes(v));
}

void Writer::bytes(Bytes v, bool flexible, const char* field) {
  length(v.size(), flexible, field);
  if (ok()) raw(v);
}

void Writer::records(const Records& v, bool nullable, bool flexible, const char* field) {
  if (v.is_null) return null_array(nullable, flexible, field);
  length(v.size_bytes(), flexible, field);
  if (!ok()) return;
  if (v.external_size == 0) return raw(v.bytes);
  splices_.push_back({size_, v.external_id, v.external_size});
  spliced_bytes_ += v.external_size;
}

void Writer::array_size(size_t count, bool flexible, const char* field) { length(count, flexible, field); }

void Writer::null_string(bool nullable, bool flexible, const char* field) {
  if (!nullable) return fail(field, "null where this version has no null");
  if (flexible)
    uvarint(0);
  else
    i16(-1);
}

void Writer::null_array(bool nullable, bool flexible, const char* field) {
  if (!nullable) return fail(field, "null where this version has no null");
  if (flexible)
    uvarint(0);
  else
    i32(-1);
}

void Writer::end_tag(size_t begin) {
  const size_t size_bytes = size_ - begin;
  const size_t extra = uvarint_size(size_bytes) - 1;
  if (extra > 0) {
    static_cast<void>(grow(extra));
    std::memmove(out_.data() + begin + extra, out_.data() + begin, size_bytes);
    for (Splice& splice : splices_)
      if (splice.position >= begin) splice.position += extra;
  }
  put_uvarint(out_.data() + begin - 1, size_bytes);
}

bool Writer::begin_message(const char* name, int16_t version, int16_t lowest, int16_t highest) {
  message_ = name;
  version_ = version;
  if (version < lowest || version > highest) fail("version", "not a version of this message");
  return ok();
}

void Writer::unsupported(const char* field) { fail(field, "set, but not part of this version"); }

void Writer::fail(const char* field, const char* what) {
  if (failed_) return;
  failed_ = true;
  failed_field_ = field;
  failed_what_ = what;
}

}  // namespace ksim::wire
