#include "sim/history/sqlite.h"

#include <filesystem>

#include <gtest/gtest.h>

namespace ksim::sim {
namespace {

// A database of one table with one row, opened as `ksim sql` does.
class Reads : public ::testing::Test {
 protected:
  static Database opened() {
    Database made = Database::create().value();
    EXPECT_TRUE(made.run("CREATE TABLE t (a TEXT PRIMARY KEY, b); INSERT INTO t VALUES (1, NULL)").ok());
    Database database = Database::open(made.image().value()).value();
    database.allow_reads_only();
    return database;
  }
  std::string why_not(const std::string& sql) {
    const Result<void> checked = check_statement(database_, sql);
    return checked.ok() ? "" : checked.error().message;
  }
  Database database_ = opened();
};

TEST_F(Reads, AreAllowed) {
  for (const char* sql :
       {"select * from t", "  /* first */ ; select 1; -- last", "with x as (select 1) select * from x",
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 9) select sum(i) from n",
        "values (1, 2)", "select count(*), upper('a'), json_extract('{\"a\":1}', '$.a') from t",
        "select value from json_each('[1,2]')", "explain query plan select * from t", "pragma table_info(t)",
        "PRAGMA Table_Info(t)", "select name from pragma_table_info('t')", "select sql from sqlite_master",
        "select row_number() over (order by a) from t"}) {
    EXPECT_EQ(why_not(sql), "") << sql;
    Query query(database_, sql);
    while (query.next()) {
    }
    EXPECT_TRUE(query.end().ok()) << sql << ": " << query.end().error().message;
  }
}

TEST_F(Reads, AreAllThereIs) {
  const std::string file = testing::TempDir() + "/ksim_sqlite_test.sqlite";
  const std::string quoted = "'" + file + "'";
  for (const std::string& sql :
       {"attach " + quoted + " as x", "vacuum into " + quoted, std::string("vacuum"),
        std::string("drop table t"), std::string("insert into t values (2, 3)"), std::string("delete from t"),
        std::string("update t set a = 2"), std::string("create table u (x)"),
        std::string("create temp table u (x)"), std::string("create view v as select 1"),
        std::string("pragma journal_mode = wal"), std::string("pragma writable_schema = 1"),
        std::string("pragma user_version = 3"), std::string("begin"), std::string("savepoint s"),
        std::string("reindex"), std::string("analyze"), std::string("detach main")}) {
    EXPECT_NE(why_not(sql).find("only reads"), std::string::npos) << sql << ": " << why_not(sql);
  }
  EXPECT_NE(why_not("update sqlite_master set name = 'u'").find("may not be modified"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(Reads, AreOneStatement) {
  for (const char* sql :
       {"select 1; drop table t", "select 1; select 2", "select 1; nonsense", "select 1;;; select 2"})
    EXPECT_NE(why_not(sql).find("one statement at a time"), std::string::npos) << sql;
  for (const char* sql : {"", ";", " ; ; ", "-- nothing", "/* nothing */"})
    EXPECT_NE(why_not(sql).find("no statement"), std::string::npos) << sql;
  EXPECT_NE(why_not("select * from nowhere").find("no such table: nowhere"), std::string::npos);
}

TEST_F(Reads, ValuesHaveTheirTypes) {
  Query query(database_, "select 7, 0.5, 'x', null");
  ASSERT_TRUE(query.next());
  EXPECT_TRUE(query.is_whole(0) && query.is_number(0));
  EXPECT_TRUE(!query.is_whole(1) && query.is_number(1));
  EXPECT_EQ(query.real(1), 0.5);
  EXPECT_TRUE(!query.is_number(2) && !query.is_null(2));
  EXPECT_TRUE(query.is_null(3));
}

}  // namespace
}  // namespace ksim::sim
