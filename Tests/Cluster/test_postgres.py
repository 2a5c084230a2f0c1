"""Loads reports into the server that Tests/Cluster/postgres has started; run by it."""

import datetime
import hashlib
import json
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import tempfile
import unittest
import uuid

NORMA, REPORT = os.environ["NORMA"], os.environ["NORMA_REPORT"]
PORT, SOCKETS = os.environ["NORMA_PORT"], os.environ["NORMA_SOCKETS"]
PASSWORD = "se:cr/et @%?'\\"
ENCODED = "se%3Acr%2Fet%20%40%25%3F%27%5C"
TABLES = ["runs", "cases", "scans", "regions", "scan_metadata", "reviews"]
VIEWS = ["flagged_cases", "case_overview", "region_overview", "largest_regions", "failed_scans", "reviewed_cases"]
NASTY = "tab\t newline\n return\r backslash\\ \\N \\. quotes '\" $$ :x ; -- 🧠 é"


def sql(text, database="central"):
    """What the server answers its owner, who needs no password over the socket."""
    result = subprocess.run(
        ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", SOCKETS, "-p", PORT, "-U", "owner", database],
        input=text, text=True, capture_output=True, timeout=60, env={**os.environ, "PGTZ": "UTC"})
    if result.returncode:
        raise AssertionError(result.stderr)
    return result.stdout.rstrip("\n")


def url(user="lab", password=ENCODED, database="central", port=PORT):
    return f"postgresql://{user}:{password}@127.0.0.1:{port}/{database}"


def messages(errors):
    """Without the lines that say how far a load is."""
    return re.sub(r"(?m)^ *\d+ % row .*\n", "", errors)


def load(report, address=None, **environment):
    result = subprocess.run(
        [NORMA, "export", report, "--postgres", address or url()], text=True, capture_output=True, timeout=60,
        env={**os.environ, **environment})
    result.stderr = messages(result.stderr)
    return result


def plain(value, kind):
    """A value of either database in one form; `kind` is its type in PostgreSQL."""
    if value is None:
        return None
    if kind == "boolean":
        return bool(value)
    if kind == "jsonb":
        return json.loads(value) if isinstance(value, str) else value
    if kind == "timestamp with time zone":
        return datetime.datetime.fromisoformat(value.replace("Z", "+00:00")).isoformat()
    return float(value) if kind == "double precision" else value


