#pragma once
// Format strings of 'kctl consume', after kcat's -f, and the escapes of text arguments.

#include <string>
#include <string_view>
#include <vector>

#include "core/client/consumer_types.h"

namespace ksim::kctl {

// "\n", "\t", "\r", "\0", "\\", "\xNN" as the bytes they stand for. INVALID_REQUEST for other escapes.
Result<std::string> unescape(std::string_view text);

class RecordFormat {
 public:
  // `null_text` stands where a key or value is null.
  static Result<RecordFormat> parse(std::string_view text, std::string null_text);
  RecordFormat() = default;

  void append(const client::ConsumerRecord& record, std::string& out) const;

 private:
  struct Part {
    char field = 0;  // 0: the text itself
    std::string text;
  };
  std::vector<Part> parts_;
  std::string null_text_;
};
// For --help.
constexpr const char* kFormatHelp =
    "%t topic, %p partition, %o offset, %e leader epoch, %T timestamp in ms, %D the same as date, %k key, %K "
    "its "
    "length, %s value, %S its length, %R the same as 4 bytes, %h headers, %%; \\n \\t \\0 \\xNN";

}  // namespace ksim::kctl
