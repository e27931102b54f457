import contextlib
import io
import json
import math
import shutil
import tempfile
import unittest
import warnings
from pathlib import Path

from ..platform import failures
from .support import HYPERPARAMETERS, model_path, write_run_file

ROWS = [{"prompt": f"question {number}", "completion": "answer"} for number in range(4)]
TALK = [{"role": "user", "content": "a"}]
CALL = [*TALK, {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Rome"}}}]}]


def run_file(text: str):
    """Instead of a run file, this."""
    return lambda work: (work / "run.json").write_text(text)


def settings(**changes):
    """A run file with these fields instead of good ones."""
    return lambda work: write_run_file(work, **changes)


def hyper(**changes):
    return settings(hyperparameters={**HYPERPARAMETERS, **changes})


def data(content: bytes | str | list, name: str = "rows.jsonl", **changes):
    """A data file with this in it: bytes, a text, or rows."""

    def write(work: Path) -> None:
        content_bytes = content if isinstance(content, bytes) else (content if isinstance(content, str) else lines(content)).encode()
        (work / name).write_bytes(content_bytes)
        write_run_file(work, data={"train": str(work / name), "held_out": None}, **changes)

    return write


def lines(rows: list) -> str:
    return "\n".join(json.dumps(row) for row in rows)


def model(damage, **changes):
    """A copy of the model that `damage` was done to."""

    def write(work: Path) -> None:
        shutil.copytree(model_path(), work / "model")
        damage(work / "model")
        write_run_file(work, model={"name": "damaged", "path": str(work / "model")}, **changes)

    return write


def config(file: str = "config.json", **changes):
    def change(model: Path) -> None:
        path = model / file
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


def template(text: str):
    return lambda model: (model / "chat_template.jinja").write_text(text)


def pickled(model: Path) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")


def lying_header(model: Path) -> None:
    file = model / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[:8] = (2**40).to_bytes(8, "little")
    file.write_bytes(content)


def torn(model: Path) -> None:
    file = model / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def missing_shard(model: Path) -> None:
    from safetensors import safe_open

    with safe_open(model / "model.safetensors", "pt") as tensors:
        names = list(tensors.keys())
    (model / "model.safetensors").rename(model / "model-00001-of-00002.safetensors")
    weights = {name: f"model-0000{1 + place % 2}-of-00002.safetensors" for place, name in enumerate(names)}
    (model / "model.safetensors.index.json").write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weights}))


def remote_code(model: Path) -> None:
    (model / "modeling_own.py").write_text("raise SystemExit('code of the model was run')")
    config(model_type="own", auto_map={"AutoConfig": "modeling_own.OwnConfig", "AutoModelForCausalLM": "modeling_own.Own"})(model)


def weight(value: float):
    def change(model: Path) -> None:
        from safetensors.torch import load_file, save_file

        tensors = load_file(model / "model.safetensors")
        tensors["model.layers.1.mlp.up_proj.weight"][3, 5] = value
        save_file(tensors, model / "model.safetensors", {"format": "pt"})

    return change


def text(file: str, content: str):
    return lambda model: (model / file).write_text(content)


def renamed(before: str, after: str):
    return lambda model: (model / before).rename(model / after)


def index(content):
    def change(model: Path) -> None:
        (model / "model.safetensors").rename(model / "weights.safetensors")
        (model / "model.safetensors.index.json").write_text(json.dumps(content))

    return change


def adapter_alone(model: Path) -> None:
    (model / "config.json").rename(model / "adapter_config.json")


def of_type(name: str):
    """Another model in its place, tiny, of an architecture that is not to be trained."""

    def change(model: Path) -> None:
        from .architectures import Architecture, make

        shutil.rmtree(model)
        make(Architecture(name), model)

    return change


def without_end(model: Path) -> None:
    path = model / "tokenizer_config.json"
    path.write_text(json.dumps({name: value for name, value in json.loads(path.read_text()).items() if name != "eos_token"}))


