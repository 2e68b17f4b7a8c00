#pragma once
// The families of anomalies. Each looks at the whole history and adds what it finds.

#include "sim/judge/findings.h"
#include "sim/judge/logs.h"

namespace ksim::judge {

// unsent-read, inconsistent-offsets, duplicate, G1a, precommitted-read
void find_wrong_values(const History& history, const Logs& logs, Findings& findings);
// lost-write, unseen
void find_losses(const History& history, const Logs& logs, Findings& findings);
// poll-skip, nonmonotonic-poll and those inside one op
void find_wrong_polls(const History& history, const Logs& logs, Findings& findings);
// nonmonotonic-send, int-nonmonotonic-send, int-send-skip
void find_wrong_sends(const History& history, const Logs& logs, Findings& findings);
// G0, G1c and those with process and realtime edges
void find_cycles(const History& history, const Logs& logs, Findings& findings);

}  // namespace ksim::judge
