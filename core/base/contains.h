#pragma once

#include <algorithm>
#include <iterator>

namespace ksim {

// Of the short unordered lists of ids that Kafka's metadata is full of.
template <class Range, class T>
bool contains(const Range& range, const T& value) {
  return std::find(std::begin(range), std::end(range), value) != std::end(range);
}

}  // namespace ksim
