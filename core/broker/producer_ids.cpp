#include "core/broker/producer_ids.h"

#include "core/wire/messages/allocate_producer_ids.h"

namespace ksim::broker {
namespace {

constexpr Duration kProducerIdsRetry = milliseconds(100);

}  // namespace

std::optional<int64_t> ProducerIdBlocks::next() {
  if (current_.used == current_.count) {
    if (!following_) return std::nullopt;
    current_ = *following_;
    following_.reset();
  }
  return current_.first + current_.used++;
}

bool ProducerIdBlocks::wants_block() const { return !following_ && current_.used * 10 >= current_.count * 9; }

void ProducerIdBlocks::add_block(int64_t first, int32_t count) {
  ENSURE(!following_ && count > 0 && first >= current_.first + current_.count, "producer ids came twice");
  following_ = Block{first, count, 0};
}

void ProducerIdSource::start() {
  scope_.spawn("producer-ids", [this] { loop(); });
}

Result<int64_t> ProducerIdSource::next() {
  const std::optional<int64_t> id = blocks_.next();
  if (blocks_.wants_block()) {
    asked_ = true;
    wanted_.notify_one();
  }
  if (!id) return fail(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, "no producer ids at hand");
  return *id;
}

void ProducerIdSource::loop() {
  for (;;) {
    while (!asked_) static_cast<void>(wanted_.wait(Instant::never(), "producer ids"));
    wire::AllocateProducerIdsRequest request;
    request.broker_id = broker_id_;
    request.broker_epoch = broker_epoch_;
    auto reply = channel_.call(request, Instant::never());
    if (!reply.ok() || error_code_of((*reply)->error_code) != ErrorCode::NONE ||
        (*reply)->producer_id_len <= 0) {
      env_.sleep(kProducerIdsRetry);
      continue;
    }
    asked_ = false;
    env_.emit(ProducerIdsAssigned{(*reply)->producer_id_start, (*reply)->producer_id_len});
    blocks_.add_block((*reply)->producer_id_start, (*reply)->producer_id_len);
  }
}

}  // namespace ksim::broker
