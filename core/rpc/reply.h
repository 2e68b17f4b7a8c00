#pragma once

#include "core/rpc/frame.h"
#include "core/wire/api_table.h"
#include "core/wire/arena.h"
#include "core/wire/reader.h"

namespace ksim::rpc {

// A response as it came in.
struct RawReply {
  Frame frame;
  Bytes body;  // of the frame, behind the header
  int16_t version = 0;
};

// A decoded response with all that its views point into. Moving it leaves them in place.
template <class T>
struct Reply {
  T message;
  int16_t version = 0;
  Frame frame;
  wire::Arena arena;

  const T* operator->() const { return &message; }
  const T& operator*() const { return message; }
};

template <class T>
Result<Reply<T>> decode_reply(RawReply raw) {
  Reply<T> reply;
  reply.version = raw.version;
  reply.frame = std::move(raw.frame);
  wire::Reader reader(raw.body, reply.arena);
  TRY(decode(reader, reply.message, raw.version));
  return reply;
}

}  // namespace ksim::rpc
