#include "core/wire/fill.h"

#include <fmt/format.h>

#include "core/base/uuid.h"
#include "core/wire/records.h"

namespace ksim::wire {
namespace {

uint64_t finalise(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

uint64_t fnv1a(std::string_view text) {
  uint64_t h = 0xcbf29ce484222325ULL;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return h;
}

class Filler {
 public:
  Filler(int16_t version, Arena& arena, const FillRule& rule)
      : version_(version), arena_(arena), rule_(rule) {}

  void structure(const StructInfo& info, void* object, const std::string& path) {
    for (const FieldInfo& field : info.fields)
      if (field.versions.contains(version_)) member(field, field.in(object), path + "." + field.name);
  }

 private:
  bool mixed() const { return rule_.variant == FillRule::Variant::mixed; }
  uint64_t bits(const std::string& path) const {
    return finalise(fnv1a(fmt::format("{}@{}", path, version_)) + rule_.seed);
  }

  void member(const FieldInfo& field, void* at, const std::string& path) {
    const uint64_t h = bits(path);
    if (mixed() && (h >> 32) % 5 == 0) return;
    const bool wants_null = rule_.variant == FillRule::Variant::nulls || (mixed() && (h >> 40) % 4 == 0);
    if (wants_null && field.nullable_at(version_)) return set_null(field, at);
    if (field.is_array) return array(field, at, path, mixed() ? h % 4 : 1 + h % 2);
    if (field.type == FieldType::structure)
      return structure(*field.structure, field.ops->make(at, arena_, 1), path);
    value(field, at, h);
  }

  void array(FieldInfo field, void* at, const std::string& path, size_t count) {
    auto* const elements = static_cast<uint8_t*>(field.ops->make(at, arena_, count));
    field.is_optional = false;
    for (size_t i = 0; i < count; ++i) {
      void* const element = elements + i * field.ops->element_bytes;
      const std::string element_path = fmt::format("{}[{}]", path, i);
      if (field.type == FieldType::structure)
        structure(*field.structure, element, element_path);
      else
        value(field, element, bits(element_path));
    }
  }

  static void set_null(const FieldInfo& field, void* at) {
    if (field.ops != nullptr)
      field.ops->set_null(at);
    else if (field.type == FieldType::records)
      static_cast<Records*>(at)->is_null = true;
    else if (field.type == FieldType::string)
      static_cast<std::optional<std::string_view>*>(at)->reset();
    else
      static_cast<std::optional<Bytes>*>(at)->reset();
  }

  Bytes content(uint64_t h, bool text) {
    const size_t size = (h >> 16) % 16 == 0 ? 150 : h % 11;
    const std::span<uint8_t> bytes = arena_.make_array<uint8_t>(size);
    for (size_t i = 0; i < size; ++i) {
      const auto byte = static_cast<uint8_t>(h >> (8 * (i % 8)));
      bytes[i] = static_cast<uint8_t>(text ? 'a' + byte % 26 : byte ^ i);
    }
    return bytes;
  }

  void value(const FieldInfo& field, void* at, uint64_t h) {
    switch (field.type) {
      case FieldType::boolean:
        *static_cast<bool*>(at) = h % 2 == 1;
        return;
      case FieldType::int8:
        *static_cast<int8_t*>(at) = static_cast<int8_t>(h);
        return;
      case FieldType::int16:
        *static_cast<int16_t*>(at) = static_cast<int16_t>(h);
        return;
      case FieldType::int32:
        *static_cast<int32_t*>(at) = static_cast<int32_t>(h);
        return;
      case FieldType::int64:
        *static_cast<int64_t*>(at) = static_cast<int64_t>(h);
        return;
      case FieldType::uint16:
        *static_cast<uint16_t*>(at) = static_cast<uint16_t>(h);
        return;
      case FieldType::uint32:
        *static_cast<uint32_t*>(at) = static_cast<uint32_t>(h);
        return;
      case FieldType::float64:
        *static_cast<double*>(at) = static_cast<double>(static_cast<int32_t>(h)) / 8;
        return;
      case FieldType::uuid:
        *static_cast<Uuid*>(at) = {h, finalise(h + 1)};
        return;
      case FieldType::string:
        if (field.is_optional)
          *static_cast<std::optional<std::string_view>*>(at) = as_text(content(h, true));
        else
          *static_cast<std::string_view*>(at) = as_text(content(h, true));
        return;
      case FieldType::bytes:
        if (field.is_optional)
          *static_cast<std::optional<Bytes>*>(at) = content(h, false);
        else
          *static_cast<Bytes*>(at) = content(h, false);
        return;
      case FieldType::records:
        *static_cast<Records*>(at) = {false, content(h, false), 0, 0};
        return;
      case FieldType::structure:
        return;
    }
  }

  int16_t version_;
  Arena& arena_;
  FillRule rule_;
};

}  // namespace

void fill(const MessageInfo& message, void* object, int16_t version, Arena& arena, const FillRule& rule) {
  Filler(version, arena, rule).structure(*message.structure, object, message.name);
}

}  // namespace ksim::wire
