#!/usr/bin/env bash
# @huggingface/ollama-utils 0.0.18: convertGGUFTemplateToOllama, which gives a Go template and stops for the chat template of a GGUF.
#
# Guess: for a chat template that the package itself lists, beside the Go template of the model that it is from, it gives that one.
# Behaviour: it takes the first of its list whose first 128 characters are the same, and templates begin alike. Llama 3 gets the
# template of Dolphin, which is ChatML: tokens that Llama 3 has not, and stops that it never writes. Llama 2 gets that of DBRX, Mixtral
# that of Granite.
#
# Output seen:
#   library/llama2:7b gets that of library/dbrx:132b: <|im_start|>, and its own has [INST]
#   library/llama3:8b gets that of library/dolphin-llama3:8b: <|im_start|>, and its own has <|start_header_id|>
#   library/mixtral:8x7b gets that of library/granite3.1-moe:1b: <|start_of_role|>, and its own has [INST]
#   of 97 listed templates, 24 get another Go template than their own
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @huggingface/ollama-utils@0.0.18
cat > look.mjs <<'JS'
import assert from "node:assert";
import { readFileSync } from "node:fs";
import { convertGGUFTemplateToOllama } from "@huggingface/ollama-utils";

// Its own list, which it does not export.
const source = readFileSync("node_modules/@huggingface/ollama-utils/src/chat-template-automap.ts", "utf8");
const list = eval(source.slice(source.indexOf("= [") + 2).replace(/;\s*$/, ""));
const given = (gguf) => convertGGUFTemplateToOllama({ chat_template: gguf, bos_token: "<s>", eos_token: "</s>" });
const mark = (template) => template.match(/<\|[a-z_]+\|>|\[INST\]/)[0];
for (const { model, gguf, ollama } of list.filter(({ model }) => /llama3:8b$|llama2:7b$|mixtral:8x7b$/.test(model) && !/dolphin|hermes/.test(model))) {
	const other = given(gguf);
	console.log(`${model} gets that of ${other.model}: ${mark(other.ollama.template)}, and its own has ${mark(ollama.template)}`);
	assert.notEqual(mark(other.ollama.template), mark(ollama.template));
}
const others = list.filter(({ gguf, ollama }) => given(gguf).ollama.template !== ollama.template);
console.log(`of ${list.length} listed templates, ${others.length} get another Go template than their own`);
assert(others.length > 0);
JS
node look.mjs
