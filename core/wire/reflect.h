#pragma once
// Messages as data: tables of their fields, for everything that is not fast: JSON, equality, histories,
// fillers of tests. Encoding and decoding do not use them.

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/wire/arena.h"

namespace ksim::wire {

class Reader;
class Writer;
struct StructInfo;

enum class FieldType : uint8_t {
  boolean,
  int8,
  int16,
  int32,
  int64,
  uint16,
  uint32,
  float64,
  uuid,
  string,
  bytes,
  records,
  structure
};

struct VersionRange {
  int16_t lowest = 0;
  int16_t highest = 0;
  bool contains(int16_t version) const { return version >= lowest && version <= highest; }
};

// The elements of an array, or the one of a structure; `data` null means a null field.
struct Elements {
  const void* data = nullptr;
  size_t count = 0;
  bool is_null = false;
};

// How to reach into an array or structure, optional or not. `field` is the member's address.
struct FieldOps {
  size_t element_bytes;
  Elements (*get)(const void* field);
  void* (*make)(void* field, Arena& arena, size_t count);  // count elements with default values
  void (*set_null)(void* field);                           // only of optional members
};

struct FieldInfo {
  const char* name;  // as in Kafka's schema, in snake case
  FieldType type;
  bool is_array;
  bool is_optional;  // the member is a std::optional
  bool ignorable;    // silently left out where the version lacks it
  int16_t tag;       // -1: not tagged
  VersionRange versions;
  int16_t nullable_from;  // may be null from this version on; INT16_MAX: never
  size_t offset;
  const StructInfo* structure;
  const FieldOps* ops;       // of arrays and structures
  const char* default_text;  // "" is the type's zero

  const void* in(const void* object) const { return static_cast<const uint8_t*>(object) + offset; }
  void* in(void* object) const { return static_cast<uint8_t*>(object) + offset; }
  bool nullable_at(int16_t version) const { return version >= nullable_from; }
};

struct StructInfo {
  const char* name;
  std::span<const FieldInfo> fields;
  size_t size_bytes;
};

enum class MessageKind : uint8_t { request, response, record, data };

struct MessageOps {
  void* (*make)(Arena& arena);  // one message with default values
  void (*encode)(Writer& w, const void* message, int16_t version);
  Result<void> (*decode)(Reader& r, void* message, int16_t version);
};

struct MessageInfo {
  const char* name;
  MessageKind kind;
  int16_t key;  // of the api or of the record type, -1 for data
  int16_t lowest;
  int16_t highest;
  int16_t flexible_from;
  const StructInfo* structure;
  const MessageOps* ops;
};

// Every message there is, in the order of the schema files.
std::span<const MessageInfo* const> all_messages();
const MessageInfo* find_message(std::string_view name);

// The same values in every field; floating-point numbers bit by bit.
bool equal(const StructInfo& structure, const void* a, const void* b);
template <class T>
bool equal(const T& a, const T& b) {
  return equal(*T::info().structure, &a, &b);
}

// One line of JSON with Kafka's field names; bytes and records as hexadecimal text. With a version, only
// the fields it has.
std::string to_json(const StructInfo& structure, const void* object, std::optional<int16_t> version = {});
template <class T>
std::string to_json(const T& message, std::optional<int16_t> version = {}) {
  return to_json(*T::info().structure, &message, version);
}

}  // namespace ksim::wire
