#pragma once
// An allocator that shows every use of what must not be observed: it hands out one of several blocks at
// random, so that no order of addresses repeats, and fills it with random bytes.

namespace ksim::host {

// Replaces what operator new does in this process from now on. Seeded from the real clock, on purpose.
void scramble_allocations();
// Keeps freed memory in the process: a campaign gives nothing back between two seeds.
void keep_memory();

}  // namespace ksim::host
