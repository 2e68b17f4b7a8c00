#pragma once
// Processes of this program: pipes to them, what they use of the machine, and how they end.

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/base/bytes.h"

namespace ksim::host {

constexpr size_t kPipeBytes = 64 * 1024;  // read or written at once

struct Pipe {
  Pipe();
  int ends[2] = {-1, -1};  // to read, to write
};

bool write_all(int descriptor, Bytes bytes);
// At most into.size(); 0 at the end.
size_t read_some(int descriptor, MutableBytes into);
bool read_exactly(int descriptor, MutableBytes into);

// In a child: it ends with its parent, however that ends.
void die_with(int parent);

// How a process ended: `code` is what it exited with, unless a signal killed it.
struct Ending {
  int code = 0;
  int signal = 0;
};
// Waits for it.
Ending wait_for(int process);
// "killed by SIGSEGV", "killed by SIGKILL (out of memory?)", "exited with code 3".
std::string to_string(const Ending& ending);

struct Usage {
  int64_t cpu_ns = 0;   // processor time since it began
  bool asleep = false;  // it waits for something: not for a processor, and nobody has stopped it
};
Usage usage_of(int process);

// What a process writes to standard error, kept in memory beside it: its last words survive it.
class ErrorTape {
 public:
  ErrorTape();
  ErrorTape(const ErrorTape&) = delete;
  ErrorTape& operator=(const ErrorTape&) = delete;
  ~ErrorTape();

  void become_stderr() const;  // in the child
  std::string text() const;    // at most the last 64 KiB

 private:
  int descriptor_;
};

// Of what a process wrote to standard error, what best says why it ended, in one line: the summary of a
// sanitizer, else the last two lines.
std::string last_words(const std::string& text);

}  // namespace ksim::host
