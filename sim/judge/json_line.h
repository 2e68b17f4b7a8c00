#pragma once
// One line of JSON (RFC 8259) as a flat list of tokens. RapidJSON reads it in place and without recursion, so
// that nesting costs memory only; numbers stay text, so that integers are exact.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ksim::judge {

// Small, for a line may hold millions of them.
class Token {
 public:
  enum class Kind : uint8_t { null, truth, untruth, number, text, array, object };

  Token(Kind kind, std::string_view text, uint32_t end)
      : data_(text.data()),
        packed_(static_cast<uint32_t>(text.size()) | uint32_t{static_cast<uint8_t>(kind)} << 28),
        end_(end) {}

  Kind kind() const { return static_cast<Kind>(packed_ >> 28); }
  bool is(Kind wanted) const { return kind() == wanted; }
  // Of a number or text; it lives in the line.
  std::string_view text() const { return {data_, packed_ & 0xfffffff}; }
  // The token after this value and all that is in it.
  uint32_t end() const { return end_; }
  void end_at(uint32_t token) { end_ = token; }

 private:
  const char* data_;
  uint32_t packed_;  // the size, and the kind in the upper four bits
  uint32_t end_;
};

// A container is followed by what it holds: values of an array; a text and a value for each member of an
// object.
class JsonLine {
 public:
  JsonLine();
  JsonLine(const JsonLine&) = delete;
  JsonLine& operator=(const JsonLine&) = delete;
  ~JsonLine();

  // Reads one value; `line` is overwritten, line[size] must be 0 and `size` below 2^28. Returns why it is not
  // JSON, if it is not.
  std::optional<std::string> read(char* line, size_t size);
  const std::vector<Token>& tokens() const { return tokens_; }
  const Token& operator[](size_t index) const { return tokens_[index]; }

 private:
  struct Parser;
  std::vector<Token> tokens_;
  std::unique_ptr<Parser> parser_;
};

// A whole number of 64 bits with sign, written without fraction and exponent.
enum class Whole : uint8_t { good, not_whole, out_of_range };
Whole read_whole(const Token& token, int64_t& into);

// Appends it as JSON text, with its quotes. Bytes from 0x80 are copied.
void append_json_text(std::string& out, std::string_view text);

}  // namespace ksim::judge
