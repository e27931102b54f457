"""by_llama.py FOLDER ANSWERS: what each GGUF file in a folder answers, greedily, to the prompts of what by_transformers.py wrote, as JSON. By llama.cpp."""

import json
import sys
from pathlib import Path

import xllamacpp

asked = json.loads(Path(sys.argv[2]).read_text())["answers"]
answers = {}
for file in sorted(Path(sys.argv[1]).glob("*.gguf")):
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(file)
    parameters.n_ctx = 512
    parameters.warmup = False
    parameters.cpuparams.n_threads = 2
    parameters.n_parallel = 1
    server = xllamacpp.Server(parameters)
    answers[file.stem] = []
    for prompt in (each["prompt"] for each in asked[file.stem]):
        said = server.handle_completions({"prompt": prompt, "n_predict": 16, "temperature": 0, "top_k": 1, "cache_prompt": False})
        answers[file.stem].append({"prompt": prompt, "answer": said["choices"][0]["text"]})
    del server
print(json.dumps({"by": f"xllamacpp {xllamacpp.__version__}", "answers": answers}))
