#pragma once
// Inside the controller: one operation while it is being decided. What it writes is applied at once to a copy
// of the speculative state, so that later parts of the same request see it; dropped, it leaves no trace.

#include <functional>
#include <optional>
#include <set>
#include <string>

#include "core/base/assert.h"
#include "core/metadata/controller.h"

namespace ksim {

class Controller::Op {
 public:
  explicit Op(const Controller& controller)
      : base_offset_(controller.next_offset_), delta_(controller.current_.image) {}

  const MetadataImage& image() const { return delta_.image(); }
  int16_t metadata_version() const { return image().features.metadata_version; }
  // The offset that the next record will have.
  int64_t next_offset() const { return base_offset_ + static_cast<int64_t>(records_.size()); }
  size_t count() const { return records_.size(); }

  template <class Record>
  void write(const Record& record, int16_t version) {
    records_.add(record, version);
    apply_last();
  }
  void write_partition(const Uuid& topic, int32_t index, const PartitionRegistration& partition);
  // True if there was something to write.
  bool write_change(std::optional<PartitionChange> change);

  // For the notes.
  void registered_clean(int32_t broker) { clean_registrations_.insert(broker); }
  void fence_reason(std::string_view reason) { fence_reason_ = std::string(reason); }

 private:
  friend class Controller;
  void apply_last();
  std::vector<ControllerNote> notes() const;

  int64_t base_offset_;
  MetadataDelta delta_;
  RecordList records_;
  std::set<std::pair<Uuid, int32_t>> unclean_;
  std::set<int32_t> clean_registrations_;
  std::string fence_reason_;
};

// Goes through all partitions for which `wanted` is true and changes them in view of brokers that come and go
// (the one way of fencing, unfencing, shutdown and loss of directories).
struct PartitionSweep {
  static constexpr int32_t kNone = -1;
  int32_t remove = kNone;            // leaves the ISR and may not lead
  int32_t unclean_shutdown = kNone;  // leaves ISR and ELR and may not lead
  std::function<bool(const PartitionRegistration&)> wanted;
};

// Where a new replica on that broker goes: its only directory, or wherever the broker will choose.
Uuid default_directory(const MetadataImage& image, int32_t broker);

template <class Response>
std::string_view keep(ControllerReply<Response>& reply, std::string_view text) {
  const auto copy = reply.arena.template make_array<char>(text.size());
  for (size_t i = 0; i < text.size(); ++i) copy[i] = text[i];
  return {copy.data(), copy.size()};
}

inline int16_t number(ErrorCode code) { return static_cast<int16_t>(code); }

}  // namespace ksim
