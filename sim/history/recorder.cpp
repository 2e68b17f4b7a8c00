#include "sim/history/recorder.h"

#include <fmt/format.h>

#include "sim/history/schema_sql.h"
#include "sim/history/sqlite.h"

namespace ksim::sim {
namespace {

void json_text(std::string& out, std::string_view text) {
  out.push_back('"');
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte < 0x20) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

struct JsonFields {
  std::string& out;
  void name(std::string_view field) {
    if (out.size() > 1) out.push_back(',');
    json_text(out, field);
    out.push_back(':');
  }
  void operator()(std::string_view field, std::string_view value) { name(field), json_text(out, value); }
  void operator()(std::string_view field, bool value) { name(field), out += value ? "true" : "false"; }
  void operator()(std::string_view field, int32_t value) { name(field), out += std::to_string(value); }
  void operator()(std::string_view field, int64_t value) { name(field), out += std::to_string(value); }
  void operator()(std::string_view field, const Uuid& value) {
    (*this)(field, std::string_view(value.to_string()));
  }
  void operator()(std::string_view field, Replicas ids) { name(field), out += "[" + join_ids(ids) + "]"; }
};

struct SubjectFields {
  std::string_view log, topic, directory;
  int32_t partition = -1;
  int32_t broker = -1;
  void operator()(std::string_view field, std::string_view value) {
    if (field == "log") log = value;
    if (field == "topic") topic = value;
    if (field == "directory") directory = value;
  }
  void operator()(std::string_view field, int32_t value) {
    if (field == "partition") partition = value;
    if (field == "broker_id") broker = value;
  }
  template <class T>
  void operator()(std::string_view, const T&) {}
};

std::string hex_id(RecordId id) { return id == 0 ? std::string() : fmt::format("{:016x}", id); }
std::optional<int64_t> ns(std::optional<Instant> at) { return at ? std::optional(at->ns) : std::nullopt; }
std::optional<int64_t> offset_or_null(int64_t offset) {
  return offset < 0 ? std::nullopt : std::optional(offset);
}

}  // namespace

std::string join_ids(std::span<const int32_t> ids) {
  std::string text;
  for (int32_t id : ids) text += (text.empty() ? "" : ",") + std::to_string(id);
  return text;
}

std::string event_json(const Event& event) {
  std::string out = "{";
  std::visit([&out](const auto& e) { e.fields(JsonFields{out}); }, event);
  out.push_back('}');
  return out;
}

std::string event_subject(const Event& event, int32_t node) {
  SubjectFields subject;
  std::visit([&subject](const auto& e) { e.fields(subject); }, event);
  if (!subject.log.empty()) return std::string(subject.log);
  if (!subject.topic.empty()) return fmt::format("{}-{}", subject.topic, subject.partition);
  if (!subject.directory.empty()) return std::string(subject.directory);
  const std::string_view name = event_name(event);
  if (name == BrokerStateChanged::kName || name == BrokerEpochAssigned::kName ||
      name == ProducerIdsAssigned::kName)
    subject.broker = node;
  if (subject.broker >= 0) return fmt::format("broker-{}", subject.broker);
  const bool quorum =
      name.starts_with("raft.") || name.starts_with("controller.") || name == MetadataPublished::kName;
  return quorum ? "__cluster_metadata-0" : "";
}

void Recorder::config(std::string scope, std::string name, std::string value) {
  config_.push_back({std::move(scope), std::move(name), std::move(value)});
}

int64_t Recorder::op(OpRow row) {
  ops_.push_back(std::move(row));
  return static_cast<int64_t>(ops_.size());
}

int64_t Recorder::fault(FaultRow row) {
  faults_.push_back(std::move(row));
  return static_cast<int64_t>(faults_.size());
}

int64_t Recorder::message(MessageRow row) {
  messages_.push_back(std::move(row));
  return static_cast<int64_t>(messages_.size());
}

int64_t Recorder::batch(BatchRow row) {
  batches_.push_back(std::move(row));
  return static_cast<int64_t>(batches_.size());
}

int64_t Recorder::copy(CopyRow row) {
  copies_.push_back(row);
  return static_cast<int64_t>(copies_.size());
}

void Recorder::event(const NodeEvent& note) {
  events_.push_back({note.at, note.node, note.incarnation, event_name(*note.event),
                     event_subject(*note.event, note.node), event_json(*note.event)});
  if (const auto* p = std::get_if<PartitionChanged>(note.event)) {
    partitions_.push_back({note.at, events_.back().subject, p->leader, p->leader_epoch, p->partition_epoch,
                           join_ids(p->isr), join_ids(p->elr), p->unclean});
  } else if (const auto* r = std::get_if<RaftStateChanged>(note.event)) {
    raft_.push_back({note.at, note.node, std::string(r->state), r->epoch, r->leader_id, r->voted_id});
  }
}

Result<std::string> Recorder::image(const RunHeader& header) const {
  TRY_ASSIGN(Database database, Database::create());
  TRY(database.run("BEGIN"));
  TRY(database.run(std::string(kSchemaSql)));
  bool failed = false;
  const auto table = [&](std::string_view name, int columns, const auto& rows, const auto& bind) {
    Insert insert(database, name, columns);
    int64_t id = 0;
    for (const auto& row : rows) {
      if (insert.failed()) break;
      bind(insert, ++id, row);
      insert.row();
    }
    failed = failed || insert.failed();
  };
  table("run", 7, std::span(&header, 1), [](Insert& to, int64_t, const RunHeader& row) {
    to.text(row.scenario)
        .text(std::to_string(row.seed))
        .text(row.plan)
        .text(fmt::format("{:016x}", row.digest));
    to.number(row.ended.ns)
        .text(!row.holds    ? "violated"
              : row.checked ? "holds"
                            : "unchecked")
        .text(row.version);
  });
  table("config", 3, config_,
        [](Insert& to, int64_t, const ConfigRow& row) { to.text(row.scope).text(row.name).text(row.value); });
  table("producer_session", 5, sessions_, [](Insert& to, int64_t, const ProducerSession& row) {
    to.number(row.session).text(row.client).number(row.acks).number(row.idempotent).number(row.max_in_flight);
  });
  table("op", 12, ops_, [](Insert& to, int64_t id, const OpRow& row) {
    to.number(id).text(row.client).number_or_null(row.session).text(row.kind).text_or_null(row.partition);
    to.text_or_null(hex_id(row.record)).number_or_null(row.acks).number(row.invoked.ns);
    to.number_or_null(ns(row.completed)).text(to_string(row.outcome));
    to.text_or_null(row.outcome == Outcome::pending ? "" : to_string(row.error))
        .number_or_null(offset_or_null(row.offset));
  });
  table("record", 10, records_, [](Insert& to, int64_t, const RecordRow& row) {
    to.text(hex_id(row.id)).number(row.session).text(row.partition).number(row.sent_op);
    to.number_or_null(ns(row.acknowledged)).number_or_null(offset_or_null(row.acknowledged_offset));
    to.number_or_null(offset_or_null(row.committed_offset)).text_or_null(row.holders);
    to.number(row.lost).number(row.permitted);
  });
  table("event", 7, events_, [](Insert& to, int64_t id, const EventRow& row) {
    to.number(id).number(row.at.ns).number(row.node).number(row.incarnation).text(row.name);
    to.text_or_null(row.subject).text(row.detail);
  });
  table("fault", 8, faults_, [](Insert& to, int64_t id, const FaultRow& row) {
    to.number(id).text(row.kind).text(row.target).number(row.began.ns).number_or_null(ns(row.ended));
    to.text(row.cause).text(row.effect).number(row.took_effect);
  });
  table("partition_state", 8, partitions_, [](Insert& to, int64_t, const PartitionRow& row) {
    to.number(row.at.ns)
        .text(row.partition)
        .number(row.leader)
        .number(row.leader_epoch)
        .number(row.partition_epoch);
    to.text(row.isr).text(row.elr).number(row.unclean);
  });
  table("raft_state", 6, raft_, [](Insert& to, int64_t, const RaftRow& row) {
    to.number(row.at.ns)
        .number(row.node)
        .text(row.state)
        .number(row.epoch)
        .number(row.leader)
        .number(row.voted);
  });
  table("message", 12, messages_, [](Insert& to, int64_t id, const MessageRow& row) {
    to.number(id).number(row.sent.ns).number_or_null(ns(row.received)).text(row.sender).text(row.receiver);
    to.text(fmt::format("{:016x}", row.connection)).text(row.response ? "response" : "request").text(row.api);
    to.number_or_null(row.version < 0 ? std::nullopt : std::optional<int64_t>(row.version));
    to.number(row.correlation).number(row.size_bytes);
    to.text(row.received ? "delivered" : row.dropped ? "dropped" : "on the way");
  });
  table("violation", 9, violations_, [](Insert& to, int64_t id, const ViolationRow& row) {
    to.number(id).text(row.checker).number(row.at.ns).text(row.subject).text(row.message).text(row.invariant);
    to.text_or_null(hex_id(row.record)).number_or_null(offset_or_null(row.offset));
    to.text(fmt::format("{}", fmt::join(row.story, "\n")));
  });
  table("node_event", 3, nodes_, [](Insert& to, int64_t, const NodeRow& row) {
    to.number(row.at.ns).number(row.node).text(to_string(row.what));
  });
  table("batch", 6, batches_, [](Insert& to, int64_t id, const BatchRow& row) {
    to.number(id).text(row.partition).number(row.base_offset).number(row.last_offset);
    to.number(row.leader_epoch).number(row.crc);
  });
  int64_t batch = 0;
  for (const BatchRow& row : batches_) {
    ++batch;
    table("batch_record", 3, row.records,
          [&](Insert& to, int64_t, const std::pair<int64_t, RecordId>& there) {
            to.number(batch).number(there.first).text(hex_id(there.second));
          });
  }
  table("copy", 6, copies_, [](Insert& to, int64_t, const CopyRow& row) {
    to.number(row.batch).number(row.node).number(row.from.ns).number_or_null(ns(row.synced));
    to.number_or_null(ns(row.until)).text_or_null(row.gone_by);
  });
  table("mark", 3, marks_, [](Insert& to, int64_t, const MarkRow& row) {
    to.text(row.name).number(static_cast<int64_t>(row.reached)).number_or_null(ns(row.first));
  });
  if (failed) return fail(ErrorCode::UNKNOWN_SERVER_ERROR, "sqlite refused a row of the history");
  TRY(database.run(
      "COMMIT; CREATE INDEX op_partition ON op(partition); CREATE INDEX op_record ON op(record); "
      "CREATE INDEX event_subject ON event(subject); CREATE INDEX batch_record_record ON "
      "batch_record(record); "
      "CREATE INDEX copy_batch ON copy(batch); "
      "CREATE INDEX message_connection ON message(connection, correlation, direction);"));
  return database.image();
}

}  // namespace ksim::sim
