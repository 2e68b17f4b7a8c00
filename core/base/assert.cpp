#include "core/base/assert.h"

#include <fmt/format.h>

namespace ksim {

void assertion_failed(std::string_view condition, std::string_view file, int line, std::string_view message) {
  // Only the part from core/ or sim/ on: the message must not depend on where the tree was built.
  for (std::string_view root : {"/core/", "/sim/", "/fuzz/"}) {
    if (auto at = file.rfind(root); at != std::string_view::npos) {
      file = file.substr(at + 1);
      break;
    }
  }
  throw AssertionFailed(fmt::format("{}:{}: ENSURE({}) failed{}{}", file, line, condition,
                                    message.empty() ? "" : ": ", message));
}

}  // namespace ksim
