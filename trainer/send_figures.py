"""python -m trainer.send_figures mlflow|wandb|trackio: tells a tracker of a run, what it reads as JSON lines on standard input: `open`, `rows` as often as there are
some, `close`. Answers each on file descriptor 3 once the tracker has it. Where the tracker is, and the keys to it, come by the environment, and go no further.
"""

import json
import os
import sys
import traceback
from importlib import import_module

from .platform.events import Events
from .platform.failures import first_line
from .platform.supervision import die_with_parent
from .trackers.told import Place, Tracker

TRACKERS = {"mlflow": ("to_mlflow", "ToMlflow"), "wandb": ("to_wandb", "ToWandb"), "trackio": ("to_trackio", "ToTrackio")}
SECRETS = ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_PASSWORD", "WANDB_API_KEY", "HF_TOKEN")


def tracker_of(name: str) -> Tracker:
    module, tracker = TRACKERS[name]
    return getattr(import_module(f".trackers.{module}", __package__), tracker)(Place(os.environ["MTM_TRACKER_PLACE"], os.environ["MTM_TRACKER_PROJECT"]))


def obey(tracker: Tracker, request: dict, events: Events) -> None:
    match request.pop("type"):
        case "open":
            external_id, address = tracker.open(request)
            events.send("opened", external_id=external_id, address=address)
        case "rows":
            tracker.rows(request["steps"], request["evals"])
            events.send("delivered")
        case "close":
            tracker.close(request)
            events.send("delivered")


def without_secrets(text: str) -> str:
    for name in SECRETS:
        if secret := os.environ.get(name):
            text = text.replace(secret, "***")
    return text


def main() -> None:
    name = sys.argv[1]
    die_with_parent()
    # Whoever sent the request tries again, and says meanwhile why.
    os.environ |= {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"}
    events = Events(3)
    try:
        tracker = tracker_of(name)
        for line in sys.stdin:
            obey(tracker, json.loads(line), events)
    except Exception as error:
        print(without_secrets(traceback.format_exc()), file=sys.stderr)
        events.send("failed", message=without_secrets(f"{name} does not take what it is sent: {first_line(error)}"))
        sys.exit(1)


if __name__ == "__main__":
    main()
