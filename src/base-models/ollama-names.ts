/**
 * Which repository of the Hugging Face hub has the weights that Ollama gives out, quantized, under a name. `latest` is what
 * Ollama's library calls so. Source: the library's pages and the repositories' cards.
 */
const REPOSITORIES: Record<string, string> = {
  'llama3.2:latest': 'meta-llama/Llama-3.2-3B-Instruct',
  'llama3.2:1b': 'meta-llama/Llama-3.2-1B-Instruct',
  'llama3.2:3b': 'meta-llama/Llama-3.2-3B-Instruct',
  'llama3.1:latest': 'meta-llama/Llama-3.1-8B-Instruct',
  'llama3.1:8b': 'meta-llama/Llama-3.1-8B-Instruct',
  'llama3.1:70b': 'meta-llama/Llama-3.1-70B-Instruct',
  'llama3.3:latest': 'meta-llama/Llama-3.3-70B-Instruct',
  'llama3.3:70b': 'meta-llama/Llama-3.3-70B-Instruct',
  'qwen2.5:latest': 'Qwen/Qwen2.5-7B-Instruct',
  'qwen2.5:0.5b': 'Qwen/Qwen2.5-0.5B-Instruct',
  'qwen2.5:1.5b': 'Qwen/Qwen2.5-1.5B-Instruct',
  'qwen2.5:3b': 'Qwen/Qwen2.5-3B-Instruct',
  'qwen2.5:7b': 'Qwen/Qwen2.5-7B-Instruct',
  'qwen2.5:14b': 'Qwen/Qwen2.5-14B-Instruct',
  'qwen2.5:32b': 'Qwen/Qwen2.5-32B-Instruct',
  'qwen2.5-coder:latest': 'Qwen/Qwen2.5-Coder-7B-Instruct',
  'qwen2.5-coder:1.5b': 'Qwen/Qwen2.5-Coder-1.5B-Instruct',
  'qwen2.5-coder:7b': 'Qwen/Qwen2.5-Coder-7B-Instruct',
  'mistral:latest': 'mistralai/Mistral-7B-Instruct-v0.3',
  'mistral:7b': 'mistralai/Mistral-7B-Instruct-v0.3',
  'gemma2:latest': 'google/gemma-2-9b-it',
  'gemma2:2b': 'google/gemma-2-2b-it',
  'gemma2:9b': 'google/gemma-2-9b-it',
  'phi3:latest': 'microsoft/Phi-3-mini-4k-instruct',
  'phi3:mini': 'microsoft/Phi-3-mini-4k-instruct',
  'phi4:latest': 'microsoft/phi-4',
  'phi4:14b': 'microsoft/phi-4',
  'smollm2:latest': 'HuggingFaceTB/SmolLM2-1.7B-Instruct',
  'smollm2:135m': 'HuggingFaceTB/SmolLM2-135M-Instruct',
  'smollm2:360m': 'HuggingFaceTB/SmolLM2-360M-Instruct',
  'smollm2:1.7b': 'HuggingFaceTB/SmolLM2-1.7B-Instruct',
  'tinyllama:latest': 'TinyLlama/TinyLlama-1.1B-Chat-v1.0',
  'tinyllama:1.1b': 'TinyLlama/TinyLlama-1.1B-Chat-v1.0',
};

/** The repository of what Ollama calls so; null when it is not known. */
export function repositoryOf(name: string): string | null {
  return Object.hasOwn(REPOSITORIES, name) ? (REPOSITORIES[name] ?? null) : null;
}
