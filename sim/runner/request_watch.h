#pragma once
// Reads the heads of the requests that go through the network, and nothing else: who asks whom for what.

#include <array>
#include <deque>
#include <functional>
#include <map>

#include "sim/history/facts.h"
#include "sim/net/fabric.h"

namespace ksim::sim {

class RequestWatch final : public NetTap {
 public:
  // Called with what is sent.
  std::function<void(const RequestSeen&)> on_request;
  // Called when the head of a request has reached the other kernel, on connections of which `minds` says so.
  std::function<bool(const Conn&)> minds;
  std::function<void(const Conn&, int16_t api)> on_arrived;
  NetTap* next = nullptr;  // or null

  void sent(Conn& conn, size_t side, Bytes piece) override;
  void arrived(Conn& conn, size_t side, uint64_t total_bytes) override;
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
    uint64_t bytes = 0;       // seen so far
    bool minded = false;
    struct Head {
      uint64_t end = 0;
      int16_t api = 0;
    };
    std::deque<Head> under_way;  // if minded
  };

  void take(Conn& conn, Flow& flow);

  std::map<uint64_t, Flow> flows_;  // of the side that asks, by the connection's key
};

}  // namespace ksim::sim
