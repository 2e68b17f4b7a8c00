#include "sim/explain/wrongs.h"

namespace ksim::sim {
namespace {

constexpr std::string_view kMatching = "KIP-101, KIP-279: logs are cut where they part";
constexpr std::string_view kMatchingText =
    "Replicas that share a batch share all before it. A follower that comes to another leader asks it where "
    "the "
    "epoch of its own last batch ends, cuts its log there, and appends only then.";
constexpr std::string_view kLeadership = "one leader an epoch";
constexpr std::string_view kLeadershipText =
    "In one leader epoch one broker takes records, and nobody appends what he asked for in another epoch.";
constexpr std::string_view kMark = "the high watermark";
constexpr std::string_view kServed = "readers see what is committed";
constexpr std::string_view kServedText =
    "A consumer is handed what lies below its leader's high watermark, and only batches whose checksum is "
    "right.";
constexpr std::string_view kLatest = "KIP-207: the latest offset never steps back";
constexpr std::string_view kProposals = "KIP-497, KIP-903: changes of the ISR";
constexpr std::string_view kProposalsText =
    "The controller takes a change of the ISR only from the broker that leads, if it was made on top of the "
    "very "
    "leader epoch and partition epoch that stand (else FENCED_LEADER_EPOCH, INVALID_UPDATE_VERSION), and "
    "only for "
    "brokers that are registered, not fenced, and in the broker epoch in which the leader saw them.";
constexpr std::string_view kMembers = "KIP-631, KIP-841: who may lead and be in sync";
constexpr std::string_view kMembersText =
    "Who is fenced, stops or has lost the directory leaves every ISR and leads nothing; the change that "
    "takes it "
    "away moves its leaderships as well. Only the last ISR member of a partition that nobody leads may stay.";
constexpr std::string_view kRegistration = "KIP-966, KIP-903: unclean restarts";
constexpr std::string_view kRegistrationText =
    "A broker counts as stopped in order only if it names the broker epoch in which it was registered last, "
    "which "
    "the marker on its disk vouches for. Who stopped otherwise may have lost what was not synced, and leaves "
    "ISR "
    "and ELR until it has caught up again.";
constexpr std::string_view kPlacement = "KIP-36, KIP-631: where replicas are placed";
constexpr std::string_view kSessions = "KIP-500: sessions of brokers";
constexpr std::string_view kElections = "KIP-631, KIP-966: elections by the controller";
constexpr std::string_view kAnswers = "KIP-500: a controller answers what is committed";
constexpr std::string_view kAnswersText =
    "A controller decides, writes its decision into the metadata log, and answers when the quorum has "
    "committed it, in "
    "the same epoch. If it loses its leadership before, whoever waits is told NOT_CONTROLLER.";
constexpr std::string_view kTopics = "KIP-500: topics change in the order of the metadata log";
constexpr std::string_view kTopicsText =
    "What a client is told of a topic is what stands in the metadata log: a success once, for the change "
    "that was asked "
    "for; a refusal only where it was so at that time.";
constexpr std::string_view kImage = "KIP-500, KIP-630: one image of the metadata";
constexpr std::string_view kVotes = "KIP-595: votes and epochs of the quorum";
constexpr std::string_view kVotesText =
    "A voter gives one vote in an epoch, and never goes back to an earlier one. Epoch and vote are on its "
    "disk before "
    "anybody hears of them, and are read from there when it starts again.";
constexpr std::string_view kMajority = "KIP-595: what a majority holds stays";
constexpr std::string_view kMajorityText =
    "The quorum's high watermark passes a record when a majority of the voters has it on disk, and the "
    "leader has one of "
    "its own epoch on a majority.";
constexpr std::string_view kProducers = "KIP-98: idempotent producers";
constexpr std::string_view kProducersText =
    "Each batch has a sequence, and a leader takes the next one only: one that it has seen is answered and "
    "not written "
    "again, one that leaves a gap is refused. A client sends a batch again as it was, and begins new "
    "sequences only where "
    "no earlier attempt can be in the log.";
constexpr std::string_view kOutcomes = "KIP-98, acks: what a producer is told";
constexpr std::string_view kPositions = "KIP-320, auto.offset.reset: positions of consumers";
constexpr std::string_view kPositionsText =
    "A position is moved by the records that are handed out, by a seek, and by a reset; a reset is for an "
    "offset that is "
    "out of the log's range, or a log that parts from what was read (OffsetForLeaderEpoch says where).";
constexpr std::string_view kDurable = "what is counted as durable";
constexpr std::string_view kDurableText =
    "Whatever says that something is on the disk is written after that was synced: a recovery point after "
    "segments, "
    "indexes and directory; a marker of a stop in order after all logs; a lower one before the log is cut.";
constexpr std::string_view kRebuilt = "KIP-101, KIP-98: state rebuilt from the log";
constexpr std::string_view kRebuiltText =
    "Leader epochs, producers and indexes say what the batches of the log say, after a load as after a cut.";
constexpr std::string_view kDeleted = "KIP-107: log start offsets";
constexpr std::string_view kDeletedText =
    "A log start moves forward over what a client has deleted or retention has given up, and never back.";
constexpr std::string_view kSizes = "segment.bytes, segment.ms, max.message.bytes, retention";
constexpr std::string_view kProgress = "progress after faults have ended";
constexpr std::string_view kProgressText =
    "When nothing fails any more, what waits is tried again until it is done: followers catch up and join "
    "the ISR, calls "
    "end, readers come to the end.";

constexpr Wrong kWrongs[] = {
    {"R1", "", "committed_lost", "durability of what is committed",
     "What is committed, acknowledged under acks=all or served stays in the log of every later leader."},
    {"R2", " appended ", "append_without_cut", kMatching, kMatchingText},
    {"R2", "below its high watermark", "watermark_above_parting", kMark,
     "A follower's high watermark is its leader's, as far as its own log goes; while its log parts from its "
     "leader's it "
     "says nothing of what lies behind that point."},
    {"R2", "", "not_cut", kMatching, kMatchingText},
    {"R3", "both led", "two_leaders", kLeadership, kLeadershipText},
    {"R3", "", "append_of_another_epoch", kLeadership, kLeadershipText},
    {"R4", "the first record not older", "wrong_lookup", "ListOffsets by time",
     "A lookup by time finds the first record whose timestamp is not older than what was asked for."},
    {"R4", "", "latest_stepped_back", kLatest,
     "A new leader does not know yet how far its log is committed. Until its high watermark has come to the "
     "start of its "
     "epoch it answers ListOffsets(latest) with OFFSET_NOT_AVAILABLE, and it never tells an end below one "
     "that was told."},
    {"R5", "are committed", "served_uncommitted", kServed, kServedText},
    {"R5", "is committed now", "served_uncommitted", kServed, kServedText},
    {"R5", "", "served_another", kServed, kServedText},
    {"R6", " proposes broker ", "early_proposal", "joining the ISR (KIP-497, KAFKA-7128)",
     "A follower joins when it has come to the leader's high watermark and to the start of the leader's "
     "epoch: below that "
     "start a new leader may not know what is committed."},
    {"R6", "is taken into the ISR", "unfit_member", kMembers, kMembersText},
    {"R6", "flush.messages is 1", "unsynced_follower", "flush.messages=1",
     "With it a follower syncs what it has copied before its next fetch tells its leader that it has it."},
    {"R6", "", "member_lacks", "the ISR (KIP-497) and the ELR (KIP-966)",
     "Every member of ISR and ELR holds all that is committed: any of them may be elected."},
    {"R7", "was asked where", "wrong_epoch_end", kMatching,
     "Who is asked where an epoch ends tells the largest epoch in its log that is not above it, and where "
     "that ends."},
    {"R7", "", "kept_behind_the_end", kMatching,
     "A follower cuts to the end that it is told, or to where its own log leaves that epoch, whichever is "
     "earlier; and asks "
     "again until both agree."},
    {"R8", "", "laggard_stays", "KIP-16: replica.lag.time.max.ms",
     "A follower that has not come to its leader's log end for replica.lag.time.max.ms is proposed to leave "
     "the ISR."},
    {"P1", "duplicate", "written_twice", kProducers, kProducersText},
    {"P1", "out of order", "out_of_order", kProducers, kProducersText},
    {"P1", "is missing between", "gap", kProducers, kProducersText},
    {"P2", "definitely not written", "told_not_written", kOutcomes,
     "An error proves that a batch is not in the log only if no attempt can have written it. A timeout, a "
     "lost answer, or "
     "an error after the append (REQUEST_TIMED_OUT, NOT_ENOUGH_REPLICAS_AFTER_APPEND, "
     "NOT_LEADER_OR_FOLLOWER) leaves it open."},
    {"P2", "acknowledged as a duplicate", "acknowledgement", kOutcomes,
     "A batch is answered as a duplicate of one that is in the log with the same sequences, and is that "
     "one."},
    {"P2", "where it has", "stored_otherwise", kOutcomes,
     "A record stands in the log with the key, value, headers and timestamp with which it was sent."},
    {"P2", "", "acknowledgement", kOutcomes,
     "A send that is reported successful is in the log, at the offset that is told."},
    {"P3", "", "late_end", "delivery.timeout.ms (KIP-91)",
     "A send ends within max.block.ms and delivery.timeout.ms, whatever it ends with."},
    {"P4", "", "gap_told", "KIP-360: gaps in sequences",
     "A broker refuses a batch as out of order when the one before it is not in its log. A client that sends "
     "the "
     "second batch to a leader only when that leader has taken the first, and begins a new epoch behind what "
     "it "
     "gave up, meets that only where records were lost."},
    {"K1", "was reset to", "needless_reset", kPositions, kPositionsText},
    {"K1", "and was handed offset", "wrong_position", kPositions, kPositionsText},
    {"K1", "skipped record", "skipped", kPositions, kPositionsText},
    {"K1", "was never handed", "skipped", kPositions, kPositionsText},
    {"K1", "was to begin", "wrong_beginning", kPositions,
     "A reader without a position begins at the first record or at the end, as auto.offset.reset says."},
    {"K2", "", "older_epoch_believed", "KIP-320, KIP-951: leader epochs of clients",
     "A client keeps the highest leader epoch that it has seen of a partition, and takes no leader of an "
     "earlier one, "
     "whoever tells it."},
    {"K3", "", "too_many_handed_out", "max.poll.records (KIP-41)",
     "A poll hands out at most max.poll.records records, of all partitions."},
    {"K4", "", "handed_out_at_rest", "pause and assign",
     "A poll hands out nothing of a partition that is paused or given up."},
    {"K5", "", "seek_missed", "seek, seekToBeginning, seekToEnd",
     "After a seek the next poll hands out what stands at the place that was asked for last, or from the "
     "first "
     "record or the end as they were when it was looked up."},
    {"K6", "", "call_not_repeated", "retriable errors (KIP-533: default.api.timeout.ms)",
     "A call of the admin client that may succeed when it is repeated is repeated until its time is over."},
    {"S1", "nothing permits it", "early_deletion", kDeleted, kDeletedText},
    {"S1", "", "start_went_back", kDeleted, kDeletedText},
    {"S2", "", "wrong_state", kRebuilt, kRebuiltText},
    {"S3", "as flushed below", "unsynced_flush", kDurable, kDurableText},
    {"S3", "has loaded it up to", "recovery_point_past_end", kDurable, kDurableText},
    {"S3", "recovery point", "recovery_point_stays", kDurable, kDurableText},
    {"S3", "cut it at", "cut_not_synced", kDurable,
     "A cut is synced before the log takes anything new: else a power loss brings back what was cut off, "
     "behind it."},
    {"S3", "log start", "log_start_not_synced", kDurable, kDurableText},
    {"S3", "snapshot", "snapshot_not_synced", kDurable,
     "A snapshot is synced, then named, and the directory synced, before anything counts on it."},
    {"S3", "marker", "clean_marker", kDurable,
     "The marker of a stop in order is written last, after all that it vouches for is synced, and is gone "
     "for good before "
     "a log is used again."},
    {"S3", "uses it as of topic", "topic_id_not_synced", kDurable, kDurableText},
    {"S3", "", "checkpoint_not_synced", kDurable, kDurableText},
    {"S4", "", "damage_copied", "CRC of record batches",
     "A follower looks at the checksum of each batch that it is sent, and appends none that is wrong."},
    {"S5", "keeps segment", "kept_too_long", kSizes,
     "What retention.ms or retention.bytes gives up is deleted in time."},
    {"S5", "has not flushed", "flushed_late", "flush.ms, flush.messages",
     "What is older than flush.ms, or more than flush.messages, is synced by the next look."},
    {"S5", "", "too_large", kSizes,
     "A batch is no longer than max.message.bytes, and a segment takes none that brings it beyond "
     "segment.bytes or segment.ms."},
    {"S6", "", "deletion_not_done", kDeleted,
     "DeleteRecords is answered when the leader and all of its ISR begin at that offset."},
    {"S7", "", "replica_stays", "deletion of topics",
     "Who learns that a topic is deleted stops its replicas, and renames their directories before anything "
     "else may "
     "take their name."},
    {"M1", "both led", "two_quorum_leaders", kVotes, kVotesText},
    {"M1", "started anew, and leads", "led_again", kVotes,
     "Who has led an epoch does not lead in it again after a start."},
    {"M1", "power loss", "vote_not_synced", kVotes, kVotesText},
    {"M1", "still, though", "not_resigned", "KIP-595: a leader that hears no majority resigns",
     "A leader that has not been fetched from by a majority for 1.5 times the fetch timeout resigns."},
    {"M1", "knows of no vote", "vote_forgotten", kVotes, kVotesText},
    {"M1", "it voted for", "two_votes", kVotes, kVotesText},
    {"M1", "went back", "epoch_went_back", kVotes, kVotesText},
    {"M2", "", "quorum_logs_part", "KIP-595: one log of the quorum",
     "Logs that share an (offset, epoch) share its bytes and all before: a leader appends each offset of its "
     "epoch once, "
     "and a voter cuts what differs before it appends."},
    {"M3", "but only", "quorum_watermark", kMajority, kMajorityText},
    {"M3", "by the vote of", "vote_for_shorter_log", kVotes,
     "A voter gives its vote only to a candidate whose log is not behind its own: a later last epoch, or the "
     "same one and an "
     "end not before its own."},
    {"M3", "before its snapshot", "log_behind_snapshot", "KIP-630: snapshots",
     "A log that ends before the snapshot it has is replaced by that snapshot."},
    {"M3", "without the committed", "leader_lacks", kMajority, kMajorityText},
    {"M3", "", "quorum_watermark_went_back", kMajority, kMajorityText},
    {"M4", "(start", "image_differs", kImage,
     "The metadata at an offset is what the log makes up to there, whether it was replayed or loaded from a "
     "snapshot. A "
     "controller decides by it, and begins to when it has replayed all in front of its own epoch."},
    {"M4", "", "image_differs", kImage, "The metadata at an offset is what the log makes up to there."},
    {"M5", "nobody had asked", "change_unasked", kTopics, kTopicsText},
    {"M5", "and was there as", "name_taken", kTopics, "A name has at most one topic at a time."},
    {"M5", " had before", "id_again", kTopics, "An id belongs to one creation and never comes back."},
    {"M5", "was acknowledged", "acknowledged_undone", kTopics, kTopicsText},
    {"M5", "was answered with", "wrong_refusal", kTopics, kTopicsText},
    {"M5", "was shown", "older_metadata_shown", kTopics,
     "A broker shows metadata that it has published, whole, and on one connection never older than before."},
    {"M5", "", "topic_change", kTopics, kTopicsText},
    {"M6", "came into the ISR in its broker epoch", "stale_incarnation", kProposals, kProposalsText},
    {"M6", "came into the ISR", "stale_proposal", kProposals, kProposalsText},
    {"M6", "left the ISR", "stale_proposal", kProposals, kProposalsText},
    {"M6", "its last ISR member is gone", "last_member_left", kElections,
     "Without eligible leader replicas the last member of an ISR stays in it, whatever becomes of it: who "
     "else could lead?"},
    {"M6", "are eligible still", "elr_kept", "KIP-966: eligible leader replicas",
     "Whoever alters min.insync.replicas clears the eligible replicas with that very change: they hold what "
     "was committed under the minimum that they left the ISR under."},
    {"M6", "with a directory that its replica is not in", "wrong_directory", "KIP-858: log directories",
     "With a directory that fails go the replicas that stand in it; those in sound ones stay in their ISRs, "
     "and lead on."},
    {"M6", "is in its ISR [", "unfit_member", kMembers, kMembersText},
    {"M6", " leads it in epoch", "unfit_leader", kMembers, kMembersText},
    {"M6", "registered as stopped in order", "clean_registration", kRegistration, kRegistrationText},
    {"M6", "it is created on", "placement", kPlacement,
     "Each rack has as many replicas of a partition as any other, one more or less; an active broker comes "
     "before a fenced "
     "one, and the first replica leads."},
    {"M6", "first replicas", "placement", kPlacement,
     "The first replicas of a topic go round the racks, and the brokers in them."},
    {"M6", "same first replica", "placement", kPlacement,
     "The first replicas of a topic go round the racks, and the brokers in them."},
    {"M6", "", "partition_epochs", kProposals,
     "Each change of a partition is one partition epoch, and another leader is another leader epoch."},
    {"M7", "has fenced it for its silence", "fenced_too_early", kSessions,
     "A broker is fenced when the controller has not heard from it for broker.session.timeout.ms, and not "
     "before."},
    {"M7", "that it is ready for work", "left_fenced", kSessions,
     "A fenced broker that says it is ready, and knows the metadata up to its own registration, is unfenced "
     "by that heartbeat "
     "(KAFKA-13959)."},
    {"M7", "has not heard of it", "not_fenced", kSessions,
     "A broker that the active controller has not heard from for broker.session.timeout.ms is fenced. A new "
     "controller gives "
     "everybody that time anew, also those that it has never heard."},
    {"M7", "it is not let go", "kept_from_stopping", "controlled shutdown",
     "A broker that has asked to stop, and leads nothing any more, is let go by its next heartbeat once "
     "every active "
     "broker has seen that it leads nothing."},
    {"M7", "nobody leads it", "left_leaderless", kElections,
     "Whenever a member of the ISR, of the ELR if the ISR is empty, or the leader that was known last if "
     "both are, may lead, "
     "the controller elects it."},
    {"M7", "preferred leader", "not_rebalanced", "auto.leader.rebalance.enable",
     "With it the first replica, if it is in sync, leads again by the next look, every "
     "leader.imbalance.check.interval.seconds."},
    {"M8", "that record is of epoch", "answer_of_an_earlier_epoch", kAnswers, kAnswersText},
    {"M8", "rests on offset", "early_answer", kAnswers, kAnswersText},
    {"M8", "has taken over the ISR", "isr_never_committed", kAnswers,
     "A leader goes by an ISR that the controller has committed, of the partition epoch that it says."},
    {"M8", "registered in epoch", "epoch_never_committed", kAnswers, kAnswersText},
    {"M8", "producer ids", "ids_of_another", kAnswers,
     "A block of producer ids is given to one broker, once, when it is committed."},
    {"Q1", "", "wrong_answer", "what servers answer to requests against the rules", ""},
    {"Q2", "", "asks_in_a_loop", "retry.backoff.ms and its like",
     "Whoever is refused waits before it asks again."},
    {"X1", "", "counter", "the workload's own invariant",
     "A counter shows what was added and acknowledged, and never less than it has shown."},
    {"L", "", "standstill", kProgress, kProgressText},
    {"LIVELOCK", "", "livelock", kProgress, "Whatever goes on, time goes on with it."},
    {"ASSERT", "", "assertion", "assertions of the code",
     "What the code says of itself holds, whatever fails around it."},
    {"DISK", "", "disk_given_up", "log directories",
     "A log directory is given up where its disk has refused or failed something, and not for what the code "
     "cannot read."},
};

constexpr Wrong kUnknown{"", "", "", "", ""};

}  // namespace

const Wrong& wrong_of(std::string_view checker, std::string_view message) {
  for (const Wrong& wrong : kWrongs) {
    if (wrong.checker == checker && message.find(wrong.says) != std::string_view::npos) return wrong;
  }
  return kUnknown;
}

}  // namespace ksim::sim
