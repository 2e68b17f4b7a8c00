#include "core/base/result.h"

#include <fmt/format.h>

namespace ksim {

std::string to_string(const Error& error) {
  std::string text{to_string(error.code)};
  if (error.io != IoError::ok) text += fmt::format(" ({})", to_string(error.io));
  if (!error.message.empty()) text += ": " + error.message;
  return text;
}

}  // namespace ksim
