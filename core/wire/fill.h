#pragma once
// Messages filled with values that follow from a rule, for tests. scripts/vectors has the same rule in Java,
// so that Apache Kafka's own classes can be made to hold the same message.

#include "core/wire/reflect.h"

namespace ksim::wire {

// Each value is a function of the 64 bits drawn for its path, "FetchRequest.topics[0].topic@12" (the number
// is the version): FNV-1a of that text, plus `seed`, through splitmix64's finaliser. From bits h:
//   bool: h is odd; integers: the low bits; double: the low 32 bits, signed, over 8; uuid: h and finalise(h +
//   1) string, bytes, records: length h % 11, but 150 if (h >> 16) % 16 is 0; byte i from bits 8 * (i % 8) of
//   h on: in strings 'a' + byte % 26, else byte ^ i array: 1 + h % 2 elements
struct FillRule {
  enum class Variant : uint8_t {
    filled,  // every field of the version
    nulls,   // the same, but null wherever null is allowed
    mixed,   // some null, some left at their default, arrays of 0 to 3 elements
  };
  Variant variant = Variant::filled;
  uint64_t seed = 0;
};

// What the fields of `version` hold afterwards lives in `arena`; other fields are not touched.
void fill(const MessageInfo& message, void* object, int16_t version, Arena& arena, const FillRule& rule);

}  // namespace ksim::wire
