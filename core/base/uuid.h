#pragma once
// Kafka's 128-bit ids of topics, directories and incarnations (org.apache.kafka.common.Uuid): text is 22
// characters of URL-safe base64 without padding.

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ksim {

struct Uuid {
  uint64_t high = 0;
  uint64_t low = 0;

  constexpr bool is_zero() const { return high == 0 && low == 0; }
  // Ids with a high half of 0 and a low half under 100 have a meaning of their own (rule A44).
  constexpr bool is_reserved() const { return high == 0 && low < 100; }
  constexpr auto operator<=>(const Uuid&) const = default;

  std::string to_string() const;
  static std::optional<Uuid> parse(std::string_view text);
  // A random id out of two draws: version 4 and variant bits set. The caller redraws while !is_usable().
  static constexpr Uuid from_draws(uint64_t a, uint64_t b) {
    return {(a & 0xffff'ffff'ffff'0fffULL) | 0x4000ULL,
            (b & 0x3fff'ffff'ffff'ffffULL) | 0x8000'0000'0000'0000ULL};
  }
  // Not reserved, and its text does not start with '-', which command lines would take for a flag.
  bool is_usable() const;
};

constexpr Uuid kZeroUuid{};
constexpr Uuid kMetadataTopicId{0, 1};
// Reserved directory ids (org.apache.kafka.common.DirectoryId).
constexpr Uuid kDirectoryMigrating{0, 0};
constexpr Uuid kDirectoryUnassigned{0, 1};
constexpr Uuid kDirectoryLost{0, 2};

}  // namespace ksim
