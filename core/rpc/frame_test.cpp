#include "core/rpc/frame.h"

#include "core/rpc/test_world.h"

namespace ksim::rpc {
namespace {

class FrameTest : public test::RpcWorld {
 protected:
  // Both ends of a fresh connection.
  void connect() {
    listener = network.listen({"server", 1}).value();
    client = network.connect({"server", 1}, "test", Instant::never()).value();
    server = listener->accept(Instant::never()).value();
  }
  void send(size_t size_bytes, uint8_t fill) {
    ByteBuffer bytes(4 + size_bytes, fill);
    store_be(bytes.data(), static_cast<int32_t>(size_bytes));
    EXPECT_TRUE(write_all(*client, bytes, Instant::never()).ok());
  }
  std::unique_ptr<Listener> listener;
  ConnectionRef client;
  ConnectionRef server;
};

TEST_F(FrameTest, FramesOfAllSizesComeWhole) {
  run([&] {
    connect();
    const std::vector<size_t> sizes = {0, 1, 5, 4092, 4096, 5000, 3, 60'000, 0, 7};
    Scope writers(env);
    writers.spawn("writer", [&] {
      for (size_t i = 0; i < sizes.size(); ++i) send(sizes[i], static_cast<uint8_t>(i));
      client->shutdown_write();
    });
    FrameReader frames(*server, 100'000, nullptr);
    for (size_t i = 0; i < sizes.size(); ++i) {
      const IoResult<Frame> frame = frames.next(Instant::never());
      ASSERT_TRUE(frame.ok());
      ASSERT_EQ(frame->bytes.size(), sizes[i]);
      for (const uint8_t byte : frame->bytes.view()) ASSERT_EQ(byte, i);
    }
    EXPECT_EQ(frames.next(Instant::never()).error(), IoError::closed);
    writers.join();
  });
}

TEST_F(FrameTest, ADeadlineKeepsWhatHasArrived) {
  run([&] {
    connect();
    FrameReader frames(*server, 100, nullptr);
    EXPECT_EQ(frames.next(env.after(milliseconds(1))).error(), IoError::timed_out);
    const uint8_t start[] = {0, 0, 0, 3, 'a'};
    EXPECT_TRUE(write_all(*client, start, Instant::never()).ok());
    EXPECT_EQ(frames.next(env.after(milliseconds(1))).error(), IoError::timed_out);
    EXPECT_TRUE(write_all(*client, as_bytes("bc"), Instant::never()).ok());
    const IoResult<Frame> frame = frames.next(Instant::never());
    ASSERT_TRUE(frame.ok());
    EXPECT_EQ(as_text(frame->bytes.view()), "abc");
  });
}

TEST_F(FrameTest, SizesThatCannotBeAreInvalidAndCutFramesAReset) {
  for (const auto& [size, expected] :
       {std::pair{-1, IoError::invalid}, {101, IoError::invalid}, {100, IoError::reset}}) {
    finished = false;
    run([&, size = size, expected = expected] {
      connect();
      uint8_t bytes[6] = {};
      store_be(bytes, static_cast<int32_t>(size));
      EXPECT_TRUE(write_all(*client, bytes, Instant::never()).ok());
      client->shutdown_write();
      FrameReader frames(*server, 100, nullptr);
      EXPECT_EQ(frames.next(Instant::never()).error(), expected) << size;
    });
  }
}

TEST_F(FrameTest, ASpentBudgetHoldsTheNextFrameBack) {
  run([&] {
    connect();
    send(80, 1);
    send(80, 2);
    send(10, 3);
    ByteBudget budget(scheduler, 100);
    FrameReader frames(*server, 1000, &budget);
    std::optional<Frame> first = frames.next(Instant::never()).value();
    const Frame second = frames.next(Instant::never()).value();  // over the limit, but something was left
    EXPECT_EQ(budget.left(), -60);
    EXPECT_EQ(frames.next(env.after(milliseconds(5))).error(), IoError::timed_out);
    first.reset();
    EXPECT_EQ(budget.left(), 20);
    EXPECT_EQ(frames.next(Instant::never())->bytes.size(), 10U);
  });
}

}  // namespace
}  // namespace ksim::rpc
