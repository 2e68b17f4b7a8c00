#include "core/apps/kctl/format.h"

#include <fmt/format.h>

#include "core/apps/kctl/text/time_text.h"

namespace ksim::kctl {
namespace {

using client::ConsumerRecord;

constexpr std::string_view kFields = "tpoeTDkKsSRh";

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Failure<Error> bad_format(std::string message) {
  return fail(ErrorCode::INVALID_REQUEST, std::move(message));
}

int64_t length_of(const std::optional<Bytes>& bytes) {
  return bytes ? static_cast<int64_t>(bytes->size()) : -1;
}

void append_headers(const ConsumerRecord& record, std::string_view null_text, std::string& out) {
  bool first = true;
  for (const RecordHeader& header : record.headers) {
    if (!first) out += ',';
    first = false;
    out.append(header.key).append("=").append(header.value ? as_text(*header.value) : null_text);
  }
}

}  // namespace

Result<std::string> unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    const char c = ++i < text.size() ? text[i] : '\0';
    constexpr std::string_view kLetters = "ntr0\\";
    constexpr std::string_view kBytes("\n\t\r\0\\", 5);
    if (i < text.size() && kLetters.find(c) != std::string_view::npos) {
      out += kBytes[kLetters.find(c)];
    } else if (c == 'x' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
               hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      return bad_format(fmt::format("'{}': the escapes are \\n \\t \\r \\0 \\\\ \\xNN", text));
    }
  }
  return out;
}

Result<RecordFormat> RecordFormat::parse(std::string_view text, std::string null_text) {
  RecordFormat format;
  format.null_text_ = std::move(null_text);
  while (!text.empty()) {
    const size_t percent = std::min(text.find('%'), text.size());
    if (percent > 0) {
      TRY_ASSIGN(std::string plain, unescape(text.substr(0, percent)));
      format.parts_.push_back({0, std::move(plain)});
      text.remove_prefix(percent);
      continue;
    }
    const char field = text.size() > 1 ? text[1] : '\0';
    if (field == '%') {
      format.parts_.push_back({0, "%"});
    } else if (field != '\0' && kFields.find(field) != std::string_view::npos) {
      format.parts_.push_back({field, {}});
    } else {
      return bad_format(fmt::format("'{}' in a format; there are {}", text.substr(0, 2), kFormatHelp));
    }
    text.remove_prefix(2);
  }
  return format;
}

void RecordFormat::append(const ConsumerRecord& record, std::string& out) const {
  const auto text_of = [&](const std::optional<Bytes>& bytes) {
    return bytes ? as_text(*bytes) : std::string_view(null_text_);
  };
  for (const Part& part : parts_) {
    switch (part.field) {
      case 't':
        out += record.topic;
        break;
      case 'p':
        out += std::to_string(record.partition);
        break;
      case 'o':
        out += std::to_string(record.offset);
        break;
      case 'e':
        out += std::to_string(record.leader_epoch.value_or(-1));
        break;
      case 'T':
        out += std::to_string(record.timestamp_ms);
        break;
      case 'D':
        out += format_time(record.timestamp_ms);
        break;
      case 'k':
        out += text_of(record.key);
        break;
      case 'K':
        out += std::to_string(length_of(record.key));
        break;
      case 's':
        out += text_of(record.value);
        break;
      case 'S':
        out += std::to_string(length_of(record.value));
        break;
      case 'R': {
        uint8_t bytes[4];
        store_be(bytes, static_cast<int32_t>(length_of(record.value)));
        out += as_text(Bytes(bytes));
        break;
      }
      case 'h':
        append_headers(record, null_text_, out);
        break;
      default:
        out += part.text;
    }
  }
}

}  // namespace ksim::kctl
