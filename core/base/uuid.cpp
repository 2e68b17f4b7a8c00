#include "core/base/uuid.h"

namespace ksim {
namespace {
constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
}

std::string Uuid::to_string() const {
  // 128 bits are 21 groups of six and two bits more, which stand left in the last group.
  std::string text(22, 'A');
  for (size_t i = 0; i < 22; ++i) {
    unsigned group = 0;
    for (size_t bit = i * 6; bit < i * 6 + 6; ++bit) {
      unsigned value = 0;
      if (bit < 64) {
        value = static_cast<unsigned>(high >> (63 - bit)) & 1;
      } else if (bit < 128) {
        value = static_cast<unsigned>(low >> (127 - bit)) & 1;
      }
      group = group << 1 | value;
    }
    text[i] = kAlphabet[group];
  }
  return text;
}

std::optional<Uuid> Uuid::parse(std::string_view text) {
  if (text.size() != 22) return std::nullopt;
  Uuid uuid;
  for (size_t i = 0; i < 22; ++i) {
    const auto group = kAlphabet.find(text[i]);
    if (group == std::string_view::npos) return std::nullopt;
    for (size_t k = 0; k < 6; ++k) {
      const size_t bit = i * 6 + k;
      const uint64_t value = group >> (5 - k) & 1;
      if (bit < 64) {
        uuid.high |= value << (63 - bit);
      } else if (bit < 128) {
        uuid.low |= value << (127 - bit);
      } else if (value != 0) {
        return std::nullopt;
      }
    }
  }
  return uuid;
}

bool Uuid::is_usable() const { return !is_reserved() && kAlphabet[high >> 58] != '-'; }

}  // namespace ksim
