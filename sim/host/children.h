#pragma once
// Worker processes: forks of this one that do work and tell it through a pipe.

#include <cstdint>
#include <functional>

#include "core/base/bytes.h"

namespace ksim::host {

// The writing end of a pipe to the parent; buffered.
class Outlet {
 public:
  explicit Outlet(int descriptor) : descriptor_(descriptor) {}
  void write(Bytes bytes);
  void flush();

 private:
  int descriptor_;
  ByteBuffer buffer_;
};

class Child {
 public:
  // Runs `body` in a new process, which exits with what it returns.
  explicit Child(const std::function<int(Outlet&)>& body);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();  // ends the process if it still runs

  // Whatever it has written, waiting for at least a byte. Empty: it has ended.
  Bytes read();
  // Waits for its end; the exit code, or 128 + the signal that ended it.
  int wait();
  void kill();

 private:
  int process_ = -1;
  int descriptor_ = -1;
  int code_ = -1;
  ByteBuffer buffer_;
};

}  // namespace ksim::host
