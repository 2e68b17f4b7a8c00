#include "sim/verify/trace.h"

#include <array>
#include <cstring>

#include <fmt/format.h>

namespace ksim::sim {
namespace {

enum class Tag : uint8_t { event = 1, name, end };

// tag, kind, time, subject, value
constexpr size_t kEventBytes = 1 + 1 + 8 + 8 + 8;
// tag, key or digest, length
constexpr size_t kTextBytes = 1 + 8 + 4;

ByteBuffer text_record(Tag tag, uint64_t key, std::string_view text) {
  ByteBuffer bytes(kTextBytes + text.size());
  bytes[0] = static_cast<uint8_t>(tag);
  store_be(bytes.data() + 1, key);
  store_be(bytes.data() + 9, static_cast<uint32_t>(text.size()));
  if (!text.empty()) std::memcpy(bytes.data() + kTextBytes, text.data(), text.size());
  return bytes;
}

}  // namespace

void TraceWriter::event(const FoldedEvent& event) {
  std::array<uint8_t, kEventBytes> bytes;
  bytes[0] = static_cast<uint8_t>(Tag::event);
  bytes[1] = static_cast<uint8_t>(event.kind);
  store_be(bytes.data() + 2, event.time_ns);
  store_be(bytes.data() + 10, event.subject);
  store_be(bytes.data() + 18, event.value);
  sink_(bytes);
}

void TraceWriter::name(uint64_t key, std::string_view text) {
  if (named_.insert(key).second) sink_(text_record(Tag::name, key, text));
}

void TraceWriter::end(uint64_t digest, std::string_view outcome) {
  sink_(text_record(Tag::end, digest, outcome));
}

void TraceReader::feed(Bytes bytes) {
  if (at_ > 0) {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<ptrdiff_t>(at_));
    at_ = 0;
  }
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

std::optional<FoldedEvent> TraceReader::next() {
  while (!ended_ && at_ < bytes_.size()) {
    const uint8_t* at = bytes_.data() + at_;
    const size_t left = bytes_.size() - at_;
    const auto tag = static_cast<Tag>(at[0]);
    if (tag == Tag::event) {
      if (left < kEventBytes) return std::nullopt;
      at_ += kEventBytes;
      return FoldedEvent{++count_, load_be<int64_t>(at + 2), load_be<uint64_t>(at + 10),
                         load_be<uint64_t>(at + 18), static_cast<Fold>(at[1])};
    }
    if (left < kTextBytes) return std::nullopt;
    const uint64_t key = load_be<uint64_t>(at + 1);
    const size_t size = load_be<uint32_t>(at + 9);
    if (left < kTextBytes + size) return std::nullopt;
    std::string text(as_text(Bytes(bytes_).subspan(at_ + kTextBytes, size)));
    at_ += kTextBytes + size;
    if (tag == Tag::name) {
      names_[key] = std::move(text);
    } else {
      ended_ = true;
      digest_ = key;
      outcome_ = std::move(text);
    }
  }
  return std::nullopt;
}

std::string TraceReader::describe(const FoldedEvent& event) const {
  const auto name = names_.find(event.subject);
  const std::string subject = name == names_.end() ? fmt::format("{:016x}", event.subject) : name->second;
  return fmt::format("{}.{:09} s: {} {} ({:x})", event.time_ns / 1'000'000'000, event.time_ns % 1'000'000'000,
                     fold_name(event.kind), subject, event.value);
}

std::optional<size_t> TraceComparison::wants() {
  advance();
  if (!difference_.empty()) return std::nullopt;
  for (size_t side : {size_t{0}, size_t{1}}) {
    if (!waiting_[side] && !sides_[side].ended()) return side;
  }
  return std::nullopt;
}

void TraceComparison::advance() {
  while (difference_.empty()) {
    for (size_t side : {size_t{0}, size_t{1}}) {
      if (!waiting_[side]) waiting_[side] = sides_[side].next();
    }
    const std::optional<FoldedEvent>& a = waiting_[0];
    const std::optional<FoldedEvent>& b = waiting_[1];
    if (a && b) {
      if (a->kind != b->kind || a->time_ns != b->time_ns || a->subject != b->subject ||
          a->value != b->value) {
        return differ(a, b);
      }
      ++same_;
      waiting_[0].reset();
      waiting_[1].reset();
      continue;
    }
    if ((a && sides_[1].ended()) || (b && sides_[0].ended())) return differ(a, b);
    if (sides_[0].ended() && sides_[1].ended() && sides_[0].digest() != sides_[1].digest()) {
      difference_ =
          fmt::format("all {} events are the same, but not what they come to: {:016x} and {:016x}\n", same_,
                      sides_[0].digest(), sides_[1].digest());
    }
    return;
  }
}

void TraceComparison::differ(const std::optional<FoldedEvent>& a, const std::optional<FoldedEvent>& b) {
  const auto tell = [](const TraceReader& side, const std::optional<FoldedEvent>& event) {
    return event ? side.describe(*event) : std::string("the run had ended");
  };
  difference_ = fmt::format("the runs part at event {}\n  first run   {}\n  second run  {}\n", same_ + 1,
                            tell(sides_[0], a), tell(sides_[1], b));
}

}  // namespace ksim::sim
