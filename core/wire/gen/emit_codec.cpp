#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "core/wire/gen/emit.h"

namespace ksim::wire::gen {
namespace {

// Emits the functions of one structure.
class StructEmitter {
 public:
  StructEmitter(const Message& message, const Struct& structure) : message_(message), struct_(structure) {}

  std::string write() {
    out_ = fmt::format(
        "void write([[maybe_unused]] Writer& w, [[maybe_unused]] const {}& m, [[maybe_unused]] int16_t v) "
        "{{\n",
        struct_.name);
    out_ += flexible_line();
    for (const Field& field : struct_.fields)
      if (!field.is_tagged()) write_field(field);
    if (may_be_flexible()) write_tags();
    return out_ + "}\n\n";
  }

  std::string read() {
    out_ = fmt::format(
        "void read([[maybe_unused]] Reader& r, [[maybe_unused]] {}& m, [[maybe_unused]] int16_t v) {{\n",
        struct_.name);
    out_ += flexible_line();
    for (const Field& field : struct_.fields) {
      if (field.is_tagged()) continue;
      const std::string condition = in_versions(field);
      if (condition.empty()) {
        read_value(field, "  ");
      } else {
        out_ += fmt::format("  if ({}) {{\n", condition);
        read_value(field, "    ");
        out_ += "  }\n";
      }
    }
    if (may_be_flexible()) read_tags();
    return out_ + "}\n\n";
  }

  std::string is_default() const {
    std::string all;
    for (const Field& field : struct_.fields)
      all += fmt::format("{}!({})", all.empty() ? "" : " && ", is_set(field));
    return fmt::format("bool is_default([[maybe_unused]] const {}& m) {{ return {}; }}\n\n", struct_.name,
                       all.empty() ? "true" : all);
  }

 private:
  bool may_be_flexible() const { return message_.flexible_from <= struct_.versions.high; }
  bool always_flexible() const { return message_.flexible_from <= struct_.versions.low; }
  std::string flexible_line() const {
    if (!may_be_flexible()) return "  [[maybe_unused]] constexpr bool flexible = false;\n";
    if (always_flexible()) return "  [[maybe_unused]] constexpr bool flexible = true;\n";
    return fmt::format("  const bool flexible = v >= {};\n", message_.flexible_from);
  }
  // "" if the field is in every version of the structure.
  std::string in_versions(const Field& field) const {
    const bool from = field.versions.low > struct_.versions.low;
    const bool to = field.versions.high < struct_.versions.high;
    if (from && to) return fmt::format("v >= {} && v <= {}", field.versions.low, field.versions.high);
    if (from) return fmt::format("v >= {}", field.versions.low);
    return to ? fmt::format("v <= {}", field.versions.high) : "";
  }
  static std::string nullable(const Field& field) {
    if (!field.is_nullable()) return "false";
    if (*field.nullable_from <= field.versions.low) return "true";
    return fmt::format("v >= {}", *field.nullable_from);
  }
  static std::string primitive(Kind kind) {
    switch (kind) {
      case Kind::boolean:
        return "boolean";
      case Kind::int8:
        return "i8";
      case Kind::int16:
        return "i16";
      case Kind::int32:
        return "i32";
      case Kind::int64:
        return "i64";
      case Kind::uint16:
        return "u16";
      case Kind::uint32:
        return "u32";
      case Kind::float64:
        return "f64";
      case Kind::uuid:
        return "uuid";
      default:
        return {};
    }
  }

  void write_field(const Field& field) {
    const std::string condition = in_versions(field);
    if (condition.empty()) return write_value(field, "  ");
    out_ += fmt::format("  if ({}) {{\n", condition);
    write_value(field, "    ");
    if (field.ignorable)
      out_ += "  }\n";
    else
      out_ +=
          fmt::format("  }} else if ({}) {{\n    w.unsupported(\"{}\");\n  }}\n", is_set(field), field.name);
  }

  void write_value(const Field& field, const std::string& indent) {
    if (!is_optional(field)) return write_present(field, "m." + field.name, indent);
    out_ += fmt::format("{}if (m.{}.has_value()) {{\n", indent, field.name);
    if (field.is_struct() && !field.is_array) out_ += indent + "  w.present_struct();\n";
    write_present(field, "(*m." + field.name + ")", indent + "  ");
    const bool is_string = field.kind == Kind::string && !field.is_array;
    out_ += indent + "} else {\n";
    if (field.is_struct() && !field.is_array)
      out_ += indent + "  w.null_struct();\n";
    else
      out_ += fmt::format("{}  w.null_{}({}, flexible, \"{}\");\n", indent, is_string ? "string" : "array",
                          nullable(field), field.name);
    out_ += indent + "}\n";
  }

  void write_present(const Field& field, const std::string& value, const std::string& indent) {
    if (field.is_array) {
      out_ += fmt::format("{}w.array_size({}.size(), flexible, \"{}\");\n", indent, value, field.name);
      out_ += fmt::format("{}for (const auto& e : {}) {{\n", indent, value);
      write_one(field, "e", indent + "  ");
      out_ += indent + "}\n";
    } else {
      write_one(field, value, indent);
    }
  }

