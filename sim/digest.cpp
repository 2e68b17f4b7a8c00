#include "sim/digest.h"

#include <array>

namespace ksim::sim {

std::string_view fold_name(Fold kind) {
  static constexpr std::array<std::string_view, static_cast<size_t>(Fold::count_)> kNames{
      "resumed fiber",
      "opened file",
      "read file",
      "wrote file",
      "synced file",
      "truncated file",
      "preallocated file",
      "made directory",
      "listed directory",
      "renamed",
      "removed",
      "synced directory",
      "looked up",
      "locked",
      "listened",
      "connected",
      "accepted connection",
      "read connection",
      "wrote connection",
      "sent file on connection",
      "closed connection",
      "posted to a shard",
      "received from a shard",
      "started node",
      "node exited",
      "node crashed",
      "node lost power",
      "clock stepped",
      "fault",
      "run ended",
  };
  const auto index = static_cast<size_t>(kind);
  return index < kNames.size() ? kNames.at(index) : "unknown event";
}

}  // namespace ksim::sim
