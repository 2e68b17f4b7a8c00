#pragma once
// What every generated message header stands on.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/base/uuid.h"
#include "core/wire/records.h"

namespace ksim::wire {

class Reader;
class Writer;
struct MessageInfo;

constexpr int16_t kNeverFlexible = INT16_MAX;

}  // namespace ksim::wire
