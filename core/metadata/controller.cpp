#include "core/metadata/controller.h"

#include <algorithm>
#include <iterator>

#include "core/metadata/controller_op.h"
#include "core/metadata/image_writer.h"

namespace ksim {

// ---- one operation ----

void Controller::Op::apply_last() {
  const auto applied = delta_.replay(records_[records_.size() - 1]);
  if (!applied.ok())
    assertion_failed("the controller's record applies", __FILE__, __LINE__, applied.error().message);
}

void Controller::Op::write_partition(const Uuid& topic, int32_t index,
                                     const PartitionRegistration& partition) {
  add_partition_record(records_, topic, index, partition, metadata_version());
  apply_last();
}

bool Controller::Op::write_change(std::optional<PartitionChange> change) {
  if (!change) return false;
  if (change->unclean) unclean_.insert({change->topic_id, change->partition});
  write(change->record(), partition_record_version(metadata_version()));
  return true;
}

std::vector<ControllerNote> Controller::Op::notes() const {
  using Kind = ControllerNote::Kind;
  std::vector<ControllerNote> notes;
  for (const int32_t id : delta_.changed_brokers()) {
    const BrokerRegistration* after = image().broker(id);
    if (after == nullptr) continue;
    const BrokerRegistration* before = delta_.base()->broker(id);
    ControllerNote note;
    note.broker_id = id;
    note.broker_epoch = after->epoch;
    if (before == nullptr || before->epoch != after->epoch) {
      note.kind = Kind::broker_registered;
      note.clean = clean_registrations_.count(id) != 0;
    } else if (before->fenced != after->fenced) {
      note.kind = after->fenced ? Kind::broker_fenced : Kind::broker_unfenced;
      if (after->fenced) note.reason = fence_reason_;
    } else {
      continue;
    }
    notes.push_back(std::move(note));
  }
  for (const auto& [id, change] : delta_.changed_topics()) {
    const TopicRef topic = image().topic(id);
    for (const int32_t index : change.partitions) {
      ControllerNote note;
      note.topic = topic->name;
      note.topic_id = id;
      note.partition = index;
      note.state = *topic->partitions.find(index);
      note.unclean = unclean_.count({id, index}) != 0;
      notes.push_back(std::move(note));
    }
  }
  return notes;
}

ControllerSettings controller_settings(std::string cluster_id, const ServerConfig& server) {
  ControllerSettings settings;
  settings.cluster_id = std::move(cluster_id);
  for (const QuorumVoter& voter : server.voters()) settings.voters.push_back(voter.id);
  settings.max_elections_per_round = static_cast<size_t>(server.limits().elections_per_round);
  settings.producer_id_block = server.limits().producer_id_block;
  return settings;
}

// ---- the log ----

Controller::Controller(ControllerSettings settings, const ServerConfig& server)
    : settings_(std::move(settings)),
      server_(server),
      sessions_(milliseconds(server.integer("broker.session.timeout.ms"))) {}

Controller::~Controller() = default;

Result<void> Controller::on_commit(const MetadataBatch& batch) {
  if (!active_) {
    const MetadataImageRef before = committed_.image;
    ChangedPartitions changed;
    TRY(apply_batch(committed_, batch, &changed));
    current_ = committed_;
    hear(before, changed);
    return {};
  }
  while (!pending_.empty() && pending_.front().state.offset <= batch.last_offset) {
    committed_ = std::move(pending_.front().state);
    for (ControllerNote& note : pending_.front().notes) notes_.push_back(std::move(note));
    pending_.pop_front();
  }
  // An operation of which only the first batches are committed: its reply still has to wait, but a successor
  // goes on from here.
  if (committed_.offset < batch.last_offset) TRY(apply_batch(committed_, batch));
  return {};
}

// What a controller wrote may be committed after its end. Its successor tells of that, and perhaps once more
// of what was told already.
void Controller::hear(const MetadataImageRef& before, const ChangedPartitions& changed) {
  constexpr size_t kBatches = 64;
  const auto contains = [](const auto& nodes, int32_t node) {
    return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
  };
  std::vector<ControllerNote> notes;
  for (const auto& [id, partitions] : changed) {
    const TopicRef topic = committed_.image->topic(id);
    if (topic == nullptr) continue;
    const TopicRef earlier = before->topic(id);
    for (const int32_t index : partitions) {
      ControllerNote note;
      note.topic = topic->name;
      note.topic_id = id;
      note.partition = index;
      note.state = *topic->partitions.find(index);
      const PartitionRef* const was = earlier == nullptr ? nullptr : earlier->partitions.find(index);
      note.unclean = was != nullptr && note.state->leader >= 0 &&
                     note.state->leader_epoch > (*was)->leader_epoch &&
                     !contains((*was)->isr, note.state->leader) && !contains((*was)->elr, note.state->leader);
      notes.push_back(std::move(note));
    }
  }
  if (notes.empty()) return;
  heard_.push_back(std::move(notes));
  if (heard_.size() > kBatches) heard_.pop_front();
}

void Controller::on_snapshot(LogState state) {
  ENSURE(!active_, "a snapshot replaces the state of an active controller");
  heard_.clear();
  committed_ = std::move(state);
  current_ = committed_;
}

std::vector<ControllerNote> Controller::take_notes() { return std::exchange(notes_, {}); }

// ---- activity ----

ControllerStep Controller::activate(int32_t epoch, int64_t next_offset, Instant now) {
  ENSURE(!active_);
  ENSURE(next_offset > committed_.offset, "the next record would replace a committed one");
  active_ = true;
  for (std::vector<ControllerNote>& notes : std::exchange(heard_, {}))
    std::move(notes.begin(), notes.end(), std::back_inserter(notes_));
  epoch_ = epoch;
  next_offset_ = next_offset;
  current_ = committed_;
  ControllerStep step;
  if (current_.transaction_start) {
    wire::AbortTransactionRecord abort;
    abort.reason = "Controller failover";
    step.records.add(abort, 0);
  }
  if (current_.stable_image()->features.metadata_version == 0) {
    const bool transactions = !settings_.bootstrap_features.empty() &&
                              settings_.bootstrap_features.front().second >= kMetadataVersion36Iv1;
    wire::BeginTransactionRecord begin;
    begin.name = "Bootstrap records";
    if (transactions) step.records.add(begin, 0);
    for (const auto& [name, level] : settings_.bootstrap_features) {
      wire::FeatureLevelRecord feature;
      feature.name = name;
      feature.feature_level = level;
      step.records.add(feature, 0);
      if (name != kElrFeature || level == 0) continue;
      // Rule C30: eligible replicas need one minimum that all nodes share.
      wire::ConfigRecord min_isr;
      min_isr.resource_type = static_cast<int8_t>(ConfigResourceType::broker);
      min_isr.name = "min.insync.replicas";
      min_isr.value = server_.text("min.insync.replicas");
      step.records.add(min_isr, 0);
    }
    if (transactions) step.records.add(wire::EndTransactionRecord{}, 0);
  }
  if (!step.records.empty()) {
    MetadataBatch batch;
    batch.base_offset = next_offset_;
    batch.last_offset = next_offset_ + static_cast<int64_t>(step.records.size()) - 1;
    batch.epoch = epoch_;
    const std::vector<Bytes> values = step.records.values();
    batch.records = values;
    const auto applied = apply_batch(current_, batch);
    if (!applied.ok()) assertion_failed("activation applies", __FILE__, __LINE__, applied.error().message);
    next_offset_ = batch.last_offset + 1;
    pending_.push_back({current_, {}});
  }
  sessions_.activate(*current_.image, now);
  step.atomic = true;
  step.reply_offset = next_offset_ - 1;
  return step;
}

void Controller::deactivate() {
  ENSURE(active_);
  active_ = false;
  epoch_ = -1;
  pending_.clear();
  notes_.clear();
  sessions_.clear();
  current_ = committed_;
}

void Controller::take_back(const ControllerStep& step) {
  if (step.records.empty()) return;
  ENSURE(active_ && !pending_.empty() && pending_.back().state.offset == step.reply_offset);
  pending_.pop_back();
  next_offset_ -= static_cast<int64_t>(step.records.size());
  if (!pending_.empty()) {
    current_ = pending_.back().state;
    return;
  }
  current_ = committed_;
}

ControllerStep Controller::nothing() const {
  ControllerStep step;
  step.reply_offset = next_offset_ - 1;
  return step;
}

ControllerStep Controller::run(Op& op, bool atomic) {
  ENSURE(active_, "a decision of a controller that is not active");
  if (op.count() == 0) return nothing();
  Pending pending;
  pending.notes = op.notes();
  const int64_t last = op.next_offset() - 1;
  current_.image = op.delta_.finish({last, epoch_, -1});
  current_.offset = last;
  pending.state = current_;
  pending_.push_back(std::move(pending));
  next_offset_ = last + 1;
  ControllerStep step;
  step.records = std::move(op.records_);
  step.atomic = atomic;
  step.reply_offset = last;
  return step;
}

// ---- what decisions look at ----

PartitionContext Controller::context_of(const MetadataImage& image, const TopicImage& topic,
                                        const PartitionRegistration& partition) const {
  PartitionContext context;
  context.metadata_version = image.features.metadata_version;
  context.elr_enabled = image.features.elr_enabled();
  const ConfigValue min_isr = topic_config_value(view(image), image.topic_configs(topic.name),
                                                 *find_topic_config("min.insync.replicas"));
  context.min_insync_replicas =
      static_cast<int32_t>(parse_int(min_isr.value.value_or("1"), 1, INT32_MAX).value_or(1));
  context.acceptable = [&image, &partition](int32_t id) {
    const BrokerRegistration* broker = image.broker(id);
    return broker != nullptr && broker->active() && broker->has_online_directory(partition.directory_of(id));
  };
  context.default_directory = [&image](int32_t id) { return default_directory(image, id); };
  return context;
}

Uuid default_directory(const MetadataImage& image, int32_t id) {
  const BrokerRegistration* broker = image.broker(id);
  if (broker == nullptr) return kDirectoryUnassigned;
  if (broker->directories.empty()) return kDirectoryMigrating;
  return broker->directories.size() == 1 ? broker->directories.front() : kDirectoryUnassigned;
}

bool Controller::unclean_enabled(const MetadataImage& image, std::string_view topic) const {
  const ConfigValue found = topic_config_value(view(image), image.topic_configs(topic),
                                               *find_topic_config("unclean.leader.election.enable"));
  return parse_bool(found.value.value_or("")).value_or(false);
}

std::vector<UsableBroker> Controller::usable_brokers(const MetadataImage& image) const {
  std::vector<UsableBroker> usable;
  for (const auto& [id, broker] : image.cluster.brokers) {
    if (!broker->in_controlled_shutdown) usable.push_back({id, broker->rack, broker->fenced});
  }
  return usable;
}

Result<void> Controller::check_broker_epoch(int32_t broker, int64_t epoch) const {
  const BrokerRegistration* registered = image().broker(broker);
  if (registered == nullptr) {
    return fail(ErrorCode::STALE_BROKER_EPOCH,
                "No broker registration found for broker id " + std::to_string(broker));
  }
  if (registered->epoch != epoch) {
    return fail(ErrorCode::STALE_BROKER_EPOCH, "Expected broker epoch " + std::to_string(registered->epoch) +
                                                   ", but got broker epoch " + std::to_string(epoch));
  }
  return {};
}

ControllerStep Controller::no_op() {
  Op op(*this);
  op.write(wire::NoOpRecord{}, 0);
  return run(op, true);
}

Instant Controller::next_session_expiry() const { return sessions_.next_expiry(image()); }

bool Controller::leaders_imbalanced() const {
  for (const auto& topic : image().topics.by_id) {
    for (const auto& partition : topic.second->partitions) {
      if (!partition.second->has_preferred_leader()) return true;
    }
  }
  return false;
}

bool Controller::some_partition_leaderless() const {
  for (const auto& topic : image().topics.by_id) {
    for (const auto& partition : topic.second->partitions) {
      if (!partition.second->has_leader()) return true;
    }
  }
  return false;
}

}  // namespace ksim
