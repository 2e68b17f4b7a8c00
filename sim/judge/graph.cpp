#include "sim/judge/graph.h"

#include <algorithm>

#include "core/base/assert.h"

namespace ksim::judge {

Graph::Graph(const History& history, const Logs& logs)
    : history_(history), logs_(logs), by_micro_op_(!history.settings.txn) {
  if (history.settings.ww_deps) note_slots();
  if (by_micro_op_) op_of_micro_.resize(history.micro_ops.size());
  sender_of_place_.reserve(history.places.size());
  for (const Place& place : history.places) sender_of_place_.push_back(sender(place.value));
  before_in_process_.assign(history.ops.size(), kNone);
  std::vector<uint32_t> last(history.processes.size(), kNone);
  for (uint32_t number = 0; number < history.ops.size(); ++number) {
    const Op& op = history.ops[number];
    if (!has_micro_ops(op.kind)) continue;
    before_in_process_[number] = last[op.process];
    last[op.process] = number;
    if (!by_micro_op_) continue;
    for (uint32_t micro = op.micro_begin; micro < op.micro_end; ++micro) op_of_micro_[micro] = number;
  }
  const uint64_t vertices = by_micro_op_ ? history.micro_ops.size() : history.ops.size();
  const uint64_t nodes = vertices + history.oks.size() + history.ops.size() + crowded_.size();
  ENSURE(nodes < kNone, "a history of more than 4 thousand million dependencies");
  vertices_ = static_cast<uint32_t>(vertices);
  first_process_ = static_cast<uint32_t>(vertices_ + history.oks.size());
  first_slot_ = static_cast<uint32_t>(first_process_ + history.ops.size());
  nodes_ = static_cast<uint32_t>(nodes);
}

void Graph::note_slots() {
  slot_before_.assign(logs_.slots(), kNone);
  uint32_t before = kNone;
  for (uint32_t slot = 0; slot < logs_.slots(); ++slot) {
    if (slot == 0 || logs_.slot(slot).key != logs_.slot(slot - 1).key) before = kNone;
    slot_before_[slot] = before;
    const auto [first, last] = logs_.values_at(slot);
    const auto fresh =
        std::count_if(first, last, [&](uint32_t value) { return logs_.lowest(value) == slot; });
    if (fresh > 0) before = slot;
    if (fresh > 1) crowded_.push_back(slot);
  }
}

bool Graph::vertex_of(uint32_t op, uint32_t cursor, uint32_t& to) const {
  if (!by_micro_op_) {
    to = op;
    return cursor == 0;
  }
  to = history_.ops[op].micro_begin + cursor;
  return to < history_.ops[op].micro_end;
}

// The sender of the value before the one that this micro-op sent.
bool Graph::next_write(uint32_t vertex, uint32_t micro, uint32_t& to) const {
  const MicroOp& send = history_.micro_ops[micro];
  if (send.is_poll || logs_.lowest(send.first) == kNone) return false;
  const uint32_t before = slot_before_[logs_.lowest(send.first)];
  if (before == kNone) return false;
  const auto crowded = std::lower_bound(crowded_.begin(), crowded_.end(), before);
  if (crowded != crowded_.end() && *crowded == before) {
    to = first_slot_ + static_cast<uint32_t>(crowded - crowded_.begin());
    return true;
  }
  const auto [first, last] = logs_.values_at(before);
  to = sender(*std::find_if(first, last, [&](uint32_t value) { return logs_.lowest(value) == before; }));
  return to != kNone && to != vertex;
}

// The sender of the value that was polled.
bool Graph::next_read(uint32_t vertex, uint32_t record, uint32_t& to) const {
  to = sender_of_place_[history_.records[record]];
  return to != kNone && to != vertex;
}

bool Graph::next_of_vertex(uint32_t node, const EdgeKinds& kinds, uint32_t& cursor, uint32_t& to) const {
  const Op& op = history_.ops[op_of(node)];
  const uint32_t first_micro = by_micro_op_ ? node : op.micro_begin;
  const uint32_t micros = by_micro_op_ ? 1 : op.micro_end - op.micro_begin;
  uint32_t first_record = op.record_begin;
  uint32_t records = op.record_end - op.record_begin;
  if (by_micro_op_) {
    const MicroOp& micro = history_.micro_ops[node];
    first_record = micro.first;
    records = micro.is_poll ? micro.second - micro.first : 0;
  }
  if (!kinds.ww && cursor < micros) cursor = micros;
  while (cursor < micros) {
    if (next_write(node, first_micro + cursor++, to)) return true;
  }
  const bool reads = kinds.wr && !history_.processes[op.process].is_uncommitted_reader;
  if (!reads && cursor < micros + records) cursor = micros + records;
  while (cursor < micros + records) {
    if (next_read(node, first_record + (cursor++ - micros), to)) return true;
  }
  const uint32_t done = cursor - micros - records;
  if (done == 0) {
    ++cursor;
    const uint32_t before = before_in_process_[op_of(node)];
    if (kinds.process && before != kNone) {
      to = first_process_ + before;
      return true;
    }
  }
  if (done <= 1) {
    cursor = micros + records + 2;
    if (kinds.realtime && op.oks_before > 0) {
      to = vertices_ + op.oks_before - 1;
      return true;
    }
  }
  return false;
}

bool Graph::next(uint32_t node, const EdgeKinds& kinds, uint32_t& cursor, uint32_t& to) const {
  if (node < vertices_) return next_of_vertex(node, kinds, cursor, to);
  if (cursor == kNone) return false;
  if (node < first_process_) {
    if (vertex_of(history_.oks[node - vertices_], cursor, to)) return ++cursor, true;
    cursor = kNone;
    to = node - 1;
    return node > vertices_;
  }
  if (node < first_slot_) {
    const uint32_t op = node - first_process_;
    if (history_.ops[op].outcome == Outcome::ok && vertex_of(op, cursor, to)) return ++cursor, true;
    cursor = kNone;
    to = first_process_ + before_in_process_[op];
    return before_in_process_[op] != kNone;
  }
  const uint32_t slot = crowded_[node - first_slot_];
  const auto [first, last] = logs_.values_at(slot);
  while (cursor < static_cast<uint32_t>(last - first)) {
    const uint32_t value = first[cursor++];
    if (logs_.lowest(value) != slot) continue;
    to = sender(value);
    if (to != kNone) return true;
  }
  return false;
}

}  // namespace ksim::judge
