#pragma once
// The schema notation in memory. core/wire/schema/FORMAT.md describes the text.

#include <optional>
#include <string>
#include <vector>

namespace ksim::wire::gen {

constexpr int kOpenEnd = 32767;

struct Range {
  int low = 0;
  int high = kOpenEnd;
  bool covers(const Range& other) const { return low <= other.low && high >= other.high; }
};

enum class Kind {
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

struct Field {
  std::string name;
  Kind kind = Kind::int32;
  std::string structure;  // its name, for Kind::structure
  bool is_array = false;
  Range versions;
  std::optional<int> nullable_from;
  int tag = -1;
  bool ignorable = false;
  std::string default_text;  // empty: the type's zero
  int line = 0;

  bool is_nullable() const { return nullable_from.has_value(); }
  bool is_tagged() const { return tag >= 0; }
  bool is_struct() const { return kind == Kind::structure; }
};

struct Struct {
  std::string name;
  Range versions;
  std::vector<Field> fields;
};

enum class MessageKind { request, response, record, data };

struct Message {
  MessageKind kind = MessageKind::data;
  int key = -1;
  Range versions;
  int flexible_from = kOpenEnd;
  std::vector<Struct> structs;  // those used inside first; the message itself is the last

  const std::string& name() const { return structs.back().name; }
  const Struct& find(const std::string& struct_name) const;
};

struct Api {
  int key = -1;
  std::string name;
  bool broker = false;
  bool controller = false;
  bool forwardable = false;
  int advertised_min = -1;  // -1: the lowest version of the request
};

struct File {
  std::string stem;  // "fetch" of schema/fetch.msg
  std::optional<Api> api;
  std::vector<Message> messages;

  const Message* request() const;
  const Message* response() const;
};

struct SchemaError {
  std::string text;  // "fetch.msg:12: ..."
};

// Throws SchemaError.
File parse(const std::string& stem, const std::string& text);

std::string pascal_case(const std::string& snake);

}  // namespace ksim::wire::gen