  void write_one(const Field& field, const std::string& value, const std::string& indent) {
    if (field.is_struct())
      out_ += fmt::format("{}write(w, {}, v);\n", indent, value);
    else if (field.kind == Kind::records)
      out_ +=
          fmt::format("{}w.records({}, {}, flexible, \"{}\");\n", indent, value, nullable(field), field.name);
    else if (field.kind == Kind::string || field.kind == Kind::bytes)
      out_ += fmt::format("{}w.{}({}, flexible, \"{}\");\n", indent,
                          field.kind == Kind::string ? "string" : "bytes", value, field.name);
    else
      out_ += fmt::format("{}w.{}({});\n", indent, primitive(field.kind), value);
  }

  // In the order of the tags. Those that hold their default are left out.
  std::vector<const Field*> tagged() const {
    std::vector<const Field*> fields;
    for (const Field& field : struct_.fields)
      if (field.is_tagged()) fields.push_back(&field);
    std::sort(fields.begin(), fields.end(), [](const Field* a, const Field* b) { return a->tag < b->tag; });
    return fields;
  }

  void write_tags() {
    const std::vector<const Field*> fields = tagged();
    std::string sum;
    for (const Field* field : fields) {
      const std::string condition = in_versions(*field);
      out_ += fmt::format("  const bool has_{} = {}{};\n", field->name,
                          condition.empty() ? "" : condition + " && ", is_set(*field));
      sum += fmt::format("{}(has_{} ? 1U : 0U)", sum.empty() ? "" : " + ", field->name);
      if (!condition.empty() && !field->ignorable)
        out_ += fmt::format("  if (!has_{} && {}) w.unsupported(\"{}\");\n", field->name, is_set(*field),
                            field->name);
    }
    out_ += always_flexible() ? "  {\n" : "  if (flexible) {\n";
    out_ += fmt::format("    w.uvarint({});\n", sum.empty() ? "0" : sum);
    for (const Field* field : fields) {
      out_ += fmt::format("    if (has_{}) {{\n      const size_t begin = w.begin_tag({});\n", field->name,
                          field->tag);
      write_value(*field, "      ");
      out_ += "      w.end_tag(begin);\n    }\n";
    }
    out_ += "  }\n";
  }

  void read_value(const Field& field, const std::string& indent) {
    if (field.is_array) return read_array(field, indent);
    const std::string m = "m." + field.name;
    if (field.is_struct()) return read_struct(field, indent);
    if (field.kind == Kind::records) {
      out_ +=
          fmt::format("{}{} = r.records({}, flexible, \"{}\");\n", indent, m, nullable(field), field.name);
    } else if (field.kind == Kind::string || field.kind == Kind::bytes) {
      const char* what = field.kind == Kind::string ? "string" : "bytes";
      if (is_optional(field))
        out_ += fmt::format("{}{} = r.nullable_{}(flexible, \"{}\", {});\n", indent, m, what, field.name,
                            nullable(field));
      else
        out_ += fmt::format("{}{} = r.{}(flexible, \"{}\");\n", indent, m, what, field.name);
    } else {
      out_ += fmt::format("{}{} = r.{}(\"{}\");\n", indent, m, primitive(field.kind), field.name);
    }
  }

  void read_struct(const Field& field, const std::string& indent) {
    std::string value = "m." + field.name;
    std::string inner = indent + "  ";
    if (is_optional(field)) {
      out_ += fmt::format("{0}{1}.reset();\n{0}if (r.struct_present(\"{2}\")) {{\n{0}  {1}.emplace();\n",
                          indent, value, field.name);
      value = "*" + value;
    } else {
      out_ += indent + "if (r.ok()) {\n";
    }
    out_ += fmt::format("{0}read(r, {1}, v);\n{0}if (!r.ok()) r.within(\"{2}\");\n{3}}}\n", inner, value,
                        field.name, indent);
  }

  void read_array(const Field& field, const std::string& indent) {
    const std::string type = element_type(field);
    out_ += fmt::format("{0}{{\n{0}  const auto items = r.array<{1}>({2}, flexible, {3}, \"{4}\");\n", indent,
                        type, nullable(field), smallest_element(field), field.name);
    out_ += indent + "  const size_t count = items.has_value() ? items->size() : 0;\n";
    out_ += indent + "  for (size_t i = 0; i < count && r.ok(); ++i) {\n";
    if (field.is_struct()) {
      out_ += fmt::format("{0}    read(r, (*items)[i], v);\n{0}    if (!r.ok()) r.within(\"{1}\", i);\n",
                          indent, field.name);
    } else {
      const bool text = field.kind == Kind::string || field.kind == Kind::bytes;
      const char* reader = field.kind == Kind::string ? "string" : "bytes";
      out_ += fmt::format("{}    (*items)[i] = r.{}({}\"{}\");\n", indent,
                          text ? reader : primitive(field.kind), text ? "flexible, " : "", field.name);
    }
    out_ += indent + "  }\n";
    out_ += is_optional(field)
                ? fmt::format("{}  m.{} = items;\n", indent, field.name)
                : fmt::format("{}  m.{} = items.value_or(std::span<{}>{{}});\n", indent, field.name, type);
    out_ += indent + "}\n";
  }

