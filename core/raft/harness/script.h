#pragma once
// The command language of the transcripts in core/raft/testdata. One command a line, its full output below:
//
//   cluster voters=1,2,3 [observers=4] [linger=0]   new nodes, not started
//   start N | crash N | power-loss N [keep=K]       K batches of the unsynced tail survive
//   tick N MS                                       N's clock moves, deadlines fire in order
//   deadline N [M]                                  N's clock jumps to its next deadline, M times
//   timeout N                                       N's clock jumps until its state changes
//   deliver|drop|duplicate [from=A] [to=B] [what=WORD] [count=K]   messages under way, oldest first
//   stabilize [without=A,B]                         delivers all until nothing is under way
//   auto-disk on|off, disk N [count]                disk operations by hand; one count performs or
//   acknowledges append N TEXT [records=K] [epoch=E]             a client's append at N resign N | shutdown N
//   [MS] | snapshot N OFFSET | clean N OFFSET fail N PEER                                     N is told that
//   its requests to PEER failed wipe N                                          N's disk is replaced; N must
//   be down status | log N | flights
//
// Lines that begin with '#' are comments. A violated invariant ends the transcript with its text.

#include <string>
#include <string_view>

namespace ksim::raft {

// The transcript with every output generated anew. Equal to its input if nothing has changed.
std::string run_transcript(std::string_view text);

}  // namespace ksim::raft
