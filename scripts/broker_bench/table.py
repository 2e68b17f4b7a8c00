"""The figures as tables in Markdown, which people can read on a terminal as well."""

GOAL_THROUGHPUT, GOAL_LATENCY, GOAL_IDLE_MB, GOAL_START_MS = 3.0, 0.1, 50.0, 100.0


def table(head, rows):
    rows = [head, *rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(zip(row, widths))) + " |"
        for row in rows
    ]
    return [lines[0], "|" + "|".join("-" * (width + 1) + (":" if column else "-") for column, width in enumerate(widths)) + "|", *lines[1:], ""]


def ratio(value, goal, at_least):
    held = value >= goal if at_least else value <= goal
    return f"{value:.2f}" + ("" if held else " missed")


def throughput(rows):
    cells = []
    for row in rows:
        ours, theirs, floor = row["kbroker"], row.get("kafka"), row["floor"]
        cells.append(
            [
                row["title"],
                f"{ours.records / 1e3:,.0f}k",
                f"{ours.megabytes:,.0f}",
                f"{theirs.records / 1e3:,.0f}k" if theirs else "-",
                f"{theirs.megabytes:,.0f}" if theirs else "-",
                ratio(ours.megabytes / theirs.megabytes, GOAL_THROUGHPUT, True) if theirs else "-",
                f"{floor.megabytes:,.0f}",
                f"{ours.megabytes / floor.megabytes:.2f}",
                f"{floor.megabytes / theirs.megabytes:.2f}" if theirs else "-",
                f"{ours.megabytes_a_second:,.0f}",
                f"{theirs.megabytes_a_second:,.0f}" if theirs else "-",
            ]
        )
    head = ["per broker CPU-second", "records", "MB", "Kafka: records", "MB", f"ratio (>= {GOAL_THROUGHPUT:g})"]
    head += ["floor: MB", "kbroker of floor", "floor of Kafka", "MB/s", "Kafka: MB/s"]
    return table(head, cells)


def latency(rows):
    cells = []
    for row in rows:
        for name in ("p50", "p99", "p99.9"):
            ours, theirs = row["kbroker"][name], row["kafka"][name] if "kafka" in row else None
            goal = name == "p99"
            cells.append(
                [
                    f"{row['title']}, {name}",
                    f"{ours:.2f}",
                    f"{theirs:.2f}" if theirs else "-",
                    (ratio(ours / theirs, GOAL_LATENCY, False) if goal else f"{ours / theirs:.2f}") if theirs else "-",
                    f"{row['floor'][name]:.2f}",
                    f"{row['floor'][name] / theirs:.2f}" if theirs else "-",
                ]
            )
    head = ["latency at 1,000 records a second, ms", "kbroker", "Kafka", f"ratio (p99 <= {GOAL_LATENCY:g})", "floor", "floor of Kafka"]
    return table(head, cells)


def plain(title, rows, goal, digits):
    """Rows of one figure of each; the goal is the first one's."""
    cells = []
    for number, row in enumerate(rows):
        ours, theirs = row["kbroker"], row.get("kafka")
        verdict = "" if number else f"{goal:g}" + ("" if ours <= goal else " missed")
        cells.append(
            [
                row["title"],
                f"{ours:,.{digits}f}",
                f"{theirs:,.{digits}f}" if theirs else "-",
                f"{ours / theirs:.2f}" if theirs else "-",
                verdict,
                f"{row['floor']:,.0f}" if "floor" in row else "",
            ]
        )
    head = [title, "kbroker", "Kafka", "ratio", "goal", "reading the files once"]
    if not any("floor" in row for row in rows):
        head, cells = head[:-1], [row[:-1] for row in cells]
    return table(head, cells)


def memory(rows):
    return plain("resident memory, MB", rows, GOAL_IDLE_MB, 0)


def start(rows):
    return plain("start to first acknowledged record, ms", rows, GOAL_START_MS, 0)
