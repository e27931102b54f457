"""What users of pandas and Hugging Face datasets do in the place of our data engine, one piece of work per process.

    python peers.py pandas  ingest  SOURCE TARGET
    python peers.py datasets ingest SOURCE TARGET
    python peers.py datasets mix    SOURCES TARGET

TARGET is Parquet, for the comparison of cells; pandas writes it as its way of keeping a dataset, and that counts, while
datasets keeps Arrow files in its cache, and the Parquet is written when the clock has stopped. Prints JSON.
"""

import json
import resource
import sys
import tempfile
import time

COLUMNS = ("id", "prompt", "completion", "date")


def pandas_ingest(source, target):
    import pandas

    started = time.perf_counter()
    if source.endswith(".csv"):
        frame = pandas.read_csv(source, dtype=str, keep_default_na=False)
    else:
        frame = pandas.read_json(source, lines=True, dtype=False, convert_dates=False)
    frame.to_parquet(target, compression="zstd", index=False)
    return time.perf_counter() - started


def datasets_ingest(source, target):
    from datasets import Features, Value, load_dataset

    features = Features({name: Value("string") for name in COLUMNS})
    is_csv = source.endswith(".csv")
    options = {"keep_default_na": False} if is_csv else {}
    with tempfile.TemporaryDirectory() as cache:
        started = time.perf_counter()
        loaded = load_dataset("csv" if is_csv else "json", data_files=source, features=features, cache_dir=cache, split="train", **options)
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        loaded.to_parquet(target)
    return seconds, peak


def datasets_mix(sources, target):
    from datasets import interleave_datasets, load_dataset

    shares = (0.30, 0.25, 0.20, 0.15, 0.10)
    with tempfile.TemporaryDirectory() as cache:
        loaded = [load_dataset("parquet", data_files=source, cache_dir=cache, split="train") for source in sources.split(",")]
        started = time.perf_counter()
        mixed = interleave_datasets(loaded, probabilities=list(shares), seed=1, stopping_strategy="first_exhausted")
        mixed.shuffle(seed=1).select(range(50_000)).to_parquet(target)
        return time.perf_counter() - started


def main():
    peer, work, source, target = sys.argv[1:5]
    import datasets

    datasets.disable_progress_bars()
    measured = {"pandas ingest": pandas_ingest, "datasets ingest": datasets_ingest, "datasets mix": datasets_mix}[f"{peer} {work}"](source, target)
    seconds, peak = measured if isinstance(measured, tuple) else (measured, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    print(json.dumps({"seconds": seconds, "peakMb": peak / 1024}))


if __name__ == "__main__":
    main()
