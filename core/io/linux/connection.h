#pragma once

#include "core/io/linux/disk.h"
#include "core/io/linux/socket.h"

namespace ksim {

class LinuxConnection final : public Connection, public Pollable {
 public:
  // Takes over the descriptor.
  LinuxConnection(LinuxNetwork& network, Blocking blocking, int descriptor, Endpoint peer, uint64_t key)
      : network_(network), blocking_(blocking), descriptor_(descriptor), peer_(std::move(peer)), key_(key) {}
  LinuxConnection(const LinuxConnection&) = delete;
  LinuxConnection& operator=(const LinuxConnection&) = delete;
  ~LinuxConnection() override;

  IoResult<void> finish_connect(Deadline deadline);

  IoResult<size_t> read_some(MutableBytes into, Deadline deadline) override;
  IoResult<size_t> write_some(std::span<const Bytes> from, Deadline deadline) override;
  IoResult<size_t> send_file(const FileRef& file, uint64_t offset, uint64_t size_bytes,
                             Deadline deadline) override;
  void gather(bool on) override;
  void shutdown_write() override;
  void close() override;
  void abort() override;
  bool peer_has_ended() const override { return hung_up_ || peer_finished_ || broken_; }
  Endpoint peer() const override { return peer_; }
  uint64_t key() const override { return key_; }

  void ready(uint32_t events) override;

 private:
  Wake wait(Fiber*& place, Deadline deadline, const char* reason);
  IoError broken(int error_number);
  void leave();  // this end is done with the descriptor; waiting fibers learn of it

  LinuxNetwork& network_;
  Blocking blocking_;
  int descriptor_;
  Endpoint peer_;
  uint64_t key_;
  Fiber* reader_ = nullptr;
  Fiber* writer_ = nullptr;
  friend class LinuxListener;
  bool accepted_ = false;  // counts in the budget of sockets
  bool closed_ = false;
  bool write_shut_ = false;
  bool broken_ = false;  // the kernel tells of a reset once, to whoever asks first
  bool peer_finished_ = false;
  bool hung_up_ = false;
  bool drained_ = false;  // reading again before the next readiness would only give EAGAIN
};

class LinuxListener final : public Listener, public Pollable {
 public:
  LinuxListener(LinuxNetwork& network, int descriptor, Endpoint local)
      : network_(network), descriptor_(descriptor), local_(std::move(local)) {}
  LinuxListener(const LinuxListener&) = delete;
  LinuxListener& operator=(const LinuxListener&) = delete;
  ~LinuxListener() override;

  IoResult<ConnectionRef> accept(Deadline deadline) override;
  Endpoint local() const override { return local_; }
  void close() override;

  void ready(uint32_t events) override;

 private:
  LinuxNetwork& network_;
  int descriptor_;
  Endpoint local_;
  Fiber* waiting_ = nullptr;
  bool closed_ = false;
};

}  // namespace ksim
