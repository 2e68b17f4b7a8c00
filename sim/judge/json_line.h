#pragma once
// One line of JSON (RFC 8259) as the flat tape that simdjson makes of it: integers of 64 bits are exact, and
// nesting costs memory only. Values are named by their place on the tape.

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ksim::judge {

class Token {
 public:
  enum class Kind : uint8_t { null, truth, untruth, whole, large, fraction, text, array, object };

  Token(const uint64_t* tape, const uint8_t* texts, uint32_t at) : tape_(tape), texts_(texts), at_(at) {}

  Kind kind() const;
  bool is(Kind wanted) const { return kind() == wanted; }
  // Of a text; it lives until the next line is read.
  std::string_view text() const {
    const uint8_t* const begin = texts_ + payload();
    uint32_t size = 0;
    std::memcpy(&size, begin, sizeof(size));
    return {reinterpret_cast<const char*>(begin) + sizeof(size), size};
  }
  // Of a whole number of 64 bits with sign, written without fraction and exponent. `large` is one without
  // sign.
  int64_t number() const { return static_cast<int64_t>(tape_[at_ + 1]); }
  // The value after this one and all that is in it.
  uint32_t next() const {
    const Kind mine = kind();
    if (mine == Kind::array || mine == Kind::object) return static_cast<uint32_t>(payload());
    return mine == Kind::whole || mine == Kind::large || mine == Kind::fraction ? at_ + 2 : at_ + 1;
  }
  // Of a container: what it holds are the values from its own place + 1 to here, by next(). An object holds
  // a text and a value for each member.
  uint32_t stop() const { return static_cast<uint32_t>(payload()) - 1; }
  bool is_empty() const { return stop() == at_ + 1; }

 private:
  uint64_t payload() const { return tape_[at_] & 0xff'ffff'ffffULL; }

  const uint64_t* tape_;
  const uint8_t* texts_;
  uint32_t at_;
};

inline Token::Kind Token::kind() const {
  switch (static_cast<char>(tape_[at_] >> 56)) {
    case '"':
      return Kind::text;
    case 'l':
      return Kind::whole;
    case '[':
      return Kind::array;
    case '{':
      return Kind::object;
    case 'u':
      return Kind::large;
    case 'd':
      return Kind::fraction;
    case 't':
      return Kind::truth;
    case 'f':
      return Kind::untruth;
    default:
      return Kind::null;
  }
}

class JsonLine {
 public:
  static constexpr size_t kPaddingBytes = 64;  // that must be readable after a line
  static constexpr uint32_t kRoot = 1;         // the place of the line's value

  JsonLine();
  JsonLine(const JsonLine&) = delete;
  JsonLine& operator=(const JsonLine&) = delete;
  ~JsonLine();

  // Reads one value. Returns why it is not JSON, if it is not: that includes numbers that 64 bits cannot
  // hold.
  std::optional<std::string> read(std::string_view line);
  Token operator[](uint32_t at) const { return {tape_, texts_, at}; }

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
  const uint64_t* tape_ = nullptr;
  const uint8_t* texts_ = nullptr;
};

// Appends it as JSON text, with its quotes. Bytes from 0x80 are copied.
void append_json_text(std::string& out, std::string_view text);

}  // namespace ksim::judge
