#pragma once
// JSON as kctl writes and reads it, with bytes in it that need not be text.

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/bytes.h"

namespace ksim::kctl {

using Json = nlohmann::ordered_json;

// One line of JSON; text that is not UTF-8 has replacement characters.
std::string to_line(const Json& document);

bool is_utf8(Bytes bytes);
std::string to_base64(Bytes bytes);
std::optional<std::string> from_base64(std::string_view text);
// Under NAME, null if there are none; under NAME_base64 if they are not UTF-8.
void put_bytes(Json& json, const std::string& name, const std::optional<Bytes>& bytes);

}  // namespace ksim::kctl
