#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace ksim::sim {

// Any text between tags.
std::string html_text(std::string_view text);
// JSON that can stand in a <script>: nothing in it ends one.
std::string script_json(const nlohmann::ordered_json& value);
// The whole file: `body` and `script` are what is not common to all pages.
std::string whole_page(std::string_view title, std::string_view body, std::string_view script,
                       const nlohmann::ordered_json& data);

}  // namespace ksim::sim
