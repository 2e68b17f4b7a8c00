#pragma once
// Kafka's frames on the simulated network, as rows of the history: who sent what to whom, and whether it
// arrived. Looks at lengths and headers only.

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>

#include "sim/history/recorder.h"
#include "sim/net/conn.h"

namespace ksim::sim {

class MessageTap final : public NetTap {
 public:
  // The recorder outlives the tap; the tap is taken off its fabric before either ends.
  explicit MessageTap(Recorder& recorder) : recorder_(recorder) {}

  // Called with each message that has arrived, or never will.
  std::function<void(const MessageRow&)> on_settled;

  void sent(Conn& conn, size_t side, Bytes piece) override;
  void arrived(Conn& conn, size_t side, uint64_t total_bytes) override;
  void dropped(Conn& conn, size_t side) override;

 private:
  static constexpr size_t kLengthBytes = 4;
  static constexpr size_t kRequestHead = kLengthBytes + 8;   // api key, version, correlation id
  static constexpr size_t kResponseHead = kLengthBytes + 4;  // correlation id
  struct OnTheWay {
    int64_t row;
    uint64_t end;  // position in the stream behind its last byte
  };
  struct Flow {
    std::array<uint8_t, kRequestHead> head{};
    size_t head_bytes = 0;
    Instant began;            // of the frame being sent
    uint64_t rest = 0;        // bytes of the frame behind its head that are not sent yet
    uint64_t position = 0;    // bytes sent
    bool unreadable = false;  // not Kafka's framing
    std::deque<OnTheWay> frames;
  };
  struct Asked {
    int32_t correlation;
    std::string_view api;
    int16_t version;
  };
  struct Talk {
    Flow flows[2];           // by the side that sends
    std::deque<Asked> open;  // requests not answered yet, in the order of the stream
  };

  void begin(Conn& conn, size_t side, Talk& talk, Flow& flow);

  Recorder& recorder_;
  std::map<uint64_t, Talk> talks_;  // by the connection's key
};

}  // namespace ksim::sim
