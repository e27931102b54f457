"""Answers many at once: whoever asks joins those who are answered, and each of them hears every token as it is chosen."""

from collections import deque
from collections.abc import Callable
from contextlib import contextmanager

from ..evaluation.generation import token_bytes
from ..platform.failures import BadInput, first_line, lacks_memory
from ..platform.memory import available_bytes, free
from .answer import Answer, Request
from .asked import Asked, CannotAsk, asked_by_chat, asked_by_text, asked_by_tokens
from .batch import TOKENS_OF_A_BLOCK, Batch
from .echoed import Echoed
from .held_calls import held_calls
from .sampling import Choice, Sampling
from .served_model import LEFT_FREE_BYTES, ServedModel

# Rows of one forward pass. Others wait in their order.
MOST_ROWS = 16
# Where several adapters are asked, each has so many tokens before it is the next one's turn: to change takes as long as some tokens.
_TOKENS_OF_A_TURN = 8
# As the model gives them, and in 32 bits twice, while they are made probabilities.
_BYTES_OF_A_LOGIT = 12


class Engine:
    """`tell` gets each line of an answer (serve.py says which there are)."""

    def __init__(self, served: ServedModel, tell: Callable[[dict], None]):
        self._served = served
        self._tell = tell
        self._waiting: deque[Request] = deque()
        # By adapter, in the order of their turns.
        self._batches: dict[str | None, tuple[Batch, list[Answer]]] = {}

    @property
    def has_work(self) -> bool:
        return bool(self._waiting or self._batches)

    def ask(self, line: dict) -> None:
        """Takes a request, or tells at once why not."""
        try:
            request = self._request(line)
        except BadInput as error:
            self._refuse(line["id"], error)
            return
        except Exception as error:  # noqa: BLE001: a template or a schema that breaks what reads it is no reason to end the answers of others.
            self._tell({"id": line["id"], "error": f"The model could not be asked this ({type(error).__name__}: {first_line(error)}).", "field": None, "code": "server_error"})
            return
        self._tell({"id": request.id, "prompt": request.asked.text, "prompt_tokens": len(request.asked.tokens)})
        if line.get("renders_only"):
            self._tell({"id": request.id, "done": True, "completion_tokens": 0})
        else:
            self._waiting.append(request)

    def leave(self, id_: str) -> None:
        """Nobody waits for this request any more: its answers end where they are."""
        for request in [*self._waiting, *(answer.request for _, answers in self._batches.values() for answer in answers)]:
            request.is_left = request.is_left or request.id == id_
        self._waiting = deque(request for request in self._waiting if not request.is_left)
        for adapter, (batch, answers) in list(self._batches.items()):
            self._keep(adapter, [place for place, answer in enumerate(answers) if not answer.request.is_left])

    def turn(self) -> None:
        """Lets those join who wait and have room, then makes the answers of one adapter some tokens longer."""
        import torch

        with torch.inference_mode():
            while self._waiting and self._has_room(self._waiting[0]):
                self._begin(self._waiting.popleft())
            if not self._batches:
                return
            adapter = next(iter(self._batches))
            if self._waiting or len(self._batches) > 1:
                self._batches[adapter] = self._batches.pop(adapter)
            with self._lacking_memory(lambda: [answer.request for answer in self._batches[adapter][1]]):
                self._served.use(adapter)
                for _ in range(_TOKENS_OF_A_TURN if len(self._batches) > 1 else 1):
                    if adapter not in self._batches:
                        break
                    batch, answers = self._batches[adapter]
                    logits = batch.step([answer.last for answer in answers])
                    self._choose(adapter, logits, answers)

    def _request(self, line: dict) -> Request:
        served = self._served
        tools = line.get("tools") or None
        is_continued = line.get("messages") is None
        asked = self._continued(line["prompt"]) if is_continued else asked_by_chat(served.template, line["messages"], tools)
        room = served.context - len(asked.tokens)
        if room < min(1, line["max_tokens"]):
            raise CannotAsk(f"The model reads at most {served.context} tokens at once, and these are {len(asked.tokens)}. Send less.", code="context_length_exceeded")
        bias = {int(token): value for token, value in (line.get("logit_bias") or {}).items()}
        size = len(served.tokenizer)
        if unknown := [token for token in bias if not 0 <= token < size]:
            raise CannotAsk(f"logit_bias names the token {unknown[0]}, and the model's tokens are 0 to {size - 1}.", "logit_bias")
        sampling = Sampling(
            line["temperature"], line["top_p"], line.get("frequency_penalty") or 0.0, line.get("presence_penalty") or 0.0, bias, line.get("seed"), line.get("top_logprobs")
        )
        marks = served.call_marks if tools else None
        if tools and marks is None:
            raise CannotAsk("tools cannot be used with this model: its chat template writes calls in a form that is not read here. Leave tools out, or ask another model.", "tools")
        form = served.forms.of(line["schema"]) if line.get("schema") else None
        held = held_calls(served.forms, marks, line["held_calls"]["tools"], line["held_calls"]["must"]) if line.get("held_calls") else None
        return Request(
            id=line["id"],
            adapter=line.get("adapter"),
            asked=asked,
            copies=min(line.get("n") or 1, MOST_ROWS),
            most_tokens=int(min(line["max_tokens"], room)),
            sampling=sampling,
            stops=line.get("stop") or [],
            is_continued=is_continued,
            marks=marks,
            tools=tools or [],
            form=form,
            held=held,
            echoes=bool(line.get("echo")),
        )

    def _continued(self, prompt: str | list[int]) -> Asked:
        tokenizer = self._served.tokenizer
        return asked_by_text(tokenizer, prompt) if isinstance(prompt, str) else asked_by_tokens(tokenizer, prompt)

    def _has_room(self, request: Request) -> bool:
        """Among the rows, and in memory: it waits as long as others are answered, whose memory becomes free."""
        if not self._batches:
            return True
        if not self._served.takes_several and request.adapter in self._batches:
            return False
        rows = sum(len(answers) for _, answers in self._batches.values())
        return rows + request.copies <= MOST_ROWS and self._fits(request)

    def _fits(self, request: Request) -> bool:
        if self._served.model.device.type != "cpu":
            return True
        needed = request.copies * (len(request.asked.tokens) + request.most_tokens) * token_bytes(self._served.model)
        if request.scores_prompt:
            tokens = TOKENS_OF_A_BLOCK if self._served.takes_several else len(request.asked.tokens)
            needed += tokens * len(self._served.tokenizer) * _BYTES_OF_A_LOGIT
        return needed + LEFT_FREE_BYTES <= available_bytes()

    def _begin(self, request: Request) -> None:
        if not self._fits(request):
            self._tell({"id": request.id, "error": "The machine has too little memory free for this answer beside what runs. Ask for fewer tokens, or again later.", "field": None, "code": "no_memory"})
            return
        try:
            with self._lacking_memory(lambda: [request]):
                self._served.use(request.adapter)
                batch, answers = self._batches.get(request.adapter) or (Batch(self._served.model, self._served.takes_several), [])
                echoed = Echoed(request) if request.scores_prompt else None
                rows, logits = batch.read(request.asked.tokens, echoed.look if echoed else None)
                new = [Answer(request, index, self._served.tokenizer) for index in range(request.copies)]
                if request.echoes:
                    self._echo(request, echoed)
                if request.most_tokens == 0:
                    for answer in new:
                        self._end(answer, "length")
                    return
                batch.join(rows, request.copies)
                answers.extend(new)
                self._batches[request.adapter] = (batch, answers)
                self._choose(request.adapter, logits.expand(len(new), -1), new)
        except BadInput as error:
            self._refuse(request.id, error)

    def _echo(self, request: Request, echoed: Echoed | None) -> None:
        scores = {"prompt_logprobs": [self._told(choice) for choice in echoed.choices]} if echoed else {}
        for index in range(request.copies):
            self._tell({"id": request.id, "index": index, "text": request.asked.text, **scores})

    def _choose(self, adapter: str | None, logits, chosen_for: list[Answer]) -> None:
        """The next token of each of these answers, which are the last ones of their batch or all."""
        is_plain = all(answer.request.sampling.is_plain and not answer.sampler.form for answer in chosen_for)
        tokens = logits.argmax(-1).tolist() if is_plain else []
        ended = set()
        for place, answer in enumerate(chosen_for):
            choice = Choice(tokens[place]) if is_plain else answer.sampler.choose(logits[place])
            if self._add(answer, choice):
                ended.add(id(answer))
        if ended:
            _, answers = self._batches[adapter]
            self._keep(adapter, [place for place, answer in enumerate(answers) if id(answer) not in ended])

    def _add(self, answer: Answer, choice: Choice) -> bool:
        """Whether the answer has ended with it."""
        request = answer.request
        if choice.token in self._served.ends:
            self._end(answer, "stop")
            return True
        line = {"id": request.id, "index": answer.index, "text": answer.add(choice.token)}
        if choice.logprob is not None:
            line["logprobs"] = self._told(choice)
        if line["text"] or choice.logprob is not None:
            self._tell(line)
        if answer.is_stopped or answer.count >= request.most_tokens:
            self._end(answer, "stop" if answer.is_stopped else "length")
            return True
        return False

    def _told(self, choice: Choice) -> dict:
        word = self._served.tokenizer.decode
        return {"token": word([choice.token]), "logprob": choice.logprob, "top": [{"token": word([token]), "logprob": value} for token, value in choice.top]}

    def _end(self, answer: Answer, why: str) -> None:
        request = answer.request
        text, calls = answer.rest()
        self._tell({"id": request.id, "index": answer.index, "text": text, "finish": "tool_calls" if calls else why, "calls": calls})
        request.ended.append(answer.count)
        if len(request.ended) == request.copies:
            self._tell({"id": request.id, "done": True, "completion_tokens": sum(request.ended)})

    def _keep(self, adapter: str | None, places: list[int]) -> None:
        batch, answers = self._batches[adapter]
        batch.keep(places)
        if places:
            self._batches[adapter] = (batch, [answers[place] for place in places])
        else:
            del self._batches[adapter]

    @contextmanager
    def _lacking_memory(self, requests: Callable[[], list[Request]]):
        """Of a device: those who are answered together hear of it, and those of other adapters go on."""
        try:
            yield
            return
        except RuntimeError as error:
            if not lacks_memory(error):
                raise
            lost = {request.id for request in requests()}
        for adapter, (_, answers) in list(self._batches.items()):
            if any(answer.request.id in lost for answer in answers):
                lost |= {answer.request.id for answer in answers}
                del self._batches[adapter]
        free()
        for id_ in sorted(lost):
            self._tell({"id": id_, "error": "The device has too little memory for this answer beside others. Ask for fewer tokens, or again later.", "field": None, "code": "no_memory"})

    def _refuse(self, id_: str, error: BadInput) -> None:
        field, code = (error.field, error.code_for_clients) if isinstance(error, CannotAsk) else (None, None)
        self._tell({"id": id_, "error": str(error), "field": field, "code": code})
