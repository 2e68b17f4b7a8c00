#include "sim/runner/request_watch.h"

#include <algorithm>
#include <cstring>

#include "core/base/bytes.h"
#include "sim/net/conn.h"

namespace ksim::sim {

void RequestWatch::sent(Conn& conn, size_t side, Bytes piece) {
  if (next != nullptr) next->sent(conn, side, piece);
  if (side != 0) return;
  const auto [at, fresh] = flows_.try_emplace(conn.key());
  Flow& flow = at->second;
  if (fresh) flow.minded = minds && minds(conn);
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
    flow.bytes += n;
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
  const auto api = load_be<int16_t>(flow.head.data() + kLengthBytes);
  if (flow.minded) flow.under_way.push_back({flow.bytes, api});
  on_request({conn.end(0).host->name, conn.end(1).host->name, api, conn.fabric().ground().now()});
}

void RequestWatch::arrived(Conn& conn, size_t side, uint64_t total_bytes) {
  if (next != nullptr) next->arrived(conn, side, total_bytes);
  const auto flow = side == 0 ? flows_.find(conn.key()) : flows_.end();
  if (flow == flows_.end()) return;
  std::deque<Flow::Head>& heads = flow->second.under_way;
  for (; !heads.empty() && heads.front().end <= total_bytes; heads.pop_front())
    on_arrived(conn, heads.front().api);
}

}  // namespace ksim::sim
