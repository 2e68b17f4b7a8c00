#include "core/rpc/response.h"

#include "core/wire/header.h"

namespace ksim::rpc {

wire::Records FileTable::add(std::vector<FileSlice> slices) {
  wire::Records records;
  for (const FileSlice& slice : slices) records.external_size += slice.size_bytes;
  if (records.external_size == 0) return records;
  entries_.push_back(std::move(slices));
  records.external_id = static_cast<uint32_t>(entries_.size());
  return records;
}

ResponseSlot::~ResponseSlot() {
  if (state_ != nullptr) close_connection("a request was dropped without an answer");
}

wire::Writer ResponseSlot::begin(int16_t api_key) const {
  ENSURE(state_ != nullptr, "a request is answered once");
  ENSURE(static_cast<int16_t>(state_->api->key) == api_key, "the answer is of another api");
  wire::Writer w;
  w.i32(0);
  wire::encode(w, wire::ResponseHeader{state_->correlation_id},
               state_->api->flexible_response_header(state_->version));
  return w;
}

void ResponseSlot::finish(wire::Writer w, FileTable files) {
  if (const Result<void> status = w.status(); !status.ok()) return close_connection(status.error().message);
  if (w.total_size() - 4 > INT32_MAX) return close_connection("a response over 2^31 - 1 bytes");
  w.patch_i32(0, static_cast<int32_t>(w.total_size() - 4));
  state_->response.splices = w.splices();
  state_->response.bytes = w.take();
  state_->response.files = std::move(files);
  complete(SlotState::Outcome::response);
}

void ResponseSlot::respond_encoded(Bytes header_and_body) {
  ENSURE(state_ != nullptr, "a request is answered once");
  wire::Writer w;
  w.i32(0);
  w.raw(header_and_body);
  finish(std::move(w), {});
}

void ResponseSlot::respond_nothing() {
  ENSURE(state_ != nullptr, "a request is answered once");
  complete(SlotState::Outcome::no_response);
}

void ResponseSlot::close_connection(std::string reason) {
  ENSURE(state_ != nullptr, "a request is answered once");
  state_->reason = std::move(reason);
  complete(SlotState::Outcome::close);
}

bool ResponseSlot::refuse_envelope(ErrorCode error) {
  ENSURE(state_ != nullptr, "a request is answered once");
  if (state_->sink == nullptr || !state_->sink->is_envelope()) return false;
  state_->refusal = error;
  complete(SlotState::Outcome::refused);
  return true;
}

void ResponseSlot::complete(SlotState::Outcome outcome) {
  const std::shared_ptr<SlotState> state = std::move(state_);
  state->outcome = outcome;
  if (state->sink != nullptr) state->sink->completed(*state);
}

}  // namespace ksim::rpc
