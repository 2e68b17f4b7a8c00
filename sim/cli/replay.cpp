#include "sim/cli/commands.h"
namespace ksim::sim {
int run_replay(const host::ReplayCommand&) { return kBadInput; }
}