  void read_tags() {
    const std::vector<const Field*> fields = tagged();
    const std::string indent = always_flexible() ? "  " : "    ";
    if (!always_flexible()) out_ += "  if (flexible) {\n";
    if (fields.empty()) {
      out_ += indent + "r.skip_tags();\n";
    } else {
      out_ += fmt::format(
          "{0}for (uint32_t left = r.tag_count(); left > 0 && r.ok(); --left) {{\n"
          "{0}  const Reader::Tag tag = r.begin_tag();\n{0}  if (!r.ok()) break;\n",
          indent);
      std::string otherwise = "  ";
      for (const Field* field : fields) {
        const std::string condition = in_versions(*field);
        out_ += fmt::format("{}{}if (tag.number == {}{}) {{\n", indent, otherwise, field->tag,
                            condition.empty() ? "" : " && " + condition);
        read_value(*field, indent + "    ");
        out_ += fmt::format("{}    r.end_tag(tag, \"{}\");\n", indent, field->name);
        otherwise = "  } else ";
      }
      out_ += fmt::format("{0}  }} else {{\n{0}    r.skip_tag(tag);\n{0}  }}\n{0}}}\n", indent);
    }
    if (!always_flexible()) out_ += "  }\n";
  }

  // The fewest bytes one element of the array can take, over all versions.
  size_t smallest_element(const Field& field) const {
    Field one = field;
    one.is_array = false;
    one.nullable_from.reset();
    return std::max<size_t>(1, smallest(one));
  }
  size_t smallest(const Field& field) const {
    const bool compact = may_be_flexible();
    if (field.is_array) return compact ? 1 : 4;
    switch (field.kind) {
      case Kind::boolean:
      case Kind::int8:
        return 1;
      case Kind::int16:
      case Kind::uint16:
        return 2;
      case Kind::int32:
      case Kind::uint32:
        return 4;
      case Kind::int64:
      case Kind::float64:
        return 8;
      case Kind::uuid:
        return 16;
      case Kind::string:
        return compact ? 1 : 2;
      case Kind::bytes:
      case Kind::records:
        return compact ? 1 : 4;
      case Kind::structure:
        break;
    }
    if (field.is_nullable()) return 1;
    const Struct& nested = message_.find(field.structure);
    size_t sum = message_.flexible_from <= nested.versions.low ? 1 : 0;
    for (const Field& inner : nested.fields)
      if (!inner.is_tagged() && inner.versions.covers(nested.versions)) sum += smallest(inner);
    return sum;
  }

  const Message& message_;
  const Struct& struct_;
  std::string out_;
};

// Names of the structures whose is_default() somebody calls.
void need_defaults(const Message& message, const Struct& structure, std::set<std::string>& needed, bool all) {
  for (const Field& field : structure.fields) {
    if (!field.is_struct() || field.is_array) continue;
    const bool asked =
        all || field.is_tagged() || (!field.ignorable && !field.versions.covers(structure.versions));
    if (!asked || field.default_text == "null") continue;
    if (needed.insert(field.structure).second)
      need_defaults(message, message.find(field.structure), needed, true);
  }
}

}  // namespace

std::string emit_codecs(const std::vector<const File*>& files) {
  std::string out = "// Generated from core/wire/schema.\n";
  for (const File* file : files) out += include_line(*file);
  out += "#include \"core/wire/reader.h\"\n#include \"core/wire/writer.h\"\n\nnamespace ksim::wire {\n";
  for (const File* file : files) {
    for (const Message& message : file->messages) {
      out += "namespace {\n\n";
      std::set<std::string> needed;
      for (const Struct& structure : message.structs) need_defaults(message, structure, needed, false);
      for (const Struct& structure : message.structs) {
        StructEmitter emitter(message, structure);
        if (needed.count(structure.name) > 0) out += emitter.is_default();
        out += emitter.write();
        out += emitter.read();
      }
      out += "}  // namespace\n\n";
      out += fmt::format(
          "void encode(Writer& w, const {0}& m, int16_t version) {{\n"
          "  if (w.begin_message(\"{0}\", version, {1}, {2})) write(w, m, version);\n}}\n\n"
          "Result<void> decode(Reader& r, {0}& m, int16_t version) {{\n"
          "  m = {0}{{}};\n"
          "  if (r.begin_message(\"{0}\", version, {1}, {2})) read(r, m, version);\n"
          "  return r.status();\n}}\n\n",
          message.name(), message.versions.low, message.versions.high);
    }
  }
  return out + "}  // namespace ksim::wire\n";
}

}  // namespace ksim::wire::gen
