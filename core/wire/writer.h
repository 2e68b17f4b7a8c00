#pragma once
// Kafka's primitive types onto a growing buffer (protocol guide, "Protocol Primitive Types"; KIP-482 for
// the compact forms and tagged fields).

#include <string>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/base/uuid.h"
#include "core/base/varint.h"
#include "core/wire/records.h"

namespace ksim::wire {

// `size_bytes` bytes that belong in the output at `position` (an offset in the Writer's own bytes, in which
// spliced bytes do not count).
struct Splice {
  size_t position = 0;
  uint32_t external_id = 0;
  uint64_t size_bytes = 0;
};

// Sticky error: after the first failure (a value that this version cannot carry) nothing it holds may be
// sent; status() tells which field. Field names are literals.
class Writer final {
 public:
  Writer() = default;
  Writer(Writer&&) = default;
  Writer& operator=(Writer&&) = default;

  bool ok() const { return !failed_; }
  Result<void> status() const;

  // What was written, without spliced bytes.
  Bytes bytes() const { return {out_.data(), size_}; }
  ByteBuffer take();
  const std::vector<Splice>& splices() const { return splices_; }
  size_t size() const { return size_; }
  // With spliced bytes.
  uint64_t total_size() const { return size_ + spliced_bytes_; }

  void boolean(bool v) { i8(v ? 1 : 0); }
  void i8(int8_t v) { fixed(v); }
  void i16(int16_t v) { fixed(v); }
  void i32(int32_t v) { fixed(v); }
  void i64(int64_t v) { fixed(v); }
  void u16(uint16_t v) { fixed(v); }
  void u32(uint32_t v) { fixed(v); }
  void f64(double v);
  void uuid(const Uuid& v) {
    fixed(v.high);
    fixed(v.low);
  }
  void uvarint(uint64_t v) {
    uint8_t* const at = grow(kVarlongMax);
    size_ -= kVarlongMax - static_cast<size_t>(put_uvarint(at, v) - at);
  }
  void raw(Bytes bytes);

  void string(std::string_view v, bool flexible, const char* field);
  void bytes(Bytes v, bool flexible, const char* field);
  void records(const Records& v, bool nullable, bool flexible, const char* field);
  void array_size(size_t count, bool flexible, const char* field);
  // In place of a string, of anything else (bytes, arrays, records), of a structure.
  void null_string(bool nullable, bool flexible, const char* field);
  void null_array(bool nullable, bool flexible, const char* field);
  void null_struct() { i8(-1); }
  void present_struct() { i8(1); }

  // Between the two stands the value of one tagged field.
  size_t begin_tag(uint32_t tag) {
    uvarint(tag);
    i8(0);
    return size_;
  }
  void end_tag(size_t begin);

  void patch_i32(size_t position, int32_t v) { store_be(out_.data() + position, v); }

  // The name is a literal and goes into the error.
  bool begin_message(const char* name, int16_t version, int16_t lowest, int16_t highest);
  // The value of `field` is not the default and this version cannot carry it.
  void unsupported(const char* field);

 private:
  template <class T>
  void fixed(T v) {
    store_be(grow(sizeof(T)), v);
  }
  uint8_t* grow(size_t bytes) {
    if (out_.size() - size_ < bytes) [[unlikely]]
      enlarge(bytes);
    uint8_t* const at = out_.data() + size_;
    size_ += bytes;
    return at;
  }
  void enlarge(size_t bytes);
  void length(uint64_t size_bytes, bool flexible, const char* field);
  void fail(const char* field, const char* what);

  ByteBuffer out_;
  size_t size_ = 0;
  uint64_t spliced_bytes_ = 0;
  std::vector<Splice> splices_;
  const char* message_ = "";
  int16_t version_ = -1;
  bool failed_ = false;
  const char* failed_field_ = "";
  const char* failed_what_ = "";
};

}  // namespace ksim::wire
