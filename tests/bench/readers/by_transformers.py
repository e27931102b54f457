"""by_transformers.py FOLDER QUESTION ...: what each model in a folder answers, greedily, in fp32, as JSON. By whichever version of transformers is installed."""

import json
import sys
from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText, AutoTokenizer

transformers.logging.set_verbosity_error()
answers = {}
for model_folder in sorted(Path(sys.argv[1]).iterdir()):
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    kind = AutoModelForImageTextToText if hasattr(AutoConfig.from_pretrained(model_folder), "vision_config") else AutoModelForCausalLM
    model = kind.from_pretrained(model_folder, dtype=torch.float32).eval()
    answers[model_folder.name] = []
    for question in sys.argv[2:]:
        text = tokenizer.apply_chat_template([{"role": "user", "content": question}], tokenize=False, add_generation_prompt=True)
        ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
        output = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=16, do_sample=False)
        answers[model_folder.name].append({"prompt": ids[0].tolist(), "answer": tokenizer.decode(output[0, ids.shape[1] :], skip_special_tokens=True)})
print(json.dumps({"by": f"transformers {transformers.__version__}", "answers": answers}))
