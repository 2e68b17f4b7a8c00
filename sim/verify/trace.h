#pragma once
// The events of a run's digest as a stream of bytes, and two such streams side by side: where do they part?

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "sim/digest.h"

namespace ksim::sim {

// Turns folded events into bytes. `sink` takes them in pieces.
class TraceWriter final : public DigestTrace {
 public:
  explicit TraceWriter(std::function<void(Bytes)> sink) : sink_(std::move(sink)) {}

  void event(const FoldedEvent& event) override;
  bool knows(uint64_t key) const override { return named_.contains(key); }
  void name(uint64_t key, std::string_view text) override;
  // The last words: the digest and whatever the reader is to have of the run.
  void end(uint64_t digest, std::string_view outcome);

 private:
  std::function<void(Bytes)> sink_;
  std::set<uint64_t> named_;
};

// One run as its reader sees it, event by event.
class TraceReader {
 public:
  void feed(Bytes bytes);
  // The next event not yet taken; none if it has not arrived or there are no more.
  std::optional<FoldedEvent> next();
  bool ended() const { return ended_; }
  uint64_t digest() const { return digest_; }
  const std::string& outcome() const { return outcome_; }
  size_t backlog_bytes() const { return bytes_.size() - at_; }
  // "resumed fiber broker-1/main"
  std::string describe(const FoldedEvent& event) const;

 private:
  ByteBuffer bytes_;
  size_t at_ = 0;
  uint64_t count_ = 0;
  std::map<uint64_t, std::string> names_;
  bool ended_ = false;
  uint64_t digest_ = 0;
  std::string outcome_;
};

// Compares two runs as they arrive.
class TraceComparison {
 public:
  TraceReader& side(size_t index) { return sides_[index]; }
  // Which side should be read from next: the one that is behind. Nothing when both have ended or differ.
  std::optional<size_t> wants();
  // Not empty: how the first event that differs differs, in three lines.
  const std::string& difference() const { return difference_; }

 private:
  void advance();
  void differ(const std::optional<FoldedEvent>& a, const std::optional<FoldedEvent>& b);

  TraceReader sides_[2];
  std::optional<FoldedEvent> waiting_[2];
  std::string difference_;
  uint64_t same_ = 0;
};

}  // namespace ksim::sim
