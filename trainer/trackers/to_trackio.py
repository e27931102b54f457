"""To trackio's database. Its `log` has no names for rows, so that one that is sent twice would be there twice; what its own server writes with has
them, and takes each once."""

from datetime import UTC, datetime

from trackio.sqlite_storage import SQLiteStorage

from .told import Place, eval_name, stated


class ToTrackio:
    def __init__(self, place: Place):
        self.place = place
        self.run: dict = {}

    def open(self, run: dict) -> tuple[str, str | None]:
        self.run = run
        return run["token"], str(SQLiteStorage.init_db(self.place.project))

    def rows(self, steps: list[dict], evals: list[dict]) -> None:
        named = [(f"eval-{row['trait'] or ''}-{row['step']}", row, {eval_name(row["trait"]): row["loss"]}) for row in evals]
        self._write([*named, *((f"step-{row['step']}", row, row["figures"]) for row in steps)])

    def close(self, end: dict) -> None:
        told = end["summary"] | end["tags"] | {f"artifact/{name}": where for name, where in end["artifacts"].items()}
        self._write([("end", {"step": end["last_step"], "at_ms": end["at_ms"]}, {**told, "status": end["status"]})])

    def _write(self, rows: list[tuple[str, dict, dict]]) -> None:
        SQLiteStorage.bulk_log(
            self.place.project,
            self.run["name"],
            [figures for _, _, figures in rows],
            [row["step"] for _, row, _ in rows],
            [datetime.fromtimestamp(row["at_ms"] / 1000, UTC).isoformat() for _, row, _ in rows],
            {**stated(self.run["params"]), **self.run["tags"]},
            [f"{self.run['token']}-{name}" for name, _, _ in rows],
            run_id=self.run["token"],
        )
