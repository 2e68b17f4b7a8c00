#include "core/base/properties.h"

namespace ksim {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\f'; }
bool is_line_end(char c) { return c == '\n' || c == '\r'; }

void append_utf8(std::string& out, uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

std::optional<uint32_t> hex4(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  uint32_t value = 0;
  for (const char c : text.substr(0, 4)) {
    uint32_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<uint32_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<uint32_t>(c - 'a' + 10);
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<uint32_t>(c - 'A' + 10);
    } else {
      return std::nullopt;
    }
    value = value << 4 | digit;
  }
  return value;
}

Result<std::string> unescape(std::string_view text) {
  std::string out;
  uint32_t surrogate = 0;  // the first half of a pair of \u escapes
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      if (text[i] != '\\') out += text[i];
      continue;
    }
    const char c = text[++i];
    switch (c) {
      case 't':
        out += '\t';
        break;
      case 'n':
        out += '\n';
        break;
      case 'r':
        out += '\r';
        break;
      case 'f':
        out += '\f';
        break;
      case 'u': {
        const auto code = hex4(text.substr(i + 1));
        if (!code)
          return fail(ErrorCode::INVALID_CONFIG, "Malformed \\uxxxx escape in: " + std::string(text));
        i += 4;
        if (*code >= 0xd800 && *code < 0xdc00) {
          surrogate = *code;
        } else if (*code >= 0xdc00 && *code < 0xe000 && surrogate != 0) {
          append_utf8(out, 0x10000 + ((surrogate - 0xd800) << 10) + (*code - 0xdc00));
          surrogate = 0;
        } else {
          append_utf8(out, *code);
        }
        break;
      }
      default:
        out += c;
    }
  }
  return out;
}

// Takes the next logical line off `text`, without its continuations' leading blanks. Comments and empty lines
// are skipped; a comment is never continued.
bool next_line(std::string_view& text, std::string& line) {
  line.clear();
  while (!text.empty()) {
    while (!text.empty() && (is_blank(text.front()) || is_line_end(text.front()))) text.remove_prefix(1);
    if (text.empty()) return false;
    const bool comment = text.front() == '#' || text.front() == '!';
    bool continued = false;
    do {
      size_t end = 0;
      size_t backslashes = 0;
      while (end < text.size() && !is_line_end(text[end])) {
        backslashes = text[end] == '\\' ? backslashes + 1 : 0;
        ++end;
      }
      continued = !comment && backslashes % 2 == 1;
      line.append(text.substr(0, continued ? end - 1 : end));
      text.remove_prefix(end);
      if (text.size() >= 2 && text[0] == '\r' && text[1] == '\n') text.remove_prefix(1);
      if (!text.empty()) text.remove_prefix(1);
      while (continued && !text.empty() && is_blank(text.front())) text.remove_prefix(1);
    } while (continued && !text.empty());
    if (!comment) return true;
    line.clear();
  }
  return false;
}

}  // namespace

Result<PropertyMap> parse_properties(std::string_view text) {
  PropertyMap map;
  std::string line;
  while (next_line(text, line)) {
    const std::string_view all = line;
    size_t end = 0;
    while (end < all.size() && !is_blank(all[end]) && all[end] != '=' && all[end] != ':') {
      end += all[end] == '\\' ? 2 : 1;
    }
    end = std::min(end, all.size());
    size_t value = end;
    while (value < all.size() && is_blank(all[value])) ++value;
    if (value < all.size() && (all[value] == '=' || all[value] == ':')) {
      ++value;
      while (value < all.size() && is_blank(all[value])) ++value;
    }
    TRY_ASSIGN(std::string key, unescape(all.substr(0, end)));
    TRY_ASSIGN(std::string content, unescape(all.substr(value)));
    map.insert_or_assign(std::move(key), std::move(content));
  }
  return map;
}

std::string one_line(std::string_view text) {
  constexpr std::string_view kControls = "\t\n\r\f";
  constexpr std::string_view kLetters = "tnrf";
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string line;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (const size_t control = kControls.find(c); control != std::string_view::npos) {
      line.append("\\").append(1, kLetters[control]);
    } else if (byte < 0x20 || byte == 0x7f) {
      line.append("\\u00").append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
    } else {
      line += c;
    }
  }
  return line;
}

std::string escape_property(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (std::string_view("=:#!\\").find(c) != std::string_view::npos || (c == ' ' && text.empty()))
      text += '\\';
    text += one_line({&c, 1});
  }
  return text;
}

std::string property_of_environment(std::string_view variable) {
  constexpr std::string_view kPrefix = "KAFKA_";
  std::string name;
  if (variable.substr(0, kPrefix.size()) != kPrefix) return name;
  variable.remove_prefix(kPrefix.size());
  while (!variable.empty()) {
    const char c = variable.front();
    if (c != '_') {
      name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      variable.remove_prefix(1);
      continue;
    }
    size_t run = 0;
    while (run < variable.size() && run < 3 && variable[run] == '_') ++run;
    name += run == 1 ? '.' : run == 2 ? '_' : '-';
    variable.remove_prefix(run);
  }
  return name;
}

}  // namespace ksim
