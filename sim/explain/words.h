#pragma once
// How explanations speak.

#include <cstdint>
#include <string>
#include <string_view>

#include "sim/explain/explain.h"
#include "sim/explain/past.h"

namespace ksim::sim {

std::string seconds_text(int64_t ns);      // "12.345 s"
std::string lasting_text(int64_t ns);      // of a duration: "12 us", "340 ms", "12.345 s"
std::string brokers(const Nodes& nodes);   // "broker 1", "brokers 1, 2 and 3", "no broker"
std::string set_text(const Nodes& nodes);  // "[1,2]"
std::string acks_words(int32_t acks);      // "acks=all"
// What a fault is, for a sentence: "power_loss of broker-2 (at 21.9s)".
std::string fault_text(const PastFault& fault);
// "it lost power", of PastNode::what.
std::string_view node_words(std::string_view what);
// The rule of Kafka behind a kind of culprit.
Explanation::Rule rule_of(std::string_view culprit);

}  // namespace ksim::sim
