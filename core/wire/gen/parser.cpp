#include <cctype>
#include <map>
#include <sstream>

#include "core/wire/gen/schema.h"

namespace ksim::wire::gen {
namespace {

const std::map<std::string, Kind>& primitive_kinds() {
  static const std::map<std::string, Kind> kinds = {
      {"bool", Kind::boolean},  {"int8", Kind::int8},      {"int16", Kind::int16},
      {"int32", Kind::int32},   {"int64", Kind::int64},    {"uint16", Kind::uint16},
      {"uint32", Kind::uint32}, {"double", Kind::float64}, {"uuid", Kind::uuid},
      {"string", Kind::string}, {"bytes", Kind::bytes},    {"records", Kind::records}};
  return kinds;
}

struct Line {
  int number = 0;
  size_t indent = 0;
  std::vector<std::string> words;
};

class Parser {
 public:
  Parser(std::string stem, const std::string& text) : stem_(std::move(stem)) {
    std::istringstream in(text);
    std::string line;
    for (int number = 1; std::getline(in, line); ++number) add_line(number, line.substr(0, line.find('#')));
  }

  File run() {
    File file;
    file.stem = stem_;
    while (at_ < lines_.size()) {
      if (line().indent != 0) error("expected api, request, response, record or data at the left margin");
      if (line().words[0] == "api")
        file.api = api();
      else
        file.messages.push_back(message(file));
    }
    if (file.api && (file.request() == nullptr || file.response() == nullptr))
      error("an api needs a request and a response");
    return file;
  }

 private:
  void add_line(int number, const std::string& text) {
    std::istringstream in(text);
    Line line{number, text.find_first_not_of(' '), {}};
    for (std::string word; in >> word;) line.words.push_back(word);
    if (!line.words.empty()) lines_.push_back(line);
  }
  const Line& line() const { return lines_[at_]; }
  [[noreturn]] void error(const std::string& what) const {
    const int number = lines_.empty() ? 0 : lines_[at_ < lines_.size() ? at_ : lines_.size() - 1].number;
    throw SchemaError{stem_ + ".msg:" + std::to_string(number) + ": " + what};
  }

  int number(const std::string& text) const {
    if (text.empty() || text.size() > 5) error("not a number: '" + text + "'");
    for (char c : text)
      if (std::isdigit(static_cast<unsigned char>(c)) == 0) error("not a number: '" + text + "'");
    return std::stoi(text);
  }
  Range range(const std::string& text, const Range& within) const {
    if (text.back() == '+') return {number(text.substr(0, text.size() - 1)), within.high};
    const size_t dash = text.find('-');
    if (dash == std::string::npos) error("versions are written '3+' or '3-7'");
    return {number(text.substr(0, dash)), number(text.substr(dash + 1))};
  }

  Api api() {
    const std::vector<std::string>& words = line().words;
    if (words.size() < 4) error("api KEY Name LISTENER...");
    Api api;
    api.key = number(words[1]);
    api.name = words[2];
    for (size_t i = 3; i < words.size(); ++i) {
      if (words[i] == "broker")
        api.broker = true;
      else if (words[i] == "controller")
        api.controller = true;
      else if (words[i] == "forwardable")
        api.forwardable = true;
      else if (words[i] == "advertised-min" && i + 1 < words.size())
        api.advertised_min = number(words[++i]);
      else
        error("unknown word '" + words[i] + "'");
    }
    ++at_;
    return api;
  }

  // request Name 3-12 flexible 9+ | record 7 Name 0-0 flexible 0+
  Message message(const File& file) {
    const std::vector<std::string>& words = line().words;
    Message message;
    size_t word = 1;
    if (words[0] == "record") {
      message.kind = MessageKind::record;
      message.key = number(words.at(word++));
    } else if (words[0] == "request" || words[0] == "response") {
      message.kind = words[0] == "request" ? MessageKind::request : MessageKind::response;
      if (!file.api) error("a request or response belongs under an api line");
      message.key = file.api->key;
    } else if (words[0] != "data") {
      error("unknown word '" + words[0] + "'");
    }
    if (words.size() < word + 2) error("a message has a name and versions");
    Struct top;
    top.name = words[word];
    message.versions = top.versions = range(words[word + 1], Range{});
    word += 2;
    if (word + 1 < words.size() && words[word] == "flexible") {
      message.flexible_from = range(words[word + 1], message.versions).low;
      word += 2;
    }
    if (word != words.size()) error("unknown word '" + words[word] + "'");
    ++at_;
    fields(message, top, 0);
    message.structs.push_back(std::move(top));
    return message;
  }

