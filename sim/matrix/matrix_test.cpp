#include "sim/matrix/matrix.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "sim/history/sqlite.h"
#include "sim/matrix/render.h"

namespace ksim::sim {
namespace {

Dimensions dimensions_of(TypedDimensions typed) { return parse_dimensions(typed).value(); }

MatrixRun run_of(uint64_t lost, uint64_t permitted, uint64_t unavailable_ms = 0) {
  MatrixRun run;
  run.digest = 7;
  run.struck = true;
  run.acknowledged = 100;
  run.lost = lost;
  run.permitted = permitted;
  run.unavailable_ms = unavailable_ms;
  return run;
}

const MatrixFiles kFiles{"m.sqlite", "m.csv", "m.html"};

TEST(Matrix, WhatTheContractSays) {
  const auto says = [](int32_t acks, int32_t min_insync, bool unclean, bool flush, MatrixFault fault,
                       int32_t replication = 3) {
    return expected({acks, min_insync, replication, unclean, flush, std::nullopt, fault}).promise;
  };
  using enum MatrixFault;
  for (const MatrixFault fault : kMatrixFaults) {
    EXPECT_EQ(says(0, 2, false, true, fault), Promise::permitted);
    EXPECT_EQ(says(1, 2, false, true, fault), fault == slow_disk ? Promise::safe : Promise::permitted);
    EXPECT_EQ(says(kAcksAll, 2, false, true, fault), Promise::safe) << to_string(fault);
    EXPECT_EQ(expected({1, 1, 3, false, false, true, fault}).promise, Promise::rejected);
    EXPECT_EQ(expected({kAcksAll, 1, 3, false, true, false, fault}).promise, Promise::safe);
  }
  for (const MatrixFault fault : {leader_crash, partition, slow_disk, rolling_restart})
    EXPECT_EQ(says(kAcksAll, 1, true, false, fault), Promise::safe) << to_string(fault);
  // No copy survives it in memory, however many there are.
  EXPECT_EQ(says(kAcksAll, 3, false, false, power_loss_all), Promise::permitted);
  // One rack of three: two copies are enough.
  EXPECT_EQ(says(kAcksAll, 1, false, false, rack_loss), Promise::permitted);
  EXPECT_EQ(says(kAcksAll, 2, false, false, rack_loss), Promise::safe);
  EXPECT_EQ(says(kAcksAll, 2, false, false, rack_loss, 5), Promise::permitted);
  EXPECT_EQ(says(kAcksAll, 3, false, false, rack_loss, 5), Promise::safe);
  // Synced copies help only as long as nobody leads who lacks them.
  EXPECT_EQ(says(kAcksAll, 2, true, true, isr_loss), Promise::permitted);
  EXPECT_EQ(says(kAcksAll, 3, true, true, isr_loss), Promise::safe);
  // Nobody else can lead.
  EXPECT_EQ(says(1, 1, false, false, leader_crash, 1), Promise::safe);
  EXPECT_EQ(says(1, 1, true, false, power_loss_all, 1), Promise::permitted);
  EXPECT_EQ(says(1, 1, true, true, power_loss_all, 1), Promise::safe);
  // min.insync.replicas counts for no more than there are replicas.
  EXPECT_EQ(says(kAcksAll, 3, false, false, rack_loss, 1), Promise::permitted);
}

TEST(Matrix, DimensionsAreReadAsTheyAreTyped) {
  EXPECT_EQ(dimensions_of({}).cells().size(), 42U);
  EXPECT_EQ(dimensions_of({"0,1,all", "1,2,3", "", "on,off", "none,each", "", ""}).cells().size(), 252U);
  const Dimensions one = dimensions_of({"all", "3", "5", "on", "each", "off", "isr_loss"});
  ASSERT_EQ(one.cells().size(), 1U);
  EXPECT_EQ(one.cells()[0], (Cell{kAcksAll, 3, 5, true, true, false, MatrixFault::isr_loss}));
  EXPECT_EQ(witness_command(one.cells()[0], 9),
            "scripts/ksim scenario matrix/isr_loss --set producer.writer.config.acks=all --set "
            "'topic.orders.config.\"min.insync.replicas\"=3' --set topic.orders.replication=5 --set "
            "cluster.brokers=5 --set 'topic.orders.config.\"unclean.leader.election.enable\"=true' --set "
            "'topic.orders.config.\"flush.messages\"=1' --set "
            "'producer.writer.config.\"enable.idempotence\"=false' --seed 9");
  for (const TypedDimensions& bad :
       {TypedDimensions{"2", "", "", "", "", "", ""}, TypedDimensions{"", "1,,2", "", "", "", "", ""},
        TypedDimensions{"", "", "2", "", "", "", ""}, TypedDimensions{"", "", "", "on,on", "", "", ""},
        TypedDimensions{"", "", "", "", "all", "", ""}, TypedDimensions{"", "", "", "", "", "default", ""},
        TypedDimensions{"", "", "", "", "", "", "leadercrash"}})
    EXPECT_FALSE(parse_dimensions(bad).ok());
  EXPECT_NE(parse_dimensions({"", "", "", "", "", "", "rack_los"}).error().message.find("\"rack_loss\""),
            std::string::npos);
}

TEST(Matrix, WilsonsInterval) {
  EXPECT_EQ(wilson(0, 0).to, 1);
  EXPECT_EQ(wilson(0, 10).from, 0);
  EXPECT_NEAR(wilson(0, 10).to, 0.2775, 0.0001);
  EXPECT_NEAR(wilson(5, 10).from, 0.2366, 0.0001);
  EXPECT_NEAR(wilson(5, 10).to, 0.7634, 0.0001);
  EXPECT_EQ(wilson(10, 10).to, 1);
  EXPECT_LT(wilson(500, 1000).to - wilson(500, 1000).from, 0.07);
}

TEST(Matrix, JobsTakeAllCellsThatKafkaAcceptsInTurn) {
  const Matrix matrix(dimensions_of({"1,all", "2", "", "", "", "on,off", "partition,isr_loss"}), 3, "b1");
  EXPECT_EQ(matrix.cells().size(), 8U);
  EXPECT_EQ(matrix.jobs(), 18U);  // acks=1 with idempotence is refused
  std::map<size_t, uint64_t> of;
  for (uint64_t job = 0; job < matrix.jobs(); ++job) {
    EXPECT_NE(expected(matrix.cells()[matrix.cell_of(job)]).promise, Promise::rejected);
    EXPECT_EQ(matrix.seed_of(job), ++of[matrix.cell_of(job)]);
  }
  EXPECT_EQ(matrix.verdict(0), Verdict::rejected);
}

TEST(Matrix, TheWorstRunIsTheWitness) {
  std::vector<std::pair<uint64_t, MatrixRun>> runs = {
      {1, run_of(0, 0, 900)}, {2, run_of(5, 5)}, {3, run_of(9, 9)}, {4, run_of(9, 9)}, {5, run_of(0, 0)}};
  std::string before;
  do {
    Matrix matrix(dimensions_of({"1", "2", "", "", "", "", "partition"}), 5, "b1");
    for (const auto& [seed, run] : runs) matrix.add(0, seed, run, "story " + std::to_string(seed));
    EXPECT_EQ(matrix.result(0).worst, 3U);
    EXPECT_EQ(matrix.result(0).story, "story 3");
    EXPECT_EQ(matrix.result(0).lossy, 3U);
    EXPECT_EQ(matrix.result(0).lost, 23U);
    const std::string image = matrix.image().value();
    EXPECT_TRUE(before.empty() || image == before);
    before = image;
  } while (std::next_permutation(runs.begin(), runs.end(),
                                 [](const auto& a, const auto& b) { return a.first < b.first; }));
}

TEST(Matrix, ASafeCellMustNotLoseAndAnotherOneShould) {
  Matrix matrix(dimensions_of({"all", "1", "", "", "none,each", "", "power_loss_all"}), 20, "b1");
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    matrix.add(0, seed, run_of(0, 0), {});
    matrix.add(1, seed, run_of(0, 0), {});
  }
  EXPECT_TRUE(matrix.witness_missing(0));  // nothing was synced, and nothing is lost?
  EXPECT_FALSE(matrix.witness_missing(1));
  EXPECT_EQ(missing_witnesses(matrix).size(), 1U);
  EXPECT_EQ(exit_code(matrix), 0);  // the contract permits a loss and asks for none
  matrix.add(0, 21, run_of(2, 2), {});
  EXPECT_FALSE(matrix.witness_missing(0));
  EXPECT_EQ(matrix.verdict(0), Verdict::permitted);
  matrix.add(1, 21, run_of(2, 2), {});
  EXPECT_EQ(matrix.verdict(1), Verdict::within);
  EXPECT_EQ(exit_code(matrix), 1);
  EXPECT_NE(render_matrix(matrix, kFiles, false, true).find("CONTRADICTION flush each, power_loss_all"),
            std::string::npos);
}

// Runs that the fault has not reached say nothing of the settings, in any form.
TEST(Matrix, RatesAreOfTheRunsThatWereStruck) {
  Matrix matrix(dimensions_of({"1", "2", "", "", "none,each", "", "leader_crash"}), 20, "b1");
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    MatrixRun run = run_of(seed <= 5 ? 3 : 0, seed <= 5 ? 3 : 0);
    matrix.add(1, seed, run, {});
    run.struck = seed <= 10;
    matrix.add(0, seed, run, {});
  }
  EXPECT_EQ(matrix.result(0).struck, 10U);
  EXPECT_EQ(matrix.result(0).loss_rate(), 0.5);
  EXPECT_EQ(matrix.result(0).loss_interval().to, wilson(5, 10).to);
  EXPECT_EQ(matrix.result(1).loss_rate(), 0.25);
  const std::string shown = render_matrix(matrix, kFiles, false, true);
  EXPECT_NE(shown.find("50% 24-76 (10/20)\n"), std::string::npos) << shown;
  EXPECT_NE(shown.find("25% 11-47\n"), std::string::npos) << shown;
  EXPECT_NE(shown.find("the fault took effect in 10, 5 lose records: 50%"), std::string::npos) << shown;
  EXPECT_NE(shown.find("(n/of)"), std::string::npos);
  EXPECT_NE(render_matrix_csv(matrix).find(",20,10,5,0.5000,"), std::string::npos)
      << render_matrix_csv(matrix);
  const std::string json = render_matrix_json(matrix, kFiles);
  EXPECT_NE(json.find("\"struck_runs\":10"), std::string::npos) << json;
  const std::string html = render_matrix_html(matrix);
  EXPECT_NE(html.find(">(10/20)</small>"), std::string::npos);
  EXPECT_EQ(html.find("(20/20)"), std::string::npos);
  const Matrix known = Matrix::load(matrix.image().value()).value();
  EXPECT_EQ(render_matrix(known, kFiles, false, true), shown);
}

