"""Makes the shard indexes of a study that nobody has, merges them, and says what that takes.

    python3 Tests/Cluster/merge_of_many.py NORMA SHARD_INDEX FOLDER [SHARDS [CASES]]

SHARD_INDEX is the cases.sqlite of any shard: its run and settings are taken for all. FOLDER must not exist.
"""
import hashlib
import json
import os
import random
import resource
import sqlite3
import subprocess
import sys
import time


def make(template, folder, number, count, names):
    path = f"{folder}/shards/{number}-of-{count}"
    os.makedirs(path)
    database = sqlite3.connect(f"{path}/cases.sqlite", isolation_level=None)
    with sqlite3.connect(template) as source:
        source.backup(database)
    database.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = ON;")
    run, text = database.execute("SELECT max(id), configuration FROM runs").fetchone()
    configuration = json.loads(text)
    configuration["shard"].update(shard={"number": number, "count": count}, cases=len(names))
    database.execute("UPDATE runs SET configuration = ?, study_path = 'nowhere' WHERE id = ?", (json.dumps(configuration), run))
    kept = database.execute("SELECT id, appearance FROM cases LIMIT 1").fetchone()
    columns = [c[1] for c in database.execute("PRAGMA table_info(cases)") if c[1] not in ("id", "name", "report_path")]
    scan_columns = [c[1] for c in database.execute("PRAGMA table_info(scans)") if c[1] not in ("id", "case_id")]
    region_columns = [c[1] for c in database.execute("PRAGMA table_info(regions)") if c[1] not in ("scan_id", "peak", "p_value")]
    database.execute("BEGIN")
    drawn = random.Random(number)
    model_case = database.execute(
        f"SELECT {', '.join(columns)} FROM cases WHERE id = (SELECT case_id FROM scans JOIN regions ON scan_id = scans.id)"
    ).fetchone()
    model_scan = database.execute(
        f"SELECT {', '.join(scan_columns)} FROM scans WHERE id = (SELECT scan_id FROM regions LIMIT 1)").fetchone()
    model_region = database.execute(f"SELECT {', '.join(region_columns)} FROM regions LIMIT 1").fetchone()
    database.execute("DELETE FROM cases")

    def insert(table, names, rows):
        marks = ", ".join("?" * len(names))
        database.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", rows)

    ids = range(1, len(names) + 1)
    insert("cases", ["id", "name", "report_path"] + columns,
           ((i, n, f"cases/{n}/index.html") + model_case for i, n in zip(ids, names)))
    insert("scans", ["id", "case_id"] + scan_columns, ((i, i) + model_scan for i in ids))
    ranks = region_columns.index("rank")
    insert("regions", ["scan_id", "peak", "p_value"] + region_columns,
           ((i, drawn.uniform(3, 9), drawn.random()) + model_region[:ranks] + (rank,) + model_region[ranks + 1:]
            for i in ids for rank in range(1, drawn.choice([1, 1, 1, 2, 3, 4]))))
    database.execute("COMMIT")
    database.close()


def main(norma, template, folder, count="1000", cases="1000000"):
    count = int(count)
    buckets = [[] for _ in range(count)]
    for k in range(int(cases)):
        name = f"hospital-{k % 37:02d}/patient-{k:07d}"
        digest = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
        buckets[digest % count].append(name)
    os.makedirs(folder)
    for number, names in enumerate(buckets, 1):
        make(template, folder, number, count, sorted(names))
    size = sum(os.path.getsize(f"{folder}/shards/{k}-of-{count}/cases.sqlite") for k in range(1, count + 1))
    print(f"{count} shards, {cases} cases, {size / 1e6:.0f} MB", flush=True)
    start = time.time()
    done = subprocess.run([norma, "merge", folder], capture_output=True, text=True)
    seconds = time.time() - start
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
    print(done.stdout, done.stderr[-600:])
    # The study is nowhere, which the merge says; nothing else may be amiss.
    assert done.returncode == 1 and "the study cannot be read" in done.stderr, done.returncode
    index = f"{folder}/cases.sqlite"
    found = sqlite3.connect(index).execute("SELECT count(*) FROM cases").fetchone()[0]
    assert found == int(cases), found
    print(f"merge: {seconds:.1f} s, {memory:.0f} MB; cases.sqlite {os.path.getsize(index) / 1e6:.0f} MB, "
          f"index.html {os.path.getsize(folder + '/index.html') / 1e6:.1f} MB")


main(*sys.argv[1:])
