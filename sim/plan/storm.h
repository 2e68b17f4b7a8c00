#pragma once
// A plan in which everything is drawn: the cluster, its topics and settings, what clients do and what goes
// wrong. Swarm testing (Groce and others, 2012): a seed switches some kinds of faults, knobs and settings on
// and leaves the rest out, since features that are always there hide what the others would show. A run is
// short and dense, so that many moments meet many faults in little time.
//
// A scenario asks for it with draws = "storm" and may overrule any part (scenarios/storm.toml).

#include "sim/plan/plan.h"

namespace ksim::sim {

// Within what Kafka promises its quorum: no disk of a voter is replaced. Faults hang on the words'
// predicates.
Plan draw_storm(uint64_t seed, const Vocabulary& words);

// Where the site fetch.slow_read is active, a fetch may take 1.5 s more, and so does what stands behind it on
// its connection. A consumer that gives the connection up before that may do so for ever, and with it each
// question where it is to read on: here none is so impatient.
void outwait_slow_reads(Plan& plan);

}  // namespace ksim::sim
