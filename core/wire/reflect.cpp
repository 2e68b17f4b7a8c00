#include "core/wire/reflect.h"

#include <cstring>
#include <string_view>

#include <fmt/format.h>

#include "core/base/uuid.h"
#include "core/wire/records.h"

namespace ksim::wire {
namespace {

template <class T>
const T& as(const void* at) {
  return *static_cast<const T*>(at);
}

// A string, bytes or records field, whether its member is optional or not.
std::optional<Bytes> content(const FieldInfo& field, const void* at) {
  if (field.type == FieldType::records) {
    const auto& records = as<Records>(at);
    return records.is_null ? std::nullopt : std::optional<Bytes>(records.bytes);
  }
  if (field.type == FieldType::string) {
    if (!field.is_optional) return as_bytes(as<std::string_view>(at));
    const auto& text = as<std::optional<std::string_view>>(at);
    return text.has_value() ? std::optional<Bytes>(as_bytes(*text)) : std::nullopt;
  }
  return field.is_optional ? as<std::optional<Bytes>>(at) : std::optional<Bytes>(as<Bytes>(at));
}

bool same_content(const FieldInfo& field, const void* a, const void* b) {
  const std::optional<Bytes> left = content(field, a);
  const std::optional<Bytes> right = content(field, b);
  if (left.has_value() != right.has_value()) return false;
  return !left.has_value() || ksim::equal(*left, *right);
}

size_t primitive_bytes(FieldType type) {
  switch (type) {
    case FieldType::boolean:
    case FieldType::int8:
      return 1;
    case FieldType::int16:
    case FieldType::uint16:
      return 2;
    case FieldType::int32:
    case FieldType::uint32:
      return 4;
    case FieldType::int64:
    case FieldType::float64:
      return 8;
    case FieldType::uuid:
      return sizeof(Uuid);
    default:
      return 0;
  }
}

bool same_value(const FieldInfo& field, const void* a, const void* b) {
  if (field.type == FieldType::structure) return equal(*field.structure, a, b);
  if (const size_t size = primitive_bytes(field.type); size > 0) return std::memcmp(a, b, size) == 0;
  return same_content(field, a, b);
}

bool same_field(FieldInfo field, const void* a, const void* b) {
  if (field.ops == nullptr) return same_value(field, a, b);
  const Elements left = field.ops->get(a);
  const Elements right = field.ops->get(b);
  if (left.is_null != right.is_null || left.count != right.count) return false;
  field.is_optional = false;
  for (size_t i = 0; i < left.count; ++i) {
    const size_t at = i * field.ops->element_bytes;
    if (!same_value(field, static_cast<const uint8_t*>(left.data) + at,
                    static_cast<const uint8_t*>(right.data) + at))
      return false;
  }
  return true;
}

class JsonWriter {
 public:
  explicit JsonWriter(std::optional<int16_t> version) : version_(version) {}

  void structure(const StructInfo& info, const void* object) {
    out_ += '{';
    bool first = true;
    for (const FieldInfo& field : info.fields) {
      if (version_.has_value() && !field.versions.contains(*version_)) continue;
      if (!first) out_ += ',';
      first = false;
      out_ += '"';
      name(field.name);
      out_ += "\":";
      member(field, field.in(object));
    }
    out_ += '}';
  }
  std::string take() { return std::move(out_); }

 private:
  void member(FieldInfo field, const void* at) {
    if (field.ops == nullptr) return value(field, at);
    const Elements elements = field.ops->get(at);
    if (elements.is_null) {
      out_ += "null";
      return;
    }
    field.is_optional = false;
    if (!field.is_array) return value(field, elements.data);
    out_ += '[';
    for (size_t i = 0; i < elements.count; ++i) {
      if (i > 0) out_ += ',';
      value(field, static_cast<const uint8_t*>(elements.data) + i * field.ops->element_bytes);
    }
    out_ += ']';
  }

  void value(const FieldInfo& field, const void* at) {
    switch (field.type) {
      case FieldType::boolean:
        out_ += as<bool>(at) ? "true" : "false";
        return;
      case FieldType::int8:
        out_ += fmt::format("{}", static_cast<int>(as<int8_t>(at)));
        return;
      case FieldType::int16:
        out_ += fmt::format("{}", as<int16_t>(at));
        return;
      case FieldType::int32:
        out_ += fmt::format("{}", as<int32_t>(at));
        return;
      case FieldType::int64:
        out_ += fmt::format("{}", as<int64_t>(at));
        return;
      case FieldType::uint16:
        out_ += fmt::format("{}", as<uint16_t>(at));
        return;
      case FieldType::uint32:
        out_ += fmt::format("{}", as<uint32_t>(at));
        return;
      case FieldType::float64:
        out_ += fmt::format("{}", as<double>(at));
        return;
      case FieldType::uuid:
        quoted(as<Uuid>(at).to_string());
        return;
      case FieldType::structure:
        structure(*field.structure, at);
        return;
      default:
        break;
    }
    const std::optional<Bytes> bytes = content(field, at);
    if (!bytes.has_value())
      out_ += "null";
    else if (field.type == FieldType::string)
      quoted(as_text(*bytes));
    else
      quoted(to_hex(*bytes));
  }

  // "topic_id" is Kafka's topicId.
  void name(std::string_view snake) {
    bool upper = false;
    for (const char c : snake) {
      if (c == '_') {
        upper = true;
        continue;
      }
      out_ += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
      upper = false;
    }
  }

  void quoted(std::string_view text) {
    out_ += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') {
        out_ += '\\';
        out_ += c;
      } else if (static_cast<unsigned char>(c) < 0x20) {
        out_ += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
      } else {
        out_ += c;
      }
    }
    out_ += '"';
  }

  std::optional<int16_t> version_;
  std::string out_;
};

}  // namespace

const MessageInfo* find_message(std::string_view name) {
  for (const MessageInfo* message : all_messages())
    if (message->name == name) return message;
  return nullptr;
}

bool equal(const StructInfo& structure, const void* a, const void* b) {
  for (const FieldInfo& field : structure.fields)
    if (!same_field(field, field.in(a), field.in(b))) return false;
  return true;
}

std::string to_json(const StructInfo& structure, const void* object, std::optional<int16_t> version) {
  JsonWriter writer(version);
  writer.structure(structure, object);
  return writer.take();
}

}  // namespace ksim::wire
