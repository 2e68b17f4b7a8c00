#pragma once
// What several causes have wrong with one thing at the same time. Each adds a trouble of its own and takes
// only that one away again; what is felt is the worst of those that are left.

#include <cstdint>
#include <utility>
#include <vector>

namespace ksim::sim {

// Trouble: a default one is none at all, and worsen(other) makes it at least as bad as the other is.
template <class Trouble>
class Troubles {
 public:
  // Returns its number, for remove().
  uint64_t add(Trouble trouble) {
    own_.emplace_back(++last_, std::move(trouble));
    sum_up();
    return last_;
  }
  void remove(uint64_t number) {
    std::erase_if(own_, [number](const auto& entry) { return entry.first == number; });
    sum_up();
  }
  const Trouble& felt() const { return felt_; }
  bool any() const { return !own_.empty(); }

 private:
  void sum_up() {
    felt_ = {};
    for (const auto& [number, trouble] : own_) felt_.worsen(trouble);
  }

  std::vector<std::pair<uint64_t, Trouble>> own_;
  Trouble felt_;
  uint64_t last_ = 0;
};

}  // namespace ksim::sim
