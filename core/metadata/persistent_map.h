#pragma once
// An ordered map whose copies share what they have in common. Copying one costs a pointer; changing a copy
// clones the spine and the chunk it touches (once, as long as nobody copies again), never the rest. Lookup is
// two binary searches; iteration is in key order.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace ksim {

struct TransparentLess {
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    return a < b;
  }
};

// `Less` must be transparent where lookups use another type than K. A map is written by one owner; copies
// may be read by other threads at the same time.
template <class K, class V, class Less = TransparentLess>
class PersistentMap {
 public:
  using Entry = std::pair<K, V>;

 private:
  static constexpr size_t kChunkMax = 64;
  using Chunk = std::vector<Entry>;  // never empty while in a spine
  using Spine = std::vector<std::shared_ptr<Chunk>>;

 public:
  class Iterator {
   public:
    using value_type = Entry;
    using reference = const Entry&;
    using pointer = const Entry*;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::forward_iterator_tag;

    Iterator() = default;
    const Entry& operator*() const { return (*(*spine_)[chunk_])[at_]; }
    const Entry* operator->() const { return &**this; }
    Iterator& operator++() {
      if (++at_ == (*spine_)[chunk_]->size()) ++chunk_, at_ = 0;
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const Iterator& other) const { return chunk_ == other.chunk_ && at_ == other.at_; }
    bool operator!=(const Iterator& other) const { return !(*this == other); }

   private:
    friend class PersistentMap;
    Iterator(const Spine* spine, size_t chunk, size_t at) : spine_(spine), chunk_(chunk), at_(at) {}
    const Spine* spine_ = nullptr;
    size_t chunk_ = 0;
    size_t at_ = 0;
  };

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  Iterator begin() const { return {spine_.get(), 0, 0}; }
  Iterator end() const { return {spine_.get(), spine_ == nullptr ? 0 : spine_->size(), 0}; }
  // True if both are the same object or copies of one another without a change since: a cheap "unchanged".
  bool same_as(const PersistentMap& other) const { return spine_ == other.spine_; }

  // The value, or nullptr; valid until this map is changed or destroyed.
  template <class Q>
  const V* find(const Q& key) const {
    if (size_ == 0) return nullptr;
    const Chunk& chunk = *(*spine_)[chunk_of(key)];
    const auto it = position(chunk, key);
    return it != chunk.end() && !Less{}(key, it->first) ? &it->second : nullptr;
  }
  template <class Q>
  bool contains(const Q& key) const {
    return find(key) != nullptr;
  }
  // The first entry that is not less than `key`.
  template <class Q>
  Iterator lower_bound(const Q& key) const {
    if (size_ == 0) return end();
    const size_t index = chunk_of(key);
    const Chunk& chunk = *(*spine_)[index];
    const auto at = static_cast<size_t>(position(chunk, key) - chunk.begin());
    return at == chunk.size() ? Iterator{spine_.get(), index + 1, 0} : Iterator{spine_.get(), index, at};
  }

  // Calls f(key, value before or null, value after or null) for each key whose values differ, in key order.
  // What both maps share is skipped a chunk at a time.
  template <class F>
  static void differences(const PersistentMap& before, const PersistentMap& after, F f) {
    if (before.same_as(after)) return;
    Iterator a = before.begin();
    Iterator b = after.begin();
    while (a != before.end() || b != after.end()) {
      if (a != before.end() && b != after.end() && a.at_ == 0 && b.at_ == 0 &&
          (*a.spine_)[a.chunk_] == (*b.spine_)[b.chunk_]) {
        ++a.chunk_;
        ++b.chunk_;
      } else if (b == after.end() || (a != before.end() && Less{}(a->first, b->first))) {
        f(a->first, &a->second, static_cast<const V*>(nullptr));
        ++a;
      } else if (a == before.end() || Less{}(b->first, a->first)) {
        f(b->first, static_cast<const V*>(nullptr), &b->second);
        ++b;
      } else {
        if (!(a->second == b->second)) f(a->first, &a->second, &b->second);
        ++a;
        ++b;
      }
    }
  }

  void set(K key, V value) {
    if (spine_ == nullptr) spine_ = std::make_shared<Spine>();
    if (size_ == 0) {
      own_spine().push_back(std::make_shared<Chunk>());
      (*spine_)[0]->emplace_back(std::move(key), std::move(value));
      size_ = 1;
      return;
    }
    const size_t index = chunk_of(key);
    Chunk& chunk = own_chunk(index);
    const auto at = position(chunk, key) - chunk.begin();
    const auto it = chunk.begin() + at;
    if (it != chunk.end() && !Less{}(key, it->first)) {
      it->second = std::move(value);
      return;
    }
    chunk.emplace(it, std::move(key), std::move(value));
    ++size_;
    if (chunk.size() > kChunkMax) split(index);
  }

  // False if there was no such key.
  template <class Q>
  bool erase(const Q& key) {
    if (!contains(key)) return false;
    const size_t index = chunk_of(key);
    Chunk& chunk = own_chunk(index);
    chunk.erase(chunk.begin() + (position(chunk, key) - chunk.begin()));
    --size_;
    if (chunk.empty()) spine_->erase(spine_->begin() + static_cast<std::ptrdiff_t>(index));
    return true;
  }

 private:
  // The last chunk whose first key is not greater than `key`, or the first chunk.
  template <class Q>
  size_t chunk_of(const Q& key) const {
    const auto it = std::upper_bound(spine_->begin(), spine_->end(), key, [](const Q& k, const auto& chunk) {
      return Less{}(k, chunk->front().first);
    });
    return it == spine_->begin() ? 0 : static_cast<size_t>(it - spine_->begin()) - 1;
  }
  template <class Q>
  static auto position(const Chunk& chunk, const Q& key) {
    return std::lower_bound(chunk.begin(), chunk.end(), key,
                            [](const Entry& entry, const Q& k) { return Less{}(entry.first, k); });
  }
  // Only the sole owner sees a count of 1, and nobody can become another owner meanwhile; the fence orders
  // the reads of owners that have gone before our writes.
  template <class T>
  static bool unique(const std::shared_ptr<T>& shared) {
    if (shared.use_count() != 1) return false;
    std::atomic_thread_fence(std::memory_order_acquire);
    return true;
  }
  Spine& own_spine() {
    if (!unique(spine_)) spine_ = std::make_shared<Spine>(*spine_);
    return *spine_;
  }
  Chunk& own_chunk(size_t index) {
    std::shared_ptr<Chunk>& chunk = own_spine()[index];
    if (!unique(chunk)) chunk = std::make_shared<Chunk>(*chunk);
    return *chunk;
  }
  // Keys mostly arrive in growing order, so the left part stays nearly full.
  void split(size_t index) {
    Chunk& left = *(*spine_)[index];
    const bool last = index + 1 == spine_->size();
    const auto cut = left.begin() + static_cast<std::ptrdiff_t>(last ? kChunkMax - 4 : kChunkMax / 2);
    auto right = std::make_shared<Chunk>(std::make_move_iterator(cut), std::make_move_iterator(left.end()));
    left.erase(cut, left.end());
    spine_->insert(spine_->begin() + static_cast<std::ptrdiff_t>(index) + 1, std::move(right));
  }

  std::shared_ptr<Spine> spine_;
  size_t size_ = 0;
};

}  // namespace ksim
