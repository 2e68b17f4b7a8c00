#pragma once
// Kafka's primitive types out of bytes that may be anything (protocol guide, "Protocol Primitive Types";
// KIP-482 for the compact forms and tagged fields).

#include <optional>
#include <string>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/base/uuid.h"
#include "core/wire/arena.h"
#include "core/wire/records.h"

namespace ksim::wire {

// What a decoder refuses although the bytes would be there.
struct DecodeLimits {
  uint32_t max_array_elements = 1'000'000;
  uint32_t max_tagged_fields = 10'000;
  size_t max_arena_bytes = 256 * 1024 * 1024;
};

// Never reads outside `bytes`; strings, bytes and records it returns are views of them, arrays live in the
// arena. Sticky error: the first failure is kept with the path of its field, every later read gives a
// default at once. Field names are literals.
class Reader final {
 public:
  Reader(Bytes bytes, Arena& arena, const DecodeLimits& limits = {})
      : at_(bytes.data()),
        end_(bytes.data() + bytes.size()),
        arena_(arena),
        limits_(limits),
        arena_budget_(limits.max_arena_bytes) {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  bool ok() const { return !failed_; }
  Result<void> status() const;
  size_t remaining() const { return static_cast<size_t>(end_ - at_); }
  const uint8_t* position() const { return at_; }
  Arena& arena() { return arena_; }

  bool boolean(const char* field) { return fixed<uint8_t>(field) != 0; }
  int8_t i8(const char* field) { return fixed<int8_t>(field); }
  int16_t i16(const char* field) { return fixed<int16_t>(field); }
  int32_t i32(const char* field) { return fixed<int32_t>(field); }
  int64_t i64(const char* field) { return fixed<int64_t>(field); }
  uint16_t u16(const char* field) { return fixed<uint16_t>(field); }
  uint32_t u32(const char* field) { return fixed<uint32_t>(field); }
  double f64(const char* field);
  Uuid uuid(const char* field) {
    const uint64_t high = fixed<uint64_t>(field);
    const uint64_t low = fixed<uint64_t>(field);
    return {high, low};
  }
  uint32_t uvarint(const char* field);

  std::string_view string(bool flexible, const char* field);
  std::optional<std::string_view> nullable_string(bool flexible, const char* field, bool nullable = true);
  Bytes bytes(bool flexible, const char* field);
  std::optional<Bytes> nullable_bytes(bool flexible, const char* field, bool nullable = true);
  Records records(bool nullable, bool flexible, const char* field);
  // False: null, which only a nullable structure may be.
  bool struct_present(const char* field);

  // The elements an array announces, with their default values, or nothing if it is null. Refused before
  // anything is allocated unless as many elements of the smallest size can follow.
  template <class T>
  std::optional<std::span<T>> array(bool nullable, bool flexible, size_t smallest_element,
                                    const char* field) {
    const int64_t count = array_size(nullable, flexible, smallest_element, sizeof(T), field);
    if (count < 0) return std::nullopt;
    return arena_.make_array<T>(static_cast<size_t>(count));
  }

  // Tagged fields of a structure: their count, then for each begin_tag() and end_tag() or skip_tag(). Between
  // begin and end the bytes seem to end with the field.
  struct Tag {
    uint32_t number = 0;
    const uint8_t* outer_end = nullptr;
  };
  uint32_t tag_count();
  Tag begin_tag();
  void end_tag(const Tag& tag, const char* field);
  void skip_tag(const Tag& tag);
  void skip_tags();

  // While an error travels outwards: puts the enclosing field in front of its path.
  void within(const char* field);
  void within(const char* field, size_t index);

  bool begin_message(const char* name, int16_t version, int16_t lowest, int16_t highest);
  [[gnu::cold]] void fail(const char* field, const char* what);

 private:
  template <class T>
  T fixed(const char* field) {
    if (remaining() < sizeof(T)) [[unlikely]] {
      fail(field, "the message ends here");
      return T{};
    }
    const T v = load_be<T>(at_);
    at_ += sizeof(T);
    return v;
  }
  Bytes take(size_t size_bytes) {
    const Bytes view{at_, size_bytes};
    at_ += size_bytes;
    return view;
  }
  // -1: null. Checked against what remains.
  int64_t length(bool nullable, bool flexible, bool is_string, const char* field);
  int64_t array_size(bool nullable, bool flexible, size_t smallest_element, size_t element_bytes,
                     const char* field);

  const uint8_t* at_;
  const uint8_t* end_;
  Arena& arena_;
  DecodeLimits limits_;
  size_t arena_budget_;  // bytes
  const char* message_ = "";
  int16_t version_ = -1;
  bool failed_ = false;
  std::string path_;
  const char* what_ = "";
};

}  // namespace ksim::wire
