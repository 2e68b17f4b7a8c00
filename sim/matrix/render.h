#pragma once
// A matrix for people and for programs. Rows are settings, columns faults; dimensions of one value stand
// above.

#include <string>

#include "sim/matrix/matrix.h"

namespace ksim::sim {

// What is at the head of each form, and by which a file is known to be one of ours.
constexpr std::string_view kMatrixCsvHead = "fault,acks,min_insync,";
constexpr std::string_view kMatrixHtmlHead = "<!DOCTYPE html>\n<title>ksim matrix";

struct MatrixFiles {
  std::string sqlite, csv, html;
};

// `details`: every cell with all its numbers below the table.
std::string render_matrix(const Matrix& matrix, const MatrixFiles& files, bool colour, bool details);
// One JSON object, without a newline at the end.
std::string render_matrix_json(const Matrix& matrix, const MatrixFiles& files);
std::string render_matrix_csv(const Matrix& matrix);
std::string render_matrix_html(const Matrix& matrix);
std::string render_matrix_markdown(const Matrix& matrix);

// ---- their parts ----

// "acks", "min-insync", ...: those that have more than one value.
std::vector<std::string> varying(const Matrix& matrix);
// "replication 3, idempotence default": the others.
std::string constant(const Matrix& matrix);
// "71%", "<1%".
std::string percent(double part);
// How long writes to a partition had to wait, in a run, in the mean: "1.6 s".
std::string waited(const CellResult& result);
// "(18/20)": in so many of the runs the fault took effect; empty: in all.
std::string struck_part(const CellResult& result);
// Lines of what is wrong, or has not been seen although it should: empty lists are good news.
std::vector<std::string> contradictions(const Matrix& matrix);
std::vector<std::string> missing_witnesses(const Matrix& matrix);
// "acks all, min-insync 2, ..., leader_crash": all of a cell that varies.
std::string name_of(const Matrix& matrix, size_t cell);
int exit_code(const Matrix& matrix);

}  // namespace ksim::sim
