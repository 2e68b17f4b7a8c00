#pragma once
// Reads the heads of the requests that go through the network, and nothing else: who asks whom for what.

#include <array>
#include <functional>
#include <map>

#include "sim/history/facts.h"
#include "sim/net/fabric.h"

namespace ksim::sim {

class RequestWatch final : public NetTap {
 public:
  // Both are called with what is sent; the tap may be null.
  std::function<void(const RequestSeen&)> on_request;
  NetTap* next = nullptr;

  void sent(Conn& conn, size_t side, Bytes piece) override;
  void arrived(Conn& conn, size_t side, uint64_t total_bytes) override {
    if (next != nullptr) next->arrived(conn, side, total_bytes);
  }
  void dropped(Conn& conn, size_t side) override {
    if (side == 0) flows_.erase(conn.key());
    if (next != nullptr) next->dropped(conn, side);
  }

 private:
  static constexpr size_t kLengthBytes = 4;
  static constexpr size_t kHead = kLengthBytes + 2;  // up to the api key
  struct Flow {
    std::array<uint8_t, kHead> head{};
    size_t head_bytes = 0;
    uint64_t rest = 0;        // bytes of the frame behind its head that are not sent yet
    bool unreadable = false;  // not Kafka's framing
  };

  void take(Conn& conn, Flow& flow);

  std::map<uint64_t, Flow> flows_;  // of the side that asks, by the connection's key
};

}  // namespace ksim::sim
