#include "sim/runner/request_watch.h"

#include <algorithm>
#include <cstring>

#include "core/base/bytes.h"
#include "sim/net/conn.h"

namespace ksim::sim {

void RequestWatch::sent(Conn& conn, size_t side, Bytes piece) {
  if (next != nullptr) next->sent(conn, side, piece);
  if (side != 0) return;
  Flow& flow = flows_[conn.key()];
  while (!piece.empty() && !flow.unreadable) {
    size_t n = 0;
    if (flow.rest > 0) {
      n = std::min<uint64_t>(flow.rest, piece.size());
      flow.rest -= n;
    } else {
      n = std::min(kHead - flow.head_bytes, piece.size());
      std::memcpy(flow.head.data() + flow.head_bytes, piece.data(), n);
      flow.head_bytes += n;
    }
    piece = piece.subspan(n);
    if (flow.head_bytes == kHead) take(conn, flow);
  }
}

void RequestWatch::take(Conn& conn, Flow& flow) {
  const auto length = load_be<int32_t>(flow.head.data());
  constexpr auto kBehindLength = static_cast<int32_t>(kHead - kLengthBytes);
  if (length < kBehindLength) {
    flow.unreadable = true;
    return;
  }
  flow.rest = static_cast<uint64_t>(length - kBehindLength);
  flow.head_bytes = 0;
  on_request({conn.end(0).host->name, conn.end(1).host->name,
              load_be<int16_t>(flow.head.data() + kLengthBytes), conn.fabric().ground().now()});
}

}  // namespace ksim::sim
