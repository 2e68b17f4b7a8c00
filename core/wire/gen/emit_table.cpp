#include <algorithm>

#include <fmt/format.h>

#include "core/wire/gen/emit.h"

namespace ksim::wire::gen {
namespace {

const char* type_name(Kind kind) {
  switch (kind) {
    case Kind::boolean:
      return "boolean";
    case Kind::int8:
      return "int8";
    case Kind::int16:
      return "int16";
    case Kind::int32:
      return "int32";
    case Kind::int64:
      return "int64";
    case Kind::uint16:
      return "uint16";
    case Kind::uint32:
      return "uint32";
    case Kind::float64:
      return "float64";
    case Kind::uuid:
      return "uuid";
    case Kind::string:
      return "string";
    case Kind::bytes:
      return "bytes";
    case Kind::records:
      return "records";
    case Kind::structure:
      return "structure";
  }
  return "";
}

const char* kind_name(MessageKind kind) {
  switch (kind) {
    case MessageKind::request:
      return "request";
    case MessageKind::response:
      return "response";
    case MessageKind::record:
      return "record";
    case MessageKind::data:
      return "data";
  }
  return "";
}

std::string field_row(const Struct& structure, const Field& field) {
  std::string ops = "nullptr";
  if (field.is_array)
    ops = fmt::format("&kArrayOps<{}, {}>", element_type(field), is_optional(field));
  else if (field.is_struct())
    ops = fmt::format("&kStructOps<{}, {}>", element_type(field), is_optional(field));
  return fmt::format(
      "    {{\"{}\", FieldType::{}, {}, {}, {}, {}, {{{}, {}}}, {}, offsetof({}, {}), {}, {}, \"{}\"}},\n",
      field.name, type_name(field.kind), field.is_array, is_optional(field), field.ignorable, field.tag,
      field.versions.low, field.versions.high, field.nullable_from.value_or(kOpenEnd), structure.name,
      field.name, field.is_struct() ? "&k" + field.structure + "Struct" : "nullptr", ops, field.default_text);
}

}  // namespace

std::string emit_tables(const std::vector<const File*>& files) {
  std::string out = "// Generated from core/wire/schema.\n#include <cstddef>\n\n";
  for (const File* file : files) out += include_line(*file);
  out += "#include \"core/wire/reflect_ops.h\"\n\nnamespace ksim::wire {\n";
  std::string messages;
  out += "namespace {\n\n";
  for (const File* file : files) {
    for (const Message& message : file->messages) {
      for (const Struct& structure : message.structs) {
        if (!structure.fields.empty()) {
          out += fmt::format("const FieldInfo k{}Fields[] = {{\n", structure.name);
          for (const Field& field : structure.fields) out += field_row(structure, field);
          out += "};\n";
        }
        const std::string fields = structure.fields.empty() ? "{}" : "k" + structure.name + "Fields";
        out += fmt::format("const StructInfo k{0}Struct = {{\"{0}\", {1}, sizeof({0})}};\n\n", structure.name,
                           fields);
      }
      messages += fmt::format(
          "extern const MessageInfo k{0}Message;\n"
          "const MessageInfo k{0}Message = {{\"{0}\", MessageKind::{1}, {2}, {3}, {4}, {5}, &k{0}Struct, "
          "&kMessageOps<{0}>}};\nconst MessageInfo& {0}::info() {{ return k{0}Message; }}\n",
          message.name(), kind_name(message.kind), message.key, message.versions.low, message.versions.high,
          message.flexible_from);
    }
  }
  return out + "}  // namespace\n\n" + messages + "\n}  // namespace ksim::wire\n";
}

std::string emit_message_list(const std::vector<File>& files) {
  std::string out =
      "// Generated from core/wire/schema.\n#include \"core/wire/reflect.h\"\n\nnamespace ksim::wire {\n\n";
  std::string list;
  for (const File& file : files) {
    for (const Message& message : file.messages) {
      out += fmt::format("extern const MessageInfo k{}Message;\n", message.name());
      list += fmt::format("    &k{}Message,\n", message.name());
    }
  }
  return out + "\nnamespace {\nconst MessageInfo* const kMessages[] = {\n" + list +
         "};\n}  // namespace\n\nstd::span<const MessageInfo* const> all_messages() { return kMessages; }\n\n"
         "}  // namespace ksim::wire\n";
}

// KSIM_API(key, enumerator, "Name", lowest, highest, advertised lowest, request flexible from, response
// flexible from, broker, controller, forwardable)
std::string emit_api_list(const std::vector<File>& files) {
  std::vector<const File*> apis;
  for (const File& file : files)
    if (file.api) apis.push_back(&file);
  std::sort(apis.begin(), apis.end(), [](const File* a, const File* b) { return a->api->key < b->api->key; });
  std::string out = "// Generated from core/wire/schema.\n";
  for (const File* file : apis) {
    const Api& api = *file->api;
    const Message& request = *file->request();
    out += fmt::format("KSIM_API({}, {}, \"{}\", {}, {}, {}, {}, {}, {}, {}, {})\n", api.key, file->stem,
                       api.name, request.versions.low, request.versions.high,
                       api.advertised_min >= 0 ? api.advertised_min : request.versions.low,
                       request.flexible_from, file->response()->flexible_from, api.broker, api.controller,
                       api.forwardable);
  }
  return out;
}

}  // namespace ksim::wire::gen
