#include "sim/judge/json_line.h"

#include <cctype>
#include <charconv>
#include <cstring>

#include <fmt/format.h>
#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>

namespace ksim::judge {
namespace {

using Kind = Token::Kind;

// Escapes can name half of a surrogate pair, which no UTF-8 text can hold: it comes out as ED A0..BF.
bool has_lone_surrogate(std::string_view text) {
  for (size_t at = text.find('\xed'); at != std::string_view::npos; at = text.find('\xed', at + 1)) {
    if (at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) >= 0xa0) return true;
  }
  return false;
}

bool has_high_byte(const char* line, size_t size) {
  uint64_t all = 0;
  size_t at = 0;
  for (; at + 8 <= size; at += 8) {
    uint64_t word;
    std::memcpy(&word, line + at, 8);
    all |= word;
  }
  for (; at < size; ++at) all |= static_cast<unsigned char>(line[at]);
  return (all & 0x8080808080808080ULL) != 0;
}

}  // namespace

struct JsonLine::Parser {
  std::vector<Token>& tokens;
  rapidjson::Reader reader{};
  std::vector<uint32_t> open{};
  bool escapes = false;  // the line has some
  bool surrogate = false;

  bool add(Kind kind, std::string_view text = {}) {
    tokens.emplace_back(kind, text, static_cast<uint32_t>(tokens.size() + 1));
    return true;
  }
  bool begin(Kind kind) {
    open.push_back(static_cast<uint32_t>(tokens.size()));
    return add(kind);
  }
  bool finish() {
    tokens[open.back()].end_at(static_cast<uint32_t>(tokens.size()));
    open.pop_back();
    return true;
  }

  // What RapidJSON calls. Numbers come as text.
  bool Null() { return add(Kind::null); }
  bool Bool(bool value) { return add(value ? Kind::truth : Kind::untruth); }
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(int64_t) { return false; }
  bool Uint64(uint64_t) { return false; }
  bool Double(double) { return false; }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) { return add(Kind::number, {text, size}); }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    if (escapes && has_lone_surrogate({text, size})) return surrogate = true, false;
    return add(Kind::text, {text, size});
  }
  bool Key(const char* text, rapidjson::SizeType size, bool copy) { return String(text, size, copy); }
  bool StartObject() { return begin(Kind::object); }
  bool EndObject(rapidjson::SizeType) { return finish(); }
  bool StartArray() { return begin(Kind::array); }
  bool EndArray(rapidjson::SizeType) { return finish(); }

  template <unsigned more>
  rapidjson::ParseResult parse(char* line) {
    constexpr unsigned kFlags = rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag |
                                rapidjson::kParseNumbersAsStringsFlag | more;
    rapidjson::InsituStringStream stream(line);
    return reader.Parse<kFlags>(stream, *this);
  }
};

JsonLine::JsonLine() : parser_(new Parser{tokens_}) {}
JsonLine::~JsonLine() = default;

std::optional<std::string> JsonLine::read(char* line, size_t size) {
  tokens_.clear();
  parser_->open.clear();
  parser_->surrogate = false;
  if (std::memchr(line, 0, size) != nullptr) return "not JSON: a byte of zero";
  if (std::string_view(line, size).starts_with("\xef\xbb\xbf")) return "not JSON: a byte order mark";
  parser_->escapes = std::memchr(line, '\\', size) != nullptr;
  const rapidjson::ParseResult result = has_high_byte(line, size)
                                            ? parser_->parse<rapidjson::kParseValidateEncodingFlag>(line)
                                            : parser_->parse<rapidjson::kParseNoFlags>(line);
  if (!result) {
    std::string why =
        parser_->surrogate ? "half of a surrogate pair" : rapidjson::GetParseError_En(result.Code());
    while (why.ends_with('.')) why.pop_back();
    if (!why.empty()) why[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(why[0])));
    return fmt::format("not JSON: {}, at byte {}", why, result.Offset() + 1);
  }
  return std::nullopt;
}

Whole read_whole(const Token& token, int64_t& into) {
  if (!token.is(Kind::number)) return Whole::not_whole;
  const std::string_view text = token.text();
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, into);
  if (error == std::errc{} && stop == end) return Whole::good;
  if (error == std::errc::result_out_of_range && stop == end) return Whole::out_of_range;
  return Whole::not_whole;
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
