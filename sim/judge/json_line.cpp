#include "sim/judge/json_line.h"

#define SIMDJSON_EXCEPTIONS 0
#include <algorithm>

#include <fmt/format.h>
#include <simdjson.h>

namespace ksim::judge {
namespace {

// Escapes can name half of a surrogate pair, which no UTF-8 text can hold: it comes out as ED A0..BF.
bool has_lone_surrogate(std::string_view text) {
  for (size_t at = text.find('\xed'); at != std::string_view::npos; at = text.find('\xed', at + 1)) {
    if (at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) >= 0xa0) return true;
  }
  return false;
}

std::string_view reason(simdjson::error_code error) {
  switch (error) {
    case simdjson::UTF8_ERROR:
      return "not UTF-8";
    case simdjson::NUMBER_ERROR:
      return "a malformed number, or one out of range";
    case simdjson::STRING_ERROR:
      return "a malformed text";
    case simdjson::UNESCAPED_CHARS:
      return "a control character in a text";
    case simdjson::UNCLOSED_STRING:
      return "a text without end: is the line cut off?";
    case simdjson::EMPTY:
      return "the line is empty";
    case simdjson::T_ATOM_ERROR:
    case simdjson::F_ATOM_ERROR:
    case simdjson::N_ATOM_ERROR:
      return "a malformed word";
    default:
      return "something is missing or out of place: is the line cut off?";
  }
}

}  // namespace

struct JsonLine::Parser {
  simdjson::dom::parser parser{};

  simdjson::error_code parse(std::string_view line) {
    const auto once = [&] {
      return parser.parse(reinterpret_cast<const uint8_t*>(line.data()), line.size(), false).error();
    };
    simdjson::error_code error = once();
    if (error != simdjson::DEPTH_ERROR) return error;
    // Nothing nests deeper than its text is long.
    error = parser.allocate(std::max(parser.capacity(), line.size()), line.size() + 1);
    if (error == simdjson::SUCCESS) error = once();
    return error;
  }
};

JsonLine::JsonLine() : parser_(std::make_unique<Parser>()) {}
JsonLine::~JsonLine() = default;

std::optional<std::string> JsonLine::read(std::string_view line) {
  if (line.starts_with("\xef\xbb\xbf")) return "not JSON: a byte order mark";
  if (const simdjson::error_code error = parser_->parse(line); error != simdjson::SUCCESS)
    return fmt::format("not JSON: {}", reason(error));
  tape_ = parser_->parser.doc.tape.get();
  texts_ = parser_->parser.doc.string_buf.get();
  if (line.find('\\') == std::string_view::npos) return std::nullopt;
  const auto end = static_cast<uint32_t>(tape_[0] & 0xff'ffff'ffffULL);
  for (uint32_t at = kRoot; at < end;) {
    const Token token = (*this)[at];
    if (token.is(Token::Kind::text) && has_lone_surrogate(token.text()))
      return "not JSON: half of a surrogate pair";
    const bool enters = token.is(Token::Kind::array) || token.is(Token::Kind::object);
    at = enters ? at + 1 : token.next();
  }
  return std::nullopt;
}

void append_json_text(std::string& out, std::string_view text) {
  out.push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte < 0x20) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

}  // namespace ksim::judge
