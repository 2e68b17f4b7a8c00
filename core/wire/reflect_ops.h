#pragma once
// The accessors that generated field tables point to.

#include <optional>
#include <span>

#include "core/wire/message.h"
#include "core/wire/reflect.h"

namespace ksim::wire {

template <class T, bool kOptional>
struct ArrayField {
  using Member = std::conditional_t<kOptional, std::optional<std::span<T>>, std::span<T>>;

  static Elements get(const void* field) {
    const Member& member = *static_cast<const Member*>(field);
    if constexpr (kOptional) {
      if (!member.has_value()) return {nullptr, 0, true};
      return {member->data(), member->size(), false};
    } else {
      return {member.data(), member.size(), false};
    }
  }
  static void* make(void* field, Arena& arena, size_t count) {
    const std::span<T> items = arena.make_array<T>(count);
    *static_cast<Member*>(field) = items;
    return items.data();
  }
  static void set_null(void* field) {
    if constexpr (kOptional) static_cast<Member*>(field)->reset();
  }
};

template <class T, bool kOptional>
struct StructField {
  using Member = std::conditional_t<kOptional, std::optional<T>, T>;

  static Elements get(const void* field) {
    const Member& member = *static_cast<const Member*>(field);
    if constexpr (kOptional) {
      if (!member.has_value()) return {nullptr, 0, true};
      return {&*member, 1, false};
    } else {
      return {&member, 1, false};
    }
  }
  static void* make(void* field, Arena&, size_t) {
    Member& member = *static_cast<Member*>(field);
    member = T{};
    if constexpr (kOptional)
      return &*member;
    else
      return &member;
  }
  static void set_null(void* field) {
    if constexpr (kOptional) static_cast<Member*>(field)->reset();
  }
};

template <class T, bool kOptional>
inline constexpr FieldOps kArrayOps = {sizeof(T), &ArrayField<T, kOptional>::get,
                                       &ArrayField<T, kOptional>::make, &ArrayField<T, kOptional>::set_null};
template <class T, bool kOptional>
inline constexpr FieldOps kStructOps = {sizeof(T), &StructField<T, kOptional>::get,
                                        &StructField<T, kOptional>::make,
                                        &StructField<T, kOptional>::set_null};

template <class T>
inline constexpr MessageOps kMessageOps = {
    [](Arena& arena) -> void* { return arena.make_array<T>(1).data(); },
    [](Writer& w, const void* message, int16_t version) {
      encode(w, *static_cast<const T*>(message), version);
    },
    [](Reader& r, void* message, int16_t version) { return decode(r, *static_cast<T*>(message), version); }};

}  // namespace ksim::wire
