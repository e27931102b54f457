"""To an MLflow server. It keeps a figure that is sent twice once only where the time is the same too, and a step that was done again after a
kill has another time. So each figure goes on behind the last step that the server has of it: what is sent is in order."""

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException

from .told import Place, eval_name, stated

# What a request may have.
MOST_METRICS = 1000
MOST_PARAMS = 100
MOST_CHARACTERS = 6000
TOKEN = "mtm.token"


class ToMlflow:
    def __init__(self, place: Place):
        self.place = place
        self.client = MlflowClient(place.at)
        self.run_id = ""
        self.last: dict[str, int] = {}

    def open(self, run: dict) -> tuple[str, str | None]:
        experiment = self._experiment()
        found = self._found(experiment, run["token"]) or self._made(experiment, run)
        self.run_id = found.info.run_id
        self.last = {metric.key: metric.step for metric in found.to_proto().data.metrics}
        params = [Param(name, str(value)[:MOST_CHARACTERS]) for name, value in stated(run["params"]).items()]
        for at in range(0, len(params), MOST_PARAMS):
            self.client.log_batch(self.run_id, params=params[at : at + MOST_PARAMS])
        return self.run_id, f"{self.place.at.rstrip('/')}/#/experiments/{experiment}/runs/{self.run_id}"

    def rows(self, steps: list[dict], evals: list[dict]) -> None:
        metrics = [Metric(name, value, row["at_ms"], row["step"]) for row in steps for name, value in row["figures"].items()]
        metrics += [Metric(eval_name(row["trait"]), row["loss"], row["at_ms"], row["step"]) for row in evals]
        self._send(metrics)

    def close(self, end: dict) -> None:
        self._send([Metric(name, value, end["at_ms"], end["last_step"]) for name, value in end["summary"].items()])
        tags = end["tags"] | {f"mtm.artifact.{name}": where for name, where in end["artifacts"].items()}
        self.client.log_batch(self.run_id, tags=[RunTag(name, value[:MOST_CHARACTERS]) for name, value in tags.items()])
        self.client.set_terminated(self.run_id, end["status"], end["at_ms"])

    def _send(self, metrics: list[Metric]) -> None:
        new = [metric for metric in metrics if metric.step > self.last.get(metric.key, -1)]
        for at in range(0, len(new), MOST_METRICS):
            self.client.log_batch(self.run_id, metrics=new[at : at + MOST_METRICS])
        self.last.update({metric.key: metric.step for metric in new})

    def _experiment(self) -> str:
        known = self.client.get_experiment_by_name(self.place.project)
        if known is not None:
            return known.experiment_id
        try:
            return self.client.create_experiment(self.place.project)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            return self.client.get_experiment_by_name(self.place.project).experiment_id

    def _found(self, experiment: str, token: str):
        # One that somebody deleted too: it is not begun anew behind their back.
        found = self.client.search_runs([experiment], f"tags.`{TOKEN}` = '{token}'", ViewType.ALL, 1, ["attributes.start_time ASC", "attributes.run_id ASC"])
        return found[0] if found else None

    def _made(self, experiment: str, run: dict):
        made = self.client.create_run(experiment, run["started_at_ms"], {**run["tags"], TOKEN: run["token"]}, run["name"])
        first = self._found(experiment, run["token"])
        # Another process made one at the same time.
        if first.info.run_id != made.info.run_id:
            self.client.delete_run(made.info.run_id)
        return first
