#pragma once
// Standard output and error, and real time for progress and for how fast runs were.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ksim::host {

bool is_terminal(int descriptor);  // 1 standard output, 2 standard error
// Colour is for terminals, unless NO_COLOR is set.
bool wants_colour(int descriptor);
size_t columns(int descriptor);
void write_out(std::string_view text);
// Why not all of what was written has arrived, for want of space, say; that nobody reads it is no reason.
std::optional<std::string> lost_output();
void write_error(std::string_view text);
// Standard streams that were closed are opened on nothing, so that no other file takes their numbers; writing
// to a pipe that nobody reads fails instead of ending the process.
void prepare_streams();
int64_t real_ns();    // monotonic
int64_t cpu_ns();     // that this process has had a processor for
size_t processors();  // that this process may use

}  // namespace ksim::host
