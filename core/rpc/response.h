#pragma once
// Answers: encoded bytes with file ranges spliced in, and the slot through which a handler gives one, now or
// later.

#include <memory>
#include <string>
#include <vector>

#include "core/io/file_slice.h"
#include "core/rpc/request_context.h"
#include "core/wire/writer.h"

namespace ksim::rpc {

// The file ranges behind the external records of one response.
class FileTable {
 public:
  // Records that stand for the slices in order; to be put into the response's message.
  wire::Records add(std::vector<FileSlice> slices);
  const std::vector<FileSlice>& at(uint32_t external_id) const { return entries_.at(external_id - 1); }
  bool empty() const { return entries_.empty(); }

 private:
  std::vector<std::vector<FileSlice>> entries_;  // by external_id - 1
};

struct Response {
  ByteBuffer bytes;  // the whole frame but for spliced bytes
  std::vector<wire::Splice> splices;
  FileTable files;
};

class SlotState;

// Whoever owns the order of the responses: a server connection, or an envelope.
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  virtual void completed(SlotState& slot) = 0;
  virtual bool is_envelope() const { return false; }
};

class SlotState {
 public:
  enum class Outcome : uint8_t { open, response, no_response, close, refused };

  const wire::ApiInfo* api = nullptr;
  int16_t version = 0;
  int32_t correlation_id = 0;
  ResponseSink* sink = nullptr;              // null once nobody waits any more
  std::shared_ptr<ResponseSink> sink_owner;  // of a sink that lives for this slot alone
  Outcome outcome = Outcome::open;
  Response response;
  Duration mute;  // throttling: how long the connection is not read after this response
  std::string reason;
  ErrorCode refusal = ErrorCode::NONE;

  // ---- for metrics ----
  size_t request_bytes = 0;
  Instant received;
  Instant dispatched;  // the handler has returned; before that, never()
  Instant answered;
};

// The right and the duty to answer one request, exactly once. Belongs to the shard of the connection. Never
// waits. Dropped without an answer, it closes the connection: a client must not wait for ever.
class ResponseSlot {
 public:
  ResponseSlot() = default;
  explicit ResponseSlot(std::shared_ptr<SlotState> state) : state_(std::move(state)) {}
  ResponseSlot(ResponseSlot&&) noexcept = default;
  ResponseSlot& operator=(ResponseSlot&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~ResponseSlot();

  explicit operator bool() const { return state_ != nullptr; }
  int16_t version() const { return state_->version; }
  // Somebody still waits for the answer.
  bool is_wanted() const { return state_->sink != nullptr; }

  // Encodes at the request's version. A message that this version cannot carry closes the connection.
  template <class T>
  void respond(const T& message, FileTable files = {}) {
    wire::Writer w = begin(T::kApiKey);
    encode(w, message, state_->version);
    finish(std::move(w), std::move(files));
  }
  // A frame's content, header included, that somebody else encoded.
  void respond_encoded(Bytes header_and_body);
  // Produce with acks=0 gets no answer.
  void respond_nothing();
  // The connection is closed when this answer's turn comes.
  void close_connection(std::string reason);
  // True if the request came in an envelope, which then is answered with this error instead of the request
  // (NOT_CONTROLLER: the broker asks elsewhere). False: nothing has happened, the request needs its own
  // answer.
  bool refuse_envelope(ErrorCode error);
  // To be called before the answer.
  void mute_for(Duration throttle) { state_->mute = throttle; }

 private:
  wire::Writer begin(int16_t api_key) const;
  void finish(wire::Writer w, FileTable files);
  void complete(SlotState::Outcome outcome);

  std::shared_ptr<SlotState> state_;
};

}  // namespace ksim::rpc
