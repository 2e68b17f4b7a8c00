#include "sim/checkers/all.h"

#include <array>

namespace ksim::sim {
namespace {

constexpr auto kKinds = std::to_array<CheckerKind>({
    {"M1", make_one_quorum_leader},
    {"M2", make_logs_match},
    {"M3", make_committed_metadata_stays},
    {"M4", make_images_agree},
    {"M5", make_topic_calls_linearize},
    {"M6", make_partition_states},
    {"M7", make_controller_acts},
    {"M8", make_answers_are_committed},
    {"R1", make_committed_survives},
    {"R2", make_replicas_agree},
    {"R3", make_one_appender},
    {"R4", make_latest_never_back},
    {"R5", make_served_is_committed},
    {"R6", make_isr_holds_committed},
    {"R7", make_epoch_ends},
    {"R8", make_laggards_leave},
    {"S1", make_offsets_increase},
    {"S2", make_loaded_is_rebuilt},
    {"S3", make_durable_is_durable},
    {"S4", make_damage_stays},
    {"S5", make_settings_hold},
    {"S6", make_deletion_is_done},
    {"S7", make_deleted_topics_go},
    {"P1", make_exactly_once},
    {"P2", make_success_is_in_the_log},
    {"P3", make_sends_end_in_time},
    {"P4", make_no_gap_without_loss},
    {"K1", make_position_is_continuous},
    {"K2", make_epoch_never_back},
    {"K3", make_polls_keep_to_their_limit},
    {"K4", make_rests_are_kept},
    {"K5", make_seeks_arrive},
    {"K6", make_calls_are_repeated},
    {"Q1", make_forgeries_refused},
    {"Q2", make_nobody_asks_in_a_loop},
    {"L", make_everything_completes},
    {"X1", make_counter_counts},
});

}  // namespace

std::span<const CheckerKind> checker_kinds() { return kKinds; }

}  // namespace ksim::sim
