#pragma once
// The part of a raw driver that speaks to controllers in the name of brokers, and that sends frames which are
// no request of a version in use. Rules D2, C13, C32.

#include "sim/workloads/raw_wire.h"

namespace ksim::sim {

class RawIntruder {
 public:
  explicit RawIntruder(RawWire& wire) : wire_(wire) {}
  void act();

 private:
  void false_broker();
  void false_frame();
  void judge_controller(const Endpoint& controller, std::string text, std::string_view rule, ErrorCode right,
                        int16_t answer);
  // What the server sends back to one frame: its bytes, or nothing if it closed. Nothing at all if neither
  // came in time.
  std::optional<ByteBuffer> exchange(const Endpoint& server, Bytes frame, bool& known);

  RawWire& wire_;
};

}  // namespace ksim::sim
