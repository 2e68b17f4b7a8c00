#include "core/wire/reader.h"

#include <bit>

#include <fmt/format.h>

#include "core/base/varint.h"

namespace ksim::wire {
namespace {

constexpr const char* kTags = "tagged fields";

}  // namespace

Result<void> Reader::status() const {
  if (!failed_) return {};
  return ksim::fail(ErrorCode::INVALID_REQUEST,
                    fmt::format("{} v{}: {}: {}", message_, version_, path_, what_));
}

double Reader::f64(const char* field) { return std::bit_cast<double>(fixed<uint64_t>(field)); }

uint32_t Reader::uvarint(const char* field) {
  uint32_t value = 0;
  const uint8_t* const next = get_uvarint32(at_, end_, value);
  if (next == nullptr) {
    fail(field, "a variable-length integer that does not end");
    return 0;
  }
  at_ = next;
  return value;
}

int64_t Reader::length(bool nullable, bool flexible, bool is_string, const char* field) {
  int64_t size = 0;
  if (flexible)
    size = static_cast<int64_t>(uvarint(field)) - 1;
  else
    size = is_string ? i16(field) : i32(field);
  if (!ok()) return 0;
  if (size == -1 && nullable) return -1;
  if (size < 0) {
    fail(field, size == -1 ? "null where this version has no null" : "a negative length");
    return 0;
  }
  return size;
}

std::string_view Reader::string(bool flexible, const char* field) {
  return nullable_string(flexible, field, false).value_or(std::string_view{});
}

std::optional<std::string_view> Reader::nullable_string(bool flexible, const char* field, bool nullable) {
  const int64_t size = length(nullable, flexible, true, field);
  if (size < 0) return std::nullopt;
  if (size > INT16_MAX) {
    fail(field, "a string longer than 32767 bytes");
    return std::string_view{};
  }
  if (static_cast<size_t>(size) > remaining()) {
    fail(field, "longer than the message");
    return std::string_view{};
  }
  return as_text(take(static_cast<size_t>(size)));
}

Bytes Reader::bytes(bool flexible, const char* field) {
  return nullable_bytes(flexible, field, false).value_or(Bytes{});
}

std::optional<Bytes> Reader::nullable_bytes(bool flexible, const char* field, bool nullable) {
  const int64_t size = length(nullable, flexible, false, field);
  if (size < 0) return std::nullopt;
  if (static_cast<size_t>(size) > remaining()) {
    fail(field, "longer than the message");
    return Bytes{};
  }
  return take(static_cast<size_t>(size));
}

Records Reader::records(bool nullable, bool flexible, const char* field) {
  Records value;
  const std::optional<Bytes> view = nullable_bytes(flexible, field, nullable);
  value.is_null = !view.has_value();
  value.bytes = view.value_or(Bytes{});
  return value;
}

bool Reader::struct_present(const char* field) {
  const int8_t mark = i8(field);
  if (mark >= 0) return ok();
  return false;
}

int64_t Reader::array_size(bool nullable, bool flexible, size_t smallest_element, size_t element_bytes,
                           const char* field) {
  const int64_t count = length(nullable, flexible, false, field);
  if (count < 0) return -1;
  const auto elements = static_cast<size_t>(count);
  if (elements > limits_.max_array_elements) {
    fail(field, "an array of too many elements");
    return 0;
  }
  if (elements * smallest_element > remaining()) {
    fail(field, "an array longer than the message");
    return 0;
  }
  if (elements * element_bytes > arena_budget_) {
    fail(field, "the decoded message would be too large");
    return 0;
  }
  arena_budget_ -= elements * element_bytes;
  return count;
}

uint32_t Reader::tag_count() {
  const uint32_t count = uvarint(kTags);
  if (count > limits_.max_tagged_fields || count > remaining() / 2) {
    fail(kTags, "too many");
    return 0;
  }
  return count;
}

Reader::Tag Reader::begin_tag() {
  Tag tag;
  tag.number = uvarint(kTags);
  const uint32_t size_bytes = uvarint(kTags);
  tag.outer_end = end_;
  if (size_bytes > remaining()) {
    fail(kTags, "longer than the message");
    return tag;
  }
  if (ok()) end_ = at_ + size_bytes;
  return tag;
}

void Reader::end_tag(const Tag& tag, const char* field) {
  if (ok() && at_ != end_) fail(field, "a tagged field longer than its value");
  if (ok()) end_ = tag.outer_end;
}

void Reader::skip_tag(const Tag& tag) {
  if (!ok()) return;
  at_ = end_;
  end_ = tag.outer_end;
}

void Reader::skip_tags() {
  for (uint32_t left = tag_count(); left > 0 && ok(); --left) {
    const Tag tag = begin_tag();
    skip_tag(tag);
  }
}

void Reader::within(const char* field) { path_.insert(0, fmt::format("{}.", field)); }
void Reader::within(const char* field, size_t index) {
  path_.insert(0, fmt::format("{}[{}].", field, index));
}

bool Reader::begin_message(const char* name, int16_t version, int16_t lowest, int16_t highest) {
  message_ = name;
  version_ = version;
  if (version < lowest || version > highest) fail("version", "not a version of this message");
  return ok();
}

void Reader::fail(const char* field, const char* what) {
  if (failed_) return;
  failed_ = true;
  path_ = field;
  what_ = what;
  end_ = at_;
}

}  // namespace ksim::wire
