#pragma once
// Judges a history of what clients saw: one JSON object a line in, a verdict out. The format and the
// definitions of the anomalies are in HISTORY.md.

#include <memory>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace ksim::judge {

struct Verdict {
  bool is_valid = false;  // false as well where nothing can be said
  std::string json;       // one line
};

class Judge {
 public:
  Judge();
  Judge(const Judge&) = delete;
  Judge& operator=(const Judge&) = delete;
  ~Judge();

  // The next bytes of the history. Errors: INVALID_REQUEST with "line 7: why", in one line; nothing may
  // follow them.
  Result<void> feed(std::string_view block);
  // The same errors. Call it once.
  Result<Verdict> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ksim::judge
