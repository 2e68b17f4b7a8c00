#include "core/apps/kctl/text/json_text.h"

#include <algorithm>

namespace ksim::kctl {
namespace {

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string to_line(const Json& document) {
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool is_utf8(Bytes bytes) {
  for (size_t i = 0; i < bytes.size();) {
    const uint8_t first = bytes[i];
    const size_t length = first < 0x80   ? 1
                          : first < 0xc2 ? 0
                          : first < 0xe0 ? 2
                          : first < 0xf0 ? 3
                          : first < 0xf5 ? 4
                                         : 0;
    if (length == 0 || bytes.size() - i < length) return false;
    for (size_t k = 1; k < length; ++k)
      if ((bytes[i + k] & 0xc0) != 0x80) return false;
    const bool overlong = (first == 0xe0 && bytes[i + 1] < 0xa0) || (first == 0xf0 && bytes[i + 1] < 0x90);
    const bool surrogate = first == 0xed && bytes[i + 1] > 0x9f;
    if (overlong || surrogate || (first == 0xf4 && bytes[i + 1] > 0x8f)) return false;
    i += length;
  }
  return true;
}

std::string to_base64(Bytes bytes) {
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) group = (group << 8) | (k < count ? bytes[i + k] : 0U);
    for (size_t k = 0; k < 4; ++k) out += k <= count ? kBase64[(group >> (18 - 6 * k)) & 63] : '=';
  }
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string out;
  for (size_t i = 0; i < text.size(); i += 4) {
    uint32_t group = 0;
    size_t padding = 0;
    for (size_t k = 0; k < 4; ++k) {
      const char c = text[i + k];
      const size_t digit = kBase64.find(c);
      if (c == '=' && k >= 2 && i + 4 == text.size()) {
        ++padding;
      } else if (digit == std::string_view::npos || padding > 0) {
        return std::nullopt;
      }
      group = (group << 6) | (c == '=' ? 0U : static_cast<uint32_t>(digit));
    }
    for (size_t k = 0; k + padding < 3; ++k) out += static_cast<char>(group >> (16 - 8 * k));
  }
  return out;
}

void put_bytes(Json& json, const std::string& name, const std::optional<Bytes>& bytes) {
  if (!bytes) {
    json[name] = nullptr;
  } else if (is_utf8(*bytes)) {
    json[name] = as_text(*bytes);
  } else {
    json[name + "_base64"] = to_base64(*bytes);
  }
}

}  // namespace ksim::kctl