def more_tokens(model: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.add_tokens([*(f"<{number}>" for number in range(512)), "question"])
    tokenizer.save_pretrained(model)


def beneath_a_file(field: str):
    def write(work: Path) -> None:
        (work / "file").write_text("")
        write_run_file(work, **{field: str(work / "file" / "runs")})

    return write


BAD = failures.BAD_INPUT
# What is broken, how, with which code it ends, and what the sentence has to say: what, where, and mostly what to do.
TABLE = [
    ("a run file that is no JSON", run_file("{"), BAD, ["run.json' is no JSON"]),
    ("a run file that is a list", run_file("[]"), BAD, ["must be an object"]),
    ("a run file of another version", settings(protocol=2), BAD, ["protocol is 2", "speaks 1"]),
    ("a field that is missing", settings(data={"held_out": None}), BAD, ["no field data.train"]),
    ("a task that is none", settings(task="fly"), BAD, ["task is 'fly'", "train, validate, check"]),
    ("a training type that is none", settings(training_type="dora"), BAD, ["training_type is 'dora'", "lora, qlora, standard"]),
    ("threads as a text", settings(threads="two"), BAD, ["threads is 'two'", "whole number"]),
    ("no threads", settings(threads=0), BAD, ["threads is 0", "at least 1"]),
    ("a path that is a number", settings(work_dir=5), BAD, ["work_dir is 5", "a text"]),
    ("a model that is a text", settings(model="gpt"), BAD, ["no field model.name"]),
    ("hyperparameters as a list", settings(hyperparameters=[]), BAD, ["hyperparameters is []", "an object"]),
    ("a hyperparameter that is missing", settings(hyperparameters={}), BAD, ["hyperparameters.batch_size is missing"]),
    ("a hyperparameter that is unknown", hyper(warp=1), BAD, ["hyperparameters.warp is unknown", "known are"]),
    ("half an epoch", hyper(epochs=1.5), BAD, ["hyperparameters.epochs is 1.5", "whole number"]),
    ("a batch of true", hyper(batch_size=True), BAD, ["hyperparameters.batch_size is True", "whole number"]),
    ("a learning rate as a text", hyper(learning_rate="fast"), BAD, ["hyperparameters.learning_rate is 'fast'", "a number"]),
    ("a learning rate out of range", hyper(learning_rate=5), BAD, ["hyperparameters.learning_rate is 5", "at most 1"]),
    ("a learning rate that is NaN", hyper(learning_rate=math.nan), BAD, ["hyperparameters.learning_rate is nan"]),
    ("steps as a text", hyper(max_steps="all"), BAD, ["hyperparameters.max_steps is 'all'", "or null"]),
    ("a seed below 0", hyper(seed=-1), BAD, ["hyperparameters.seed is -1"]),
    ("a way of batching that is none", hyper(batching="best"), BAD, ["hyperparameters.batching is 'best'", "like_length, random"]),
    ("a way with thoughts that is none", hyper(reasoning="hide"), BAD, ["hyperparameters.reasoning is 'hide'", "inline, drop"]),
    ("a way with calls that is none", hyper(tool_calls="text"), BAD, ["hyperparameters.tool_calls is 'text'", "refuse, json"]),
    ("a way with bad rows that is none", hyper(on_bad_rows="drop"), BAD, ["hyperparameters.on_bad_rows is 'drop'", "refuse, skip"]),
    ("a day that is none", settings(today="tomorrow"), BAD, ["today is 'tomorrow'", "2026-11-28"]),
    ("calls that no text shows", data([{"messages": CALL}]), BAD, ["Row 1 of the training data", "cannot show calls of tools: that of weather", 'tool_calls to "json"']),
    ("layers as a text", hyper(lora_target_modules="q_proj"), BAD, ["hyperparameters.lora_target_modules is 'q_proj'", "a list or null"]),
    ("layers that are none", hyper(lora_target_modules=[]), BAD, ["hyperparameters.lora_target_modules is []", "names of layers"]),
    ("layers that the model has not", hyper(lora_target_modules=["q_proj", "query"]), BAD, ["lora_target_modules names 'query'", "down_proj, gate_proj"]),
    ("a work directory beneath a file", beneath_a_file("work_dir"), BAD, ["work_dir is", "file' is no directory"]),
    ("an output directory beneath a file", beneath_a_file("output_dir"), BAD, ["output_dir is", "file' is no directory"]),
    ("data that are not there", settings(data={"train": "/none.parquet", "held_out": None}), BAD, ["'/none.parquet' does not exist"]),
    ("data without rows", data(""), BAD, ["rows.jsonl' has no rows"]),
    ("a line that is no JSON", data(lines(ROWS[:2]) + '\n\n{"prompt": "a", \n' + lines(ROWS)), BAD, ["Line 4 is no JSON", "column 17", "rows.jsonl"]),
    ("a row that is no object", data([*ROWS, 5]), BAD, ["Row 5 is 5", "an object"]),
    ("an array that is cut off", data("[" + json.dumps(ROWS[0]) + ",", "rows.json"), BAD, ["JSON array does not read", "rows.json"]),
    ("text that is no UTF-8", data(b'{"prompt": "caf\xe9"}'), BAD, ["no UTF-8", "byte 15"]),
    ("Parquet that is none", data("PAR1 not", "rows.parquet"), BAD, ["no Parquet", "rows.parquet"]),
    ("CSV with more fields than names", data("prompt,completion\na,b,c\n", "rows.csv"), BAD, ["Row 1 has more fields", "Quote"]),
    ("a row of other fields", data([{"foo": 1, "bar": 2}]), BAD, ["The fields foo, bar make no conversation", "prompt and completion"]),
    ("a row without an answer", data([*ROWS, {"prompt": "a"}]), BAD, ["Row 5 gives no conversation: the answer is empty", "--on-bad-rows skip"]),
    ("a row whose answer is null", data([*ROWS, {"prompt": "a", "completion": None}]), BAD, ["Row 5 gives no conversation: the answer is empty"]),
    ("a row whose answer is an object", data([{"question": "2+2", "answer": {"sum": 4}}]), BAD, ["Row 1 gives no conversation: the answer is an object, and no text"]),
    ("a row whose answer is empty", data([{"prompt": "a", "completion": " "}]), BAD, ["Row 1 gives no conversation: the answer is empty"]),
    ("messages that are no list", data([{"messages": "{}"}]), BAD, ["Row 1 gives no conversation: the messages are no list"]),
    ("messages that are no JSON", data([{"messages": "[{"}]), BAD, ["Row 1 gives no conversation: the messages are no JSON list"]),
    ("a message that is no text", data([{"messages": [{"role": "user", "content": True}]}]), BAD, ["Row 1 gives no conversation: a message has no text as its content"]),
    ("conversations without any answer", data([{"messages": TALK}]), BAD, ["Row 1 gives no conversation: no message of the assistant says anything"]),
    ("no room for any answer", hyper(max_length=4), BAD, ["No row", "max_length"]),
    ("a model that is not there", settings(model={"name": "x", "path": "/none"}), BAD, ["model.path is '/none'", "no directory"]),
    ("a pickle", model(pickled), BAD, ["no safetensors", "convert it"]),
    ("a header that lies", model(lying_header), BAD, ["model.safetensors"]),
    ("a file that is cut off", model(torn), BAD, ["model.safetensors"]),
    ("a missing shard", model(missing_shard), BAD, ["model-00002-of-00002.safetensors"]),
    ("code of the model's own", model(remote_code), BAD, ["code"]),
    ("a weight that is NaN (qlora)", model(weight(math.nan)), BAD, ["model.layers.1.mlp.up_proj.weight", "NaN or infinite", "undamaged copy"]),
    ("a weight that is infinite (standard)", model(weight(math.inf), training_type="standard"), BAD, ["up_proj.weight", "NaN or infinite"]),
    ("a context that is too small", model(config(max_position_embeddings=8)), BAD, ["max_length is 64", "at most 8 tokens", "22 of 22 examples", "Set max_length to 8"]),
    ("a model of fewer tokens than the tokenizer's", model(more_tokens), BAD, ["'question' as token", "up to 511", "from the same model"]),
    ("a tokenizer without a token that ends a text", model(without_end), BAD, ["no token that ends a text", "eos_token"]),
    ("a tokenizer that is not there", model(lambda model: (model / "tokenizer.json").unlink()), BAD, ["The tokenizer in", "does not load"]),
    ("a model of a type that transformers has no code for", model(config(model_type="super")), BAD, ["config.json has the model_type 'super'", "transformers 5", "docs/models.md"]),
    ("a configuration that is a list", model(text("config.json", "[]")), BAD, ["config.json' is no JSON object", "undamaged copy"]),
    ("a configuration that is cut off", model(text("config.json", '{"model_type":')), BAD, ["config.json' is no JSON", "undamaged copy"]),
    ("a type of numbers that is none", model(config(dtype="float17")), BAD, ["config.json", "as that of a llama", "float17"]),
    ("heads that do not divide the width", model(config(num_attention_heads=5)), BAD, ["config.json", "not a multiple of the number of attention heads (5)"]),
    ("a model that gives scores", model(config(architectures=["LlamaForSequenceClassification"])), BAD, ["LlamaForSequenceClassification", "no text", "left to right"]),
    ("a model without its output", model(config(architectures=["LlamaModel"])), BAD, ["LlamaModel", "no text"]),
    ("an encoder with a decoder", model(config(model_type="t5", architectures=["T5ForConditionalGeneration"])), BAD, ["T5ForConditionalGeneration, has an encoder and a decoder"]),
    ("an encoder", model(of_type("bert")), BAD, ["BertLMHeadModel", "looks at the tokens behind each one"]),
    ("an encoder (standard)", model(of_type("roberta"), training_type="standard"), BAD, ["RobertaForCausalLM", "looks at the tokens behind each one"]),
    ("a model whose code fails", model(of_type("xmod")), BAD, ["XmodForCausalLM", "fails with ValueError: Input language unknown", "another architecture"]),
    ("a model that cannot be asked", model(of_type("bart")), BAD, ["BartForCausalLM", "fails with IndexError"]),
    ("an adapter in place of a model", model(adapter_alone), BAD, ["is an adapter (adapter_config.json)", "Merge it"]),
    ("an adapter beside a model", model(text("adapter_config.json", '{"peft_type": "LORA"}')), BAD, ["has an adapter beside it", "Move the files"]),
    ("weights in a layout of their own", model(renamed("model.safetensors", "consolidated.safetensors")), BAD, ["has consolidated.safetensors, and neither model.safetensors nor"]),
    ("an index that is a list", model(index([])), BAD, ["index.json' is no JSON object"]),
    ("an index of files elsewhere", model(index({"metadata": {}, "weight_map": {"a": "../weights.safetensors"}})), BAD, ["names for each tensor a file beside it"]),
    ("an index without metadata", model(index({"weight_map": {"a": "weights.safetensors"}})), BAD, ["has no metadata", "Add"]),
    ("layers of another width (qlora)", model(config(intermediate_size=192)), BAD, ["down_proj.weight has the shape [64, 128]", "by its config.json [64, 192] (6 of its tensors differ so)"]),
    ("layers of another width (standard)", model(config(intermediate_size=192), training_type="standard"), BAD, ["[64, 128]", "[64, 192] (6 of"]),
    ("a configuration of generation that is cut off", model(text("generation_config.json", "{")), BAD, ["generation_config.json' is no JSON", "without that file"]),
    ("a configuration of generation that is a list", model(text("generation_config.json", "[]")), BAD, ["does not load", "list"]),
    ("all dropped", hyper(lora_dropout=1.0), BAD, ["hyperparameters.lora_dropout is 1.0", "less than 1"]),
    ("a template that throws", model(template("{{ raise_exception('only in verse') }}")), BAD, ["Row 1", "chat template refuses", "only in verse"]),
    ("a template that is none", model(template("{% for %}")), BAD, ["Row 1", "chat template does not read"]),
    ("a template that answers otherwise than asked", model(template("{{ messages | length }}{{ messages[-1].content }}")), BAD, ["Row 1", "no template for chats", "another chat_template"]),
]  # fmt: skip


class BadInput(unittest.TestCase):
    def test_a_sentence_and_a_code_and_nothing_written(self):
        from ..__main__ import main

        for name, break_it, code, words in TABLE:
            with self.subTest(name), tempfile.TemporaryDirectory() as directory:
                work = Path(directory)
                break_it(work)
                # Of files that earlier runs leave to the end of their process, unittest warns on standard error.
                quiet = warnings.catch_warnings(action="ignore", category=ResourceWarning)
                with quiet, contextlib.redirect_stderr(io.StringIO()) as told, contextlib.redirect_stdout(io.StringIO()):
                    ended = main(["run", str(work / "run.json")])
                self.assertEqual(ended, code, told.getvalue())
                sentence = told.getvalue().strip().splitlines()[-1]
                for word in words:
                    self.assertIn(word, sentence)
                self.assertFalse((work / "output").exists(), "a model was written")
                self.assertEqual(list(work.rglob("checkpoint-*")), [])
