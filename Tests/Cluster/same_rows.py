"""Compares the tables of two indexes row for row; what names a run, or when it was, may differ."""
import sqlite3
import sys

PER_RUN = {"cases": {"run_id"}}


def rows(path, table):
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    names = [column[1] for column in database.execute(f"PRAGMA table_info({table})")]
    kept = ", ".join(name for name in names if name not in PER_RUN.get(table, ()))
    return list(database.execute(f"SELECT {kept} FROM {table} ORDER BY 1, 2"))


failed = False
for table in ["cases", "scans", "regions", "scan_metadata"]:
    first, second = (rows(path, table) for path in sys.argv[1:3])
    different = sum(a != b for a, b in zip(first, second)) + abs(len(first) - len(second))
    print(f"{table}: {len(first)} rows, {different} differ")
    if different:
        failed = True
        print(next(((a, b) for a, b in zip(first, second) if a != b), (len(first), len(second))))
if not rows(sys.argv[1], "cases"):
    sys.exit("there is nothing to compare")
sys.exit(failed)
