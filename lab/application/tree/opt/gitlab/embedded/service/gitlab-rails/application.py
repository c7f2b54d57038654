"""The application of one host: puma (web and git), gitaly or sidekiq, as its service says.

It reads version and schema once at its start: a package that is installed under it changes nothing before a restart.
"""

import json
import sys
import threading
import time

import database
import settings
from http_server import Server

JSON, TEXT = "application/json", "text/plain; version=0.0.4"


class Application:
    """Answers requests; notes are kept in the column that this version's schema has."""

    def __init__(self, service):
        self.service, self.started = service, time.time()
        self.configuration, package = settings.read_configuration(), settings.read_package()
        self.version, self.release, self.column = package["version"], package["release"], package["column"]
        self.revision = settings.revision()
        self.host = self.configuration.get("lab.host", "")
        self.failed = self.under_way = self.jobs_done = self.jobs_failed = 0
        self.pool = database.Pool(
            3,
            self.configuration.get("gitlab_rails.db_host", "127.0.0.1"),
            self.configuration.get("gitlab_rails.db_port", "5432"),
            self.configuration.get("gitlab_rails.db_database", "gitlabhq_production"),
        )

    def handle(self, request):
        """Answer one request with (status, content, content type)."""
        if request.path in ("/-/readiness", "/readiness"):
            return self._readiness(all_checks=request.query.get("all") == "1")
        if request.path in ("/-/liveness", "/liveness"):
            return 200, {"status": "ok"}, JSON
        if request.path == "/-/health":
            return 200, "GitLab OK", TEXT
        if request.path == "/-/metrics":
            return 200, self._metrics(), TEXT
        if self.service != "puma":
            return 404, {"error": "404 Not Found"}, JSON
        if settings.fault("requests") is not None:
            return 500, {"message": "500 Internal Server Error"}, JSON
        self.under_way += 1
        try:
            return self._answer_user(request)
        finally:
            self.under_way -= 1

    def _answer_user(self, request):
        if "sleep" in request.query:
            time.sleep(min(float(request.query["sleep"]), 60))
        if request.path == "/api/v4/version":
            return (
                200,
                {"version": self.release, "revision": self.revision, "package": self.version, "host": self.host},
                JSON,
            )
        if request.path == "/api/v4/notes":
            return self._create(request) if request.method == "POST" else self._list()
        if request.path.startswith("/api/v4/notes/"):
            return self._show(request.path.rpartition("/")[2])
        return 404, {"error": "404 Not Found"}, JSON

    def work(self):
        """Take jobs off the queue one by one, for ever; only sidekiq does."""
        while True:
            try:
                done = self._work_once()
            except (OSError, database.DatabaseError) as error:
                print("sidekiq: %s" % error, file=sys.stderr, flush=True)
                self.jobs_failed, done = self.jobs_failed + 1, False
            if not done:
                time.sleep(1)

    def _work_once(self):
        rows = self.pool.query(
            "WITH job AS (DELETE FROM jobs WHERE id = (SELECT id FROM jobs ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)"
            " RETURNING note_id) UPDATE notes SET processed = true, %s = coalesce(%s, '') FROM job"
            " WHERE notes.id = job.note_id RETURNING notes.id" % (self.column, self.column)
        )
        self.jobs_done += len(rows)
        return bool(rows)

    def _readiness(self, all_checks):
        fault = settings.fault("readiness")
        checks = {"master_check": [{"status": "ok" if fault is None else "failed"}]}
        if all_checks:
            try:
                self.pool.query("SELECT 1")
                checks["db_check"] = [{"status": "ok"}]
            except (OSError, database.DatabaseError) as error:
                checks["db_check"] = [{"status": "failed", "message": str(error)}]
        good = all(check[0]["status"] == "ok" for check in checks.values())
        return 200 if good else 503, {"status": "ok" if good else "failed", **checks}, JSON

    def _metrics(self):
        return (
            'gitlab_version_info{version="%s"} 1\nprocess_start_time_seconds %.3f\nhttp_requests_failed_total %d\n'
            "http_requests_under_way %d\n"
            "sidekiq_jobs_done_total %d\nsidekiq_jobs_failed_total %d\n"
            % (self.version, self.started, self.failed, self.under_way, self.jobs_done, self.jobs_failed)
        )

    def _list(self):
        return self._rows("ORDER BY id DESC LIMIT 5")

    def _show(self, number):
        if not number.isdigit():
            return 400, {"error": "id is invalid"}, JSON
        status, content, kind = self._rows("WHERE id = %d" % int(number))
        if status == 200 and not content["notes"]:
            return 404, {"message": "404 Note Not Found"}, JSON
        return status, content, kind

    def _rows(self, clause):
        rows = self._statement("SELECT id, title, %s, processed FROM notes %s" % (self.column, clause))
        notes = [{"id": int(a), "title": b, "detail": c, "processed": d == "t"} for a, b, c, d in rows]
        return 200, {"version": self.version, "host": self.host, "notes": notes}, JSON

    def _create(self, request):
        try:
            title = json.loads(request.body or b"{}").get("title")
        except ValueError:
            title = None
        if not isinstance(title, str) or not title or "\0" in title:
            return 400, {"error": "title is missing"}, JSON
        rows = self._statement(
            "WITH note AS (INSERT INTO notes (title, %s) VALUES (%s, %s) RETURNING id)"
            " INSERT INTO jobs (note_id) SELECT id FROM note RETURNING note_id"
            % (self.column, database.literal(title), database.literal("by " + self.version))
        )
        return 201, {"version": self.version, "host": self.host, "id": int(rows[0][0]), "title": title}, JSON

    def _statement(self, text):
        try:
            return self.pool.query(text)
        except (OSError, database.DatabaseError):
            self.failed += 1
            raise


def main(service):
    """Serve until the supervisor ends the process."""
    application = Application(service)
    server = Server(
        application.configuration.get("lab.listen", "0.0.0.0"),  # noqa: S104 - a host of the lab has its own network
        int(application.configuration.get("lab.port", "80")),
        application.handle,
    )
    if service == "sidekiq":
        threading.Thread(target=application.work, daemon=True).start()
    print("%s %s listens" % (service, application.version), flush=True)
    server.run()


if __name__ == "__main__":
    main(sys.argv[1])