TEST(Matrix, OfRunsThatWereNotStruckNoWitnessIsWanted) {
  Matrix matrix(dimensions_of({"all", "1", "", "", "", "", "power_loss_all"}), 40, "b1");
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    MatrixRun run = run_of(0, 0);
    run.struck = seed % 4 == 0;
    matrix.add(0, seed, run, {});
  }
  EXPECT_FALSE(matrix.witness_missing(0));
  for (uint64_t seed = 41; seed <= 50; ++seed) matrix.add(0, seed, run_of(0, 0), {});
  EXPECT_TRUE(matrix.witness_missing(0));
}

TEST(Matrix, AFaultHasStruckWhereEachKindOfItTookEffect) {
  const auto row = [](const char* kind, bool took_effect) {
    FaultRow fault;
    fault.kind = kind;
    fault.took_effect = took_effect;
    return fault;
  };
  EXPECT_FALSE(all_kinds_struck({}));
  EXPECT_TRUE(all_kinds_struck({row("slow_disk", false), row("slow_disk", true)}));
  EXPECT_FALSE(all_kinds_struck({row("latency", true), row("crash", false)}));
}

TEST(Matrix, OneOfAnEarlierBuildIsToldSo) {
  Database database = Database::create().value();
  ASSERT_TRUE(
      database.run("CREATE TABLE matrix (name, value); CREATE TABLE run (cell, seed, permitted)").ok());
  const Result<Matrix> old = Matrix::load(database.image().value());
  ASSERT_FALSE(old.ok());
  EXPECT_NE(old.error().message.find("earlier build"), std::string::npos) << old.error().message;
}

