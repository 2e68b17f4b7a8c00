#include "sim/runner/message_tap.h"

#include <algorithm>
#include <cstring>

#include "core/base/bytes.h"
#include "core/wire/api_table.h"

namespace ksim::sim {

void MessageTap::sent(Conn& conn, size_t side, Bytes piece) {
  Talk& talk = talks_[conn.key()];
  Flow& flow = talk.flows[side];
  const size_t head = side == 0 ? kRequestHead : kResponseHead;
  while (!piece.empty() && !flow.unreadable) {
    size_t n = 0;
    if (flow.rest > 0) {
      n = std::min<uint64_t>(flow.rest, piece.size());
      flow.rest -= n;
    } else {
      if (flow.head_bytes == 0) flow.began = conn.fabric().ground().now();
      n = std::min(head - flow.head_bytes, piece.size());
      std::memcpy(flow.head.data() + flow.head_bytes, piece.data(), n);
      flow.head_bytes += n;
    }
    flow.position += n;
    piece = piece.subspan(n);
    if (flow.head_bytes == head) begin(conn, side, talk, flow);
  }
}

// The head of a frame is complete.
void MessageTap::begin(Conn& conn, size_t side, Talk& talk, Flow& flow) {
  const uint8_t* at = flow.head.data();
  const auto length = load_be<int32_t>(at);
  const size_t after_length = flow.head_bytes - kLengthBytes;
  if (length < 0 || static_cast<size_t>(length) < after_length) {
    flow.unreadable = true;
    return;
  }
  MessageRow row;
  row.sent = flow.began;
  row.sender = conn.end(side).host->name;
  row.receiver = conn.end(1 - side).host->name;
  row.connection = conn.key();
  row.response = side == 1;
  row.size_bytes = static_cast<uint32_t>(length) + kLengthBytes;
  if (side == 0) {
    const wire::ApiInfo* api = wire::find_api(load_be<int16_t>(at + kLengthBytes));
    row.api = api == nullptr ? "?" : api->name;
    row.version = load_be<int16_t>(at + kLengthBytes + 2);
    row.correlation = load_be<int32_t>(at + kLengthBytes + 4);
    talk.open.push_back({row.correlation, row.api, row.version});
  } else {
    row.correlation = load_be<int32_t>(at + kLengthBytes);
    row.api = "?";
    // Answers come in the order of requests; acks=0 gets none.
    while (!talk.open.empty() && talk.open.front().correlation != row.correlation) talk.open.pop_front();
    if (!talk.open.empty()) {
      row.api = talk.open.front().api;
      row.version = talk.open.front().version;
      talk.open.pop_front();
    }
  }
  flow.rest = static_cast<size_t>(length) - after_length;
  flow.head_bytes = 0;
  flow.frames.push_back({recorder_.message(row), flow.position + flow.rest});
}

void MessageTap::arrived(Conn& conn, size_t side, uint64_t total_bytes) {
  const auto talk = talks_.find(conn.key());
  if (talk == talks_.end()) return;
  std::deque<OnTheWay>& frames = talk->second.flows[side].frames;
  while (!frames.empty() && frames.front().end <= total_bytes) {
    MessageRow& row = recorder_.message_row(frames.front().row);
    row.received = conn.fabric().ground().now();
    if (on_settled) on_settled(row);
    frames.pop_front();
  }
}

void MessageTap::dropped(Conn& conn, size_t side) {
  const auto talk = talks_.find(conn.key());
  if (talk == talks_.end()) return;
  std::deque<OnTheWay>& frames = talk->second.flows[side].frames;
  for (const OnTheWay& frame : frames) {
    MessageRow& row = recorder_.message_row(frame.row);
    row.dropped = true;
    if (on_settled) on_settled(row);
  }
  frames.clear();
}

}  // namespace ksim::sim
