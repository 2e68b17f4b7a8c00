#include "sim/host/children.h"

#include <csignal>
#include <exception>

#include <unistd.h>

#include "core/base/assert.h"
#include "sim/host/process.h"
#include "sim/host/terminal.h"

namespace ksim::host {

void Outlet::write(Bytes bytes) {
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  if (buffer_.size() >= kPipeBytes) flush();
}

void Outlet::flush() {
  // If nobody reads any more, the parent has given up; it will end this process.
  static_cast<void>(write_all(descriptor_, buffer_));
  buffer_.clear();
}

Child::Child(const std::function<int(Outlet&)>& body) {
  Pipe pipe;
  const pid_t parent = ::getpid();
  process_ = ::fork();
  ENSURE(process_ >= 0, "no process for a worker");
  if (process_ == 0) {
    die_with(parent);
    ::close(pipe.ends[0]);
    int code = 3;
    try {  // nothing may go on in the parent's frames
      Outlet outlet(pipe.ends[1]);
      code = body(outlet);
      outlet.flush();
    } catch (const std::exception& error) {
      write_error(std::string(error.what()) + "\n");
    }
    ::_exit(code);
  }
  ::close(pipe.ends[1]);
  descriptor_ = pipe.ends[0];
}

Child::~Child() {
  kill();
  if (descriptor_ >= 0) ::close(descriptor_);
}

Bytes Child::read() {
  buffer_.resize(kPipeBytes);
  return Bytes(buffer_).first(read_some(descriptor_, buffer_));
}

int Child::wait() {
  if (process_ >= 0) {
    const Ending ending = wait_for(process_);
    code_ = ending.signal != 0 ? 128 + ending.signal : ending.code;
  }
  process_ = -1;
  return code_;
}

void Child::kill() {
  if (process_ < 0) return;
  ::kill(process_, SIGKILL);
  wait();
}

}  // namespace ksim::host
