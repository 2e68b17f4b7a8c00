#pragma once

#include "core/base/error.h"

namespace ksim {

// The seam's word for an errno value of a file operation or of connecting and listening.
IoError io_error_of(int error_number);
// The same for an established connection, where every failure of the way to the peer reads as `reset`.
IoError stream_error_of(int error_number);

}  // namespace ksim
