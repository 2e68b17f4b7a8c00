#include <fmt/format.h>

#include "core/wire/gen/emit.h"

namespace ksim::wire::gen {

std::string element_type(const Field& field) {
  switch (field.kind) {
    case Kind::boolean:
      return "bool";
    case Kind::int8:
      return "int8_t";
    case Kind::int16:
      return "int16_t";
    case Kind::int32:
      return "int32_t";
    case Kind::int64:
      return "int64_t";
    case Kind::uint16:
      return "uint16_t";
    case Kind::uint32:
      return "uint32_t";
    case Kind::float64:
      return "double";
    case Kind::uuid:
      return "Uuid";
    case Kind::string:
      return "std::string_view";
    case Kind::bytes:
      return "Bytes";
    case Kind::records:
      return "Records";
    case Kind::structure:
      return field.structure;
  }
  return {};
}

bool is_optional(const Field& field) {
  return field.is_nullable() && (field.is_array || field.kind != Kind::records);
}

std::string member_type(const Field& field) {
  std::string type = element_type(field);
  if (field.is_array) type = "std::span<" + type + ">";
  return is_optional(field) ? "std::optional<" + type + ">" : type;
}

std::string default_value(const Field& field) {
  if (field.default_text == "null") return {};
  if (is_optional(field)) {
    const std::string type = member_type(field);
    return type.substr(14, type.size() - 15) + "{}";
  }
  if (field.is_array) return {};
  switch (field.kind) {
    case Kind::boolean:
      return field.default_text.empty() ? "false" : field.default_text;
    case Kind::int8:
    case Kind::int16:
    case Kind::int32:
    case Kind::int64:
    case Kind::uint16:
    case Kind::uint32:
    case Kind::float64:
      return field.default_text.empty() ? "0" : field.default_text;
    default:
      return {};
  }
}

std::string is_set(const Field& field) {
  const std::string m = "m." + field.name;
  if (is_optional(field)) {
    if (field.default_text == "null") return m + ".has_value()";
    if (field.is_struct() && !field.is_array) return fmt::format("!({0}.has_value() && is_default(*{0}))", m);
    return fmt::format("!({0}.has_value() && {0}->empty())", m);
  }
  if (field.is_array || field.kind == Kind::string || field.kind == Kind::bytes) return "!" + m + ".empty()";
  if (field.kind == Kind::records) return fmt::format("({0}.is_null || {0}.size_bytes() > 0)", m);
  if (field.kind == Kind::uuid) return "!" + m + ".is_zero()";
  if (field.is_struct()) return "!is_default(" + m + ")";
  if (field.kind == Kind::boolean) return default_value(field) == "true" ? "!" + m : m;
  return m + " != " + default_value(field);
}

std::string include_line(const File& file) {
  return fmt::format("#include \"core/wire/messages/{}.h\"\n", file.stem);
}

namespace {

std::string constants(const Message& message) {
  std::string out;
  if (message.kind == MessageKind::request) {
    std::string response = message.name();
    response.replace(response.size() - 7, 7, "Response");
    out += "  using Response = " + response + ";\n";
  }
  if (message.key >= 0) out += fmt::format("  static constexpr int16_t kApiKey = {};\n", message.key);
  out += fmt::format("  static constexpr int16_t kMinVersion = {};\n", message.versions.low);
  out += fmt::format("  static constexpr int16_t kMaxVersion = {};\n", message.versions.high);
  out += message.flexible_from == kOpenEnd
             ? "  static constexpr int16_t kFlexibleFrom = kNeverFlexible;\n"
             : fmt::format("  static constexpr int16_t kFlexibleFrom = {};\n", message.flexible_from);
  out += fmt::format("  static constexpr std::string_view kName = \"{}\";\n", message.name());
  out += "  static const MessageInfo& info();\n";
  return out;
}

std::string versions_comment(const Field& field, const Struct& within) {
  std::string text;
  if (!field.versions.covers(within.versions)) {
    text = field.versions.high == within.versions.high
               ? fmt::format("v{}+", field.versions.low)
               : fmt::format("v{}-{}", field.versions.low, field.versions.high);
  }
  if (field.is_tagged()) text += fmt::format("{}tag {}", text.empty() ? "" : ", ", field.tag);
  return text.empty() ? text : "  // " + text;
}

}  // namespace

std::string emit_header(const File& file) {
  std::string out = fmt::format(
      "// Generated from core/wire/schema/{}.msg.\n#pragma once\n\n#include \"core/wire/message.h\"\n\n"
      "namespace ksim::wire {{\n",
      file.stem);
  for (const Message& message : file.messages) {
    if (message.kind == MessageKind::request) out += "\nstruct " + file.response()->name() + ";\n";
    for (const Struct& structure : message.structs) {
      out += fmt::format("\nstruct {} {{\n", structure.name);
      if (&structure == &message.structs.back()) out += constants(message);
      for (const Field& field : structure.fields) {
        const std::string value = default_value(field);
        out += fmt::format("  {} {}{}{};{}\n", member_type(field), field.name, value.empty() ? "" : " = ",
                           value, versions_comment(field, structure));
      }
      out += "};\n";
    }
    out += fmt::format(
        "\nvoid encode(Writer& w, const {0}& m, int16_t version);\n"
        "Result<void> decode(Reader& r, {0}& m, int16_t version);\n",
        message.name());
  }
  return out + "\n}  // namespace ksim::wire\n";
}

}  // namespace ksim::wire::gen