TEST(Matrix, AViolationContradictsAndAFaultOfTheSimulatorIsNoResult) {
  Matrix matrix(dimensions_of({"all", "2", "", "", "", "", "partition"}), 2, "b1");
  MatrixRun broken;
  broken.simulator_fault = true;
  broken.complaint = "the process died";
  matrix.add(0, 1, broken, {});
  EXPECT_EQ(exit_code(matrix), 3);
  EXPECT_EQ(matrix.witness(0), "");
  MatrixRun violated = run_of(0, 0);
  violated.violated = true;
  violated.complaint = "K1 in orders-0: a <gap>";
  matrix.add(0, 2, violated, "K1 <story>");
  EXPECT_EQ(matrix.contradiction(0), "seed 2: K1 in orders-0: a <gap>");
  const std::string html = render_matrix_html(matrix);
  EXPECT_NE(html.find("K1 &lt;story&gt;"), std::string::npos);
  EXPECT_EQ(html.find("://"), std::string::npos);  // it needs nothing from elsewhere
  EXPECT_EQ(html.find("<script"), std::string::npos);
}

TEST(Matrix, GoesOnFromItsFile) {
  Matrix matrix(dimensions_of({"0,all", "1,3", "", "on", "", "", "rack_loss,partition"}), 4, "b1");
  for (uint64_t job = 0; job < 7; ++job) {
    MatrixRun run = run_of(job, job, 10 * job);
    run.digest = 0xfedcba9876543210ULL + job;
    run.reordered = job * 2;
    if (job == 3) run.violated = true, run.complaint = "L in orders-1: it waits";
    matrix.add(matrix.cell_of(job), matrix.seed_of(job), run, "story of " + std::to_string(job));
  }
  matrix.real_ms = 1234;
  const std::string image = matrix.image().value();
  const Matrix known = Matrix::load(image).value();
  EXPECT_EQ(known.dimensions(), matrix.dimensions());
  EXPECT_EQ(known.runs(), 7U);
  EXPECT_EQ(known.seeds(), 4U);
  EXPECT_EQ(known.real_ms, 1234);
  EXPECT_TRUE(known.has(6));
  EXPECT_FALSE(known.has(7));
  EXPECT_EQ(known.image().value(), image);
  EXPECT_EQ(render_matrix_json(known, kFiles), render_matrix_json(matrix, kFiles));
  EXPECT_FALSE(Matrix::load("SQLite format 3").ok());
}

TEST(Matrix, EveryFormHasEveryCell) {
  Matrix matrix(dimensions_of({"0,1,all", "1,2,3", "", "on,off", "none,each", "", ""}), 1, "b1");
  for (uint64_t job = 0; job < matrix.jobs(); ++job)
    matrix.add(matrix.cell_of(job), 1, run_of(job % 3, job % 3), "told");
  const std::string csv = render_matrix_csv(matrix);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 253);
  EXPECT_TRUE(csv.starts_with(kMatrixCsvHead));
  const std::string html = render_matrix_html(matrix);
  EXPECT_TRUE(html.starts_with(kMatrixHtmlHead));
  EXPECT_NE(html.find("<section id=c251>"), std::string::npos);
  EXPECT_LT(html.size(), size_t{1} << 20);
  const std::string shown = render_matrix(matrix, kFiles, false, false);
  EXPECT_EQ(shown.find('\033'), std::string::npos);
  EXPECT_NE(render_matrix(matrix, kFiles, true, false).find("\033[33m"), std::string::npos);
  const std::string document = render_matrix_markdown(matrix);
  EXPECT_EQ(std::count(document.begin(), document.end(), '\n'), 38);
}

}  // namespace
}  // namespace ksim::sim
