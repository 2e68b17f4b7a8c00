#pragma once
// Integers that cannot be mixed up: StrongId<struct FooTag> is its own type.

#include <compare>
#include <cstdint>

namespace ksim {

template <class Tag, class Rep = uint64_t>
struct StrongId {
  Rep value{};

  constexpr StrongId() = default;
  constexpr explicit StrongId(Rep v) : value(v) {}
  constexpr auto operator<=>(const StrongId&) const = default;
};

}  // namespace ksim