class Postgres(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        literal = PASSWORD.replace("'", "''")
        sql(f"CREATE ROLE lab LOGIN PASSWORD '{literal}'; CREATE ROLE guest LOGIN PASSWORD 'guest';", "postgres")

    def setUp(self):
        sql("CREATE DATABASE central OWNER lab", "postgres")
        self.folder = tempfile.mkdtemp()
        self.report = self.copy("report")

    def tearDown(self):
        shutil.rmtree(self.folder)
        sql("DROP DATABASE central WITH (FORCE)", "postgres")

    def copy(self, name, identity=None):
        """A copy of the report's index, which others may be using."""
        report = os.path.join(self.folder, name)
        os.mkdir(report)
        with sqlite3.connect(f"file:{REPORT}/cases.sqlite?mode=ro", uri=True) as source:
            with sqlite3.connect(f"{report}/cases.sqlite") as target:
                source.backup(target)
        self.change(report, "PRAGMA journal_mode = DELETE")
        if identity:
            self.change(report, "UPDATE report SET id = ?", identity)
        return report

    def change(self, report, statement, *values):
        database = sqlite3.connect(f"{report}/cases.sqlite")
        with database:
            database.execute("PRAGMA foreign_keys = ON")
            rows = database.execute(statement, values).fetchall()
        database.close()
        return rows

    def load(self, report):
        result = load(report)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return result.stdout

    def compare(self, report):
        """Fails where a table or view of the server has other columns or rows than the index; returns their digests."""
        database = sqlite3.connect(f"{report}/cases.sqlite")
        identity = database.execute("SELECT id FROM report").fetchone()[0]
        answer = sql("".join(
            f"""\\echo @
            SELECT column_name, data_type FROM information_schema.columns
              WHERE table_schema = 'norma' AND table_name = '{name}' ORDER BY ordinal_position;
            \\echo @
            SELECT row_to_json(t) FROM norma.{name} AS t WHERE report = '{identity}';
            """ for name in TABLES + VIEWS))
        parts = [part.splitlines() for part in ("\n" + answer).split("\n@")[1:]]
        parts = iter([[line for line in part if line] for part in parts])
        digests = {}
        for name in TABLES + VIEWS:
            with self.subTest(name):
                cursor = database.execute(f"SELECT * FROM {name}")
                columns = [column[0] for column in cursor.description]
                kinds = dict(line.split("|") for line in next(parts))
                self.assertEqual(list(kinds), ["report"] + columns)
                here = [[plain(value, kinds[column]) for column, value in zip(columns, row)] for row in cursor]
                lines = next(parts)
                there = [[plain(row[column], kinds[column]) for column in columns] for row in map(json.loads, lines)]
                if name in TABLES or name.endswith("overview"):
                    here, there = (sorted(rows, key=repr) for rows in (here, there))
                self.assertEqual(there, here)
                digests[name] = (len(there), hashlib.sha256(repr(there).encode()).hexdigest())
        database.close()
        return digests

    def versions(self):
        """Which transaction wrote each row of the tables that a load could write."""
        return [sql(f"SELECT xmin, xmax, ctid FROM norma.{name} ORDER BY ctid") for name in TABLES]

    def test_a_report_loaded_twice_is_there_once(self):
        self.assertRegex(self.load(self.report), rf"^postgres  \d+ cases?, \d+ scans?, \d+ regions?  postgresql://lab@")
        first, versions = self.compare(self.report), self.versions()
        self.assertGreater(first["flagged_cases"][0], 0)
        self.load(self.report)
        self.assertEqual(self.compare(self.report), first)
        self.assertEqual(self.versions(), versions, "rows were written that had not changed")

    def test_two_reports_stand_side_by_side(self):
        other = self.copy("other", identity=str(uuid.uuid4()))
        self.load(self.report)
        first = self.compare(self.report)
        self.load(other)
        self.change(other, "DELETE FROM cases")
        self.load(other)
        self.compare(other)
        self.assertEqual(self.compare(self.report), first)
        self.assertEqual(sql("SELECT count(*) FROM norma.reports"), "2")
        sql("DELETE FROM norma.reports WHERE path LIKE '%/other'")
        self.assertEqual(sql("SELECT count(DISTINCT report) FROM norma.runs"), "1")
        self.assertEqual(self.compare(self.report), first)

    def test_what_has_changed_is_loaded(self):
        self.load(self.report)
        names = [row[0] for row in self.change(self.report, "SELECT name FROM cases ORDER BY name")]
        self.assertGreaterEqual(len(names), 3, "the report is too small for this test")
        changes = [
            ("DELETE FROM cases WHERE name = ?", names[0]),
            ("UPDATE cases SET name = ? WHERE name = ?", NASTY, names[1]),
            ("UPDATE cases SET score = ?, p_value = 5e-324, domain_shift_p = 0.1 WHERE name = ?", float("inf"), names[2]),
            ("UPDATE scans SET error = ?", NASTY),
            ("UPDATE regions SET q_value = 0.123456789012345678",),
            ("UPDATE runs SET status = 'failed', finished_at = NULL",),
            ("INSERT INTO scan_metadata SELECT id, 'ImageDescription', ? FROM scans", NASTY),
            ("INSERT INTO reviews VALUES (?, 'agree', ?, '2026-11-25T22:00:00Z', NULL, 'x', -1e300)", NASTY, NASTY),
            ("INSERT INTO reviews VALUES ('gone', 'unsure', '', '2026-11-25T22:00:00Z', ?, NULL, NULL)", NASTY),
            # As a merge of shards numbers cases anew: one gets the number of another.
            ("UPDATE cases SET run_id = (SELECT max(id) FROM runs)",),
        ]
        for change in changes:
            with self.subTest(change[0]):
                self.change(self.report, *change)
                self.load(self.report)
                self.compare(self.report)
        database = sqlite3.connect(f"{self.report}/cases.sqlite")
        database.executescript("""
            CREATE TABLE old AS SELECT * FROM cases; CREATE TABLE scan AS SELECT * FROM scans; DELETE FROM cases;
            UPDATE old SET id = (SELECT min(id) + max(id) FROM old) - id; DELETE FROM scans; DELETE FROM regions;
            INSERT INTO cases SELECT * FROM old; INSERT INTO scans SELECT * FROM scan; DROP TABLE old; DROP TABLE scan;
            DELETE FROM scan_metadata;""")
        database.close()
        self.load(self.report)
        self.compare(self.report)

    def test_a_load_cut_off_anywhere_changes_nothing(self):
        shim = os.path.join(self.folder, "psql")
        script = os.path.join(self.folder, "script")
        with open(shim, "w") as file:
            file.write(f'#!/bin/sh\nexec tee {script} | {shutil.which("psql")} "$@"\n')
        os.chmod(shim, stat.S_IRWXU)
        result = load(self.report, PATH=self.folder + ":" + os.environ["PATH"])
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        with open(script, "rb") as file:
            whole = file.read()
        self.assertNotIn(b"se:cr", whole)
        before = self.compare(self.report)
        # The same script with other rows, as a later state of the index would give it.
        changed = whole.replace(b"\tdone\t", b"\tfailed\t")
        self.assertNotEqual(changed, whole)
        parts = {len(changed) * k // 16 for k in range(16)} | {len(changed) - k for k in range(3, 200, 28)}
        for length in sorted(parts):
            subprocess.run(
                ["psql", "-X", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-d", url()], input=changed[:length],
                capture_output=True, timeout=60)
        self.assertEqual(self.compare(self.report), before)

    def test_a_text_that_the_server_cannot_hold_changes_nothing(self):
        self.load(self.report)
        before = self.compare(self.report)
        damaged = self.copy("damaged")
        self.change(damaged, "UPDATE cases SET score = 77")
        self.change(damaged, "UPDATE scans SET path = 'a' || char(0) || 'b' WHERE id = (SELECT max(id) FROM scans)")
        result = load(damaged)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(
            result.stderr,
            f"norma: {damaged}/cases.sqlite: column path of scans holds a NUL character, which PostgreSQL does not. "
            "Rename what it was read from and run norma analyze on this folder again.\n")
        self.change(damaged, "UPDATE scans SET path = 'a'")
        self.change(damaged, "UPDATE runs SET configuration = json_set(configuration, '$.title', 'x'), started_at = 'soon'")
        result = load(damaged)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"^norma: postgresql://lab@127.0.0.1:\d+/central: nothing was loaded: invalid input "
                         r'syntax for type timestamp with time zone: "soon"\. See the log of the server\.\n$')
        self.assertEqual(self.compare(self.report), before)

    def test_refusals_are_sentences_without_the_password(self):
        closed = url(port=1)
        for address, words in [
            (url(password="not%20it"), 'password authentication failed for user "lab". Check the user and the password'),
            (url(user="nobody"), 'password authentication failed for user "nobody". Check the user and the password'),
            (url(database="absent"), 'database "absent" does not exist. Make it (createdb'),
            (url(user="guest", password="guest"), "permission denied for database central. Ask the owner"),
            (closed, "port 1 failed: Connection refused. Check the URL, and that the server runs"),
            (f"postgresql://lab@127.0.0.1:{PORT}/central", "no password supplied. Check the user and the password"),
        ]:
            result = load(self.report, address, PGPASSWORD="")
            self.assertEqual(result.returncode, 1, result.stderr)
            self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
            self.assertIn(": nothing was loaded: ", result.stderr)
            self.assertIn(words, result.stderr)
            for secret in (PASSWORD, ENCODED, "not it", "not%20it", ":guest@"):
                self.assertNotIn(secret, result.stdout + result.stderr)

    def test_the_password_may_come_from_the_environment(self):
        result = load(self.report, f"postgresql://lab@127.0.0.1:{PORT}/central", PGPASSWORD=PASSWORD)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        result = load(self.report, f"postgres://127.0.0.1/central?port={PORT}&user=lab&password={ENCODED}")
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def forget_absent_and_empty(self):
        """Makes the schema one that knows neither cases that left the study nor scans with nothing to score."""
        overview = sql("SELECT pg_get_viewdef('norma.case_overview'::regclass)")
        sql("DROP VIEW norma.region_overview, norma.reviewed_cases, norma.case_overview, norma.flagged_cases, "
            "norma.failed_scans; "
            "CREATE OR REPLACE VIEW norma.largest_regions AS "
            + sql("SELECT pg_get_viewdef('norma.largest_regions'::regclass)").replace("WHERE cases.in_study", "") + ";"
            "ALTER TABLE norma.cases DROP COLUMN in_study, DROP COLUMN empty_scan_count, "
            "DROP COLUMN worst_place_score, DROP COLUMN whole_score; ALTER TABLE norma.scans DROP COLUMN whole_score; "
            "CREATE VIEW norma.case_overview AS "
            + re.sub(r",\s*cases\.(in_study|empty_scan_count|worst_place_score|whole_score)", "", overview).rstrip(";") + ";"
            "ALTER VIEW norma.case_overview OWNER TO lab")

    def test_tables_of_an_older_norma_take_the_cases_that_left(self):
        self.load(self.report)
        self.forget_absent_and_empty()
        sql("UPDATE norma.schema_version SET version = 3")
        self.change(self.report, "UPDATE cases SET in_study = 0 WHERE id = (SELECT min(id) FROM cases)")
        self.load(self.report)
        self.compare(self.report)
        self.assertEqual(sql("SELECT count(*) FROM norma.cases WHERE NOT in_study"), "1")

    def test_tables_of_an_older_norma_take_runs_that_were_stopped(self):
        self.load(self.report)
        self.forget_absent_and_empty()
        sql("ALTER TABLE norma.runs DROP CONSTRAINT runs_status_check, "
            "ADD CONSTRAINT runs_status_check CHECK (status IN ('running', 'done', 'failed')); "
            "UPDATE norma.schema_version SET version = 1")
        self.change(self.report, "UPDATE runs SET status = 'stopped'")
        self.load(self.report)
        self.compare(self.report)
        self.assertEqual(sql("SELECT version FROM norma.schema_version"), "6")

    def test_tables_of_an_older_norma_take_the_pixels_of_peaks(self):
        self.load(self.report)
        self.forget_absent_and_empty()
        sql("DROP VIEW norma.largest_regions; "
            "ALTER TABLE norma.regions DROP COLUMN peak_x, DROP COLUMN peak_y; "
            "ALTER TABLE norma.scans DROP COLUMN downsample_y; UPDATE norma.schema_version SET version = 2")
        self.load(self.report)
        self.compare(self.report)
        self.assertEqual(sql("SELECT version FROM norma.schema_version"), "6")

    def test_tables_of_an_older_norma_take_the_two_scores_of_a_case(self):
        self.load(self.report)
        views = {name: sql(f"SELECT pg_get_viewdef('norma.{name}'::regclass)")
                 for name in ("case_overview", "region_overview", "reviewed_cases")}
        sql("DROP VIEW norma.region_overview, norma.reviewed_cases, norma.case_overview; "
            "ALTER TABLE norma.cases DROP COLUMN worst_place_score, DROP COLUMN whole_score; "
            "ALTER TABLE norma.scans DROP COLUMN whole_score; "
            + "".join(f"CREATE VIEW norma.{name} AS "
                      + re.sub(r",\s*cases\.(worst_place_score|whole_score)", "", text).rstrip(";") + "; "
                      f"ALTER VIEW norma.{name} OWNER TO lab; "
                      for name, text in views.items())
            + "UPDATE norma.schema_version SET version = 5")
        self.load(self.report)
        self.compare(self.report)
        self.assertEqual(sql("SELECT version FROM norma.schema_version"), "6")

    def test_tables_of_an_older_norma_take_scans_with_nothing_to_score(self):
        self.load(self.report)
        self.forget_absent_and_empty()
        status = "CHECK (status IN ('done', 'failed'))"
        sql(f"ALTER TABLE norma.cases DROP CONSTRAINT cases_status_check, ADD CONSTRAINT cases_status_check {status}, "
            "ALTER flagged SET NOT NULL, ALTER region_count SET NOT NULL; "
            f"ALTER TABLE norma.scans DROP CONSTRAINT scans_status_check, ADD CONSTRAINT scans_status_check {status}; "
            "UPDATE norma.schema_version SET version = 3")
        self.change(
            self.report, "UPDATE cases SET status = 'empty', flagged = NULL, region_count = NULL WHERE id = 1")
        self.change(self.report, "UPDATE scans SET status = 'empty' WHERE case_id = 1")
        self.load(self.report)
        self.compare(self.report)
        self.assertEqual(sql("SELECT version FROM norma.schema_version"), "6")

    def test_a_schema_of_a_newer_norma_is_left_alone(self):
        self.load(self.report)
        sql("UPDATE norma.schema_version SET version = 99")
        self.change(self.report, "UPDATE cases SET score = 77")
        result = load(self.report)
        self.assertEqual(result.returncode, 1)
        self.assertIn("the schema norma was made by a newer norma. Update norma.", result.stderr)
        self.assertEqual(sql("SELECT count(*) FROM norma.cases WHERE score = 77"), "0")

    def test_a_user_who_may_make_no_tables_loads_into_those_made(self):
        self.load(self.report)
        sql("GRANT USAGE ON SCHEMA norma TO guest; "
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA norma TO guest")
        self.change(self.report, "UPDATE cases SET score = 77")
        result = load(self.report, url(user="guest", password="guest"))
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.compare(self.report)

    def test_loads_at_the_same_time_wait_for_each_other(self):
        reports = [self.copy(f"at the same time {k}", identity=str(uuid.uuid4())) for k in range(4)]
        running = [subprocess.Popen([NORMA, "export", report, "--postgres", url()], stdout=subprocess.DEVNULL)
                   for report in reports]
        self.assertEqual([process.wait(timeout=60) for process in running], [0] * 4)
        for report in reports:
            self.compare(report)

    def test_a_server_that_goes_away_is_a_sentence(self):
        self.load(self.report)
        self.change(self.report, "UPDATE cases SET score = 77")
        holder = subprocess.Popen(
            ["psql", "-X", "-q", "-h", SOCKETS, "-p", PORT, "-U", "owner", "central"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        holder.stdin.write("BEGIN; SELECT pg_advisory_lock(hashtext('norma'));\n")
        holder.stdin.flush()
        holder.stdout.readline()
        running = subprocess.Popen(
            [NORMA, "export", self.report, "--postgres", url()], stderr=subprocess.PIPE, text=True)
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'norma' AND wait_event = 'advisory'"
        while sql(query) == "0":
            self.assertIsNone(running.poll())
        sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'norma'")
        errors = messages(running.communicate(timeout=60)[1])
        holder.communicate(timeout=60)
        self.assertEqual(running.returncode, 1)
        self.assertIn("nothing was loaded: terminating connection due to administrator command", errors)
        self.assertEqual(errors.count("\n"), 1, errors)
        self.assertEqual(sql("SELECT count(*) FROM norma.cases WHERE score = 77"), "0")
