#pragma once
// What is to be produced, from stdin or a file.

#include <memory>
#include <optional>
#include <string>

#include "core/apps/kctl/session.h"
#include "core/io/linux/loop_epoll.h"

namespace ksim::kctl {

// Bytes of a descriptor. A fiber that waits for them does not hold up the loop, so that what was read before
// is sent meanwhile.
class Input final : public Pollable {
 public:
  // "-" is stdin.
  static Result<std::unique_ptr<Input>> open(Session& session, const std::string& path);
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  ~Input();

  // At least one byte, or 0: the end, or stop() was called.
  Result<size_t> read(MutableBytes into);
  void stop();

  void ready(uint32_t epoll_events) override;

 private:
  Input(Session& session, std::string name, int descriptor);

  Session& session_;
  std::string name_;
  int descriptor_;
  bool watched_ = false;
  bool stopped_ = false;
  Fiber* waiting_ = nullptr;
};

// Cuts what is read at a delimiter, which is not part of a line.
class Lines {
 public:
  static constexpr size_t kMaxLineBytes = 128U << 20;

  Lines(Input& input, std::string delimiter) : input_(input), delimiter_(std::move(delimiter)) {}
  // Empty: the end. What stands behind the last delimiter is a line if it is not empty.
  Result<std::optional<std::string>> next();
  // All that is left.
  Result<std::string> rest();

 private:
  Result<bool> fill();

  Input& input_;
  std::string delimiter_;
  std::string buffer_;
  size_t begin_ = 0;    // of the line
  size_t scanned_ = 0;  // no delimiter begins before
  bool ended_ = false;
};

}  // namespace ksim::kctl