  // The lines indented deeper than `indent`.
  void fields(Message& message, Struct& into, size_t indent) {
    if (at_ >= lines_.size() || line().indent <= indent) return;
    const size_t own = line().indent;
    while (at_ < lines_.size() && line().indent > indent) {
      if (line().indent != own) error("unexpected indentation");
      if (line().words[0] == "struct") {
        Struct shared{line().words.at(1), into.versions, {}};
        ++at_;
        fields(message, shared, own);
        add_struct(message, std::move(shared));
        continue;
      }
      field(message, into, own);
    }
  }

  void add_struct(Message& message, Struct added) {
    for (const Struct& other : message.structs)
      if (other.name == added.name) error("structure " + added.name + " is defined twice");
    message.structs.push_back(std::move(added));
  }

  void field(Message& message, Struct& into, size_t indent) {
    const std::vector<std::string>& words = line().words;
    if (words.size() < 2) error("a field has a name and a type");
    Field field;
    field.line = line().number;
    field.name = words[0];
    field.versions = into.versions;
    size_t word = 2;
    if (word < words.size() && std::isdigit(static_cast<unsigned char>(words[word][0])) != 0)
      field.versions = range(words[word++], into.versions);
    type(field, words[1]);
    for (; word < words.size(); ++word) {
      if (words[word] == "ignorable") {
        field.ignorable = true;
      } else if (words[word] == "tag" && word + 1 < words.size()) {
        field.tag = number(words[++word]);
      } else if (words[word] == "=" && word + 1 < words.size()) {
        field.default_text = words[++word];
      } else {
        error("unknown word '" + words[word] + "'");
      }
    }
    check(message, into, field);
    ++at_;
    if (field.is_struct() && at_ < lines_.size() && line().indent > indent) {
      Struct nested{field.structure, field.versions, {}};
      fields(message, nested, indent);
      add_struct(message, std::move(nested));
    }
    into.fields.push_back(std::move(field));
  }

  // int32 | string? | string?7+ | [Name] | [Name]?
  void type(Field& field, const std::string& text) const {
    std::string base = text;
    if (const size_t question = text.find('?'); question != std::string::npos) {
      const std::string from = text.substr(question + 1);
      field.nullable_from = from.empty() ? field.versions.low : range(from, field.versions).low;
      base = text.substr(0, question);
    }
    if (base.size() > 2 && base.front() == '[' && base.back() == ']') {
      field.is_array = true;
      base = base.substr(1, base.size() - 2);
    }
    if (const auto found = primitive_kinds().find(base); found != primitive_kinds().end()) {
      field.kind = found->second;
    } else if (std::isupper(static_cast<unsigned char>(base[0])) != 0) {
      field.kind = Kind::structure;
      field.structure = base;
    } else {
      error("unknown type '" + base + "'");
    }
  }

  void check(const Message& message, const Struct& into, const Field& field) const {
    for (const Field& other : into.fields) {
      if (other.name == field.name) error("field " + field.name + " occurs twice");
      if (other.is_tagged() && other.tag == field.tag)
        error("tag " + std::to_string(field.tag) + " occurs twice");
    }
    if (!into.versions.covers(field.versions) || field.versions.low > field.versions.high)
      error("versions of " + field.name + " leave those of " + into.name);
    if (field.is_tagged() && field.versions.low < message.flexible_from)
      error("tagged field " + field.name + " begins before the message is flexible");
    const bool can_be_null = field.is_array || field.is_struct() || field.kind == Kind::string ||
                             field.kind == Kind::bytes || field.kind == Kind::records;
    if (field.is_nullable() && !can_be_null) error(field.name + " cannot be null");
    if (field.default_text == "null" && !field.is_nullable())
      error(field.name + " cannot be null by default");
    if (field.kind == Kind::records && field.is_tagged()) error("records cannot be tagged");
  }

  std::string stem_;
  std::vector<Line> lines_;
  size_t at_ = 0;
};

}  // namespace

File parse(const std::string& stem, const std::string& text) {
  File file = Parser(stem, text).run();
  for (const Message& message : file.messages)
    for (const Struct& structure : message.structs)
      for (const Field& field : structure.fields)
        if (field.is_struct()) static_cast<void>(message.find(field.structure));
  return file;
}

const Struct& Message::find(const std::string& struct_name) const {
  for (const Struct& structure : structs)
    if (structure.name == struct_name) return structure;
  throw SchemaError{name() + ": no structure " + struct_name};
}

const Message* File::request() const {
  for (const Message& message : messages)
    if (message.kind == MessageKind::request) return &message;
  return nullptr;
}

const Message* File::response() const {
  for (const Message& message : messages)
    if (message.kind == MessageKind::response) return &message;
  return nullptr;
}

std::string pascal_case(const std::string& snake) {
  std::string name;
  bool upper = true;
  for (char c : snake) {
    if (c == '_') {
      upper = true;
      continue;
    }
    name += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = false;
  }
  return name;
}

}  // namespace ksim::wire::gen
