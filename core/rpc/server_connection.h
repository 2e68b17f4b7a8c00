#pragma once
// One accepted connection. Its reader takes requests in order and runs their handlers; its writer sends the
// answers in the order of the requests, whenever they come (rule D1, DESIGN "Order on a connection").

#include <deque>
#include <memory>

#include "core/rpc/server.h"

namespace ksim::rpc {

// Shared by its two fibers; the last one to end destroys it.
class ServerConnection final : public ResponseSink {
 public:
  ServerConnection(RpcServer& server, ConnectionRef connection);
  ServerConnection(const ServerConnection&) = delete;
  ServerConnection& operator=(const ServerConnection&) = delete;
  ~ServerConnection() override;

  void read_loop();
  void write_loop();
  void close() { connection_->close(); }
  uint64_t key() const { return info_->key; }
  const Endpoint& peer() const { return info_->peer; }

  void completed(SlotState& slot) override;

 private:
  static constexpr size_t kBatch = 16;  // answers in one write

  IoResult<Frame> next_frame();
  void wait_while_muted();
  bool wait_for_room();
  // False: the connection is to be closed.
  bool serve(Frame frame);
  ResponseSlot open_slot(const wire::ApiInfo& api, int16_t version, int32_t correlation_id);
  void answer_unknown_version(IncomingRequest& request);
  // Answers that are due, oldest first.
  std::vector<std::shared_ptr<SlotState>> take_ready();
  bool send(const std::vector<std::shared_ptr<SlotState>>& ready);
  bool send_all(const std::vector<std::shared_ptr<SlotState>>& ready);
  void measure(const SlotState& slot, Instant begun);
  IoResult<void> send_spans(std::span<Bytes> spans);
  IoResult<void> send_files(const std::vector<FileSlice>& slices);
  void log_close(std::string_view why);

  RpcServer& server_;
  const Env& env_;
  ConnectionRef connection_;
  FrameReader frames_;
  std::shared_ptr<const ConnectionInfo> info_;
  std::deque<std::shared_ptr<SlotState>> pending_;  // in the order of the requests
  Condition changed_;
  Instant muted_until_{0};
  bool no_more_requests_ = false;
  bool broken_ = false;
};

}  // namespace ksim::rpc
