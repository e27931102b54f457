"""The loss of the answers, in training and in comparing: with logits for them alone, and of so many positions at a time.

Of prompts and padding nothing is learnt, and a vocabulary is wide: for each row of 32,768 tokens and a vocabulary of 128,256 all
logits would be 17 GB, several times over. `torch.nn.functional.linear_cross_entropy` knows a layer of weights and nothing else,
where models divide their logits, or bend them (Gemma, Granite, Cohere): here it is always the model's own code that makes them.
"""

from contextlib import contextmanager

from ..tokens.encoding import IGNORED

# How many logits there are at a time, of 4 bytes each, and about three times over. On a GPU more, since it has to be kept busy.
MOST_LOGITS_ON_CPU = 2**24
MOST_LOGITS_ON_GPU = 2**26

NOT_IN_PIECES = (
    "it is left to the model's own code, which makes the logits of all tokens of a batch at once: rows times tokens times vocabulary times 4 bytes, several times "
    "over. Where that is too much, lower batch_size (and raise gradient_accumulation) or max_length."
)


def most_logits(on_gpu: bool, lean: bool = False) -> int:
    return MOST_LOGITS_ON_GPU if on_gpu else MOST_LOGITS_ON_CPU * (2 if lean else 1)


class AnswerLoss:
    """The cross entropy of the tokens of a model that have a label. Value and gradients are those of the loss of transformers,
    but for the rounding of sums.

    `most_logits` are made at once; None: those of all answers of a batch, of the models of which that was done before there were pieces.
    `lean`: in training, the gradients of logits are made with the losses (lean_loss.py), which takes half of the memory for each.
    """

    def __init__(self, model, most_logits: int | None, lean: bool = False):
        # Without what peft, accelerate, torch.compile or several processes put around it.
        self._causal = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._head = self._causal.get_output_embeddings()
        self._most_positions = None if most_logits is None else max(1, most_logits // self._causal.config.get_text_config().vocab_size)
        self._decoder = None
        self._was_tried = False
        self._is_lean = lean
        routed = getattr(self._causal.config.get_text_config(), "output_router_logits", False)
        # How much the loss weighs that the experts of a mixture are asked unevenly.
        self._router_weight = getattr(self._causal, "router_aux_loss_coef", None) if routed else 0.0

    @property
    def is_whole(self) -> bool:
        """Whether nothing else is learnt by the model. (If not, its loss is to be left to itself.)"""
        from transformers.loss.loss_utils import LOSS_MAPPING, ForCausalLMLoss

        if self._most_positions is None:
            return self._causal.loss_type == "ForCausalLM" and not getattr(self._causal.config, "output_router_logits", False)
        is_known = LOSS_MAPPING.get(self._causal.loss_type or "ForCausalLM") is ForCausalLMLoss
        return is_known and self._head is not None and self._router_weight is not None and not self._causal.config.is_encoder_decoder

    @property
    def is_of_each_token(self) -> bool:
        """Whether it is a sum over tokens, whatever else is read with them."""
        return self.is_whole and not self._router_weight

    def learnt(self, model, inputs: dict, tokens):
        """Of a batch, to be learnt: the sum, divided by `tokens`, of which there may be more in the batch's step. `model` is the
        one of before with what is around it."""
        total, outputs = self._total(model, inputs, self._learnt_in_pieces, "sum", keeps_mask=bool(self._router_weight))
        loss = total / tokens
        return loss + self._router_weight * outputs.aux_loss.to(loss.device) if self._router_weight else loss

    def weighed(self, model, inputs: dict, weigh):
        """Of a batch, to be learnt: what `weigh` makes of the sums of its rows, and of how many tokens each is of.

        In pieces they are made twice: what is learnt of a row depends on the sums of all, and no piece is kept until they are known."""
        import torch

        counts = (_targets(inputs["labels"]) != IGNORED).sum(dim=1)
        in_rows = counts.tolist()

        def of_rows(losses):
            return weigh(torch.stack([row.sum() for row in losses.split(in_rows)]), counts)

        def in_pieces(of_piece, hidden, *rest):
            with torch.no_grad():
                losses = self._told_in_pieces(of_piece, hidden, *rest)
            value = of_rows(losses.requires_grad_())
            [weights] = torch.autograd.grad(value, losses)
            total = self._learnt_in_pieces(lambda *piece: (of_piece(*piece[:-1]) * piece[-1]).sum(), hidden, *rest, weights)
            return total + (value - total).detach()

        total, _ = self._total(model, inputs, in_pieces, "none")
        return of_rows(total) if total.dim() else total

    def of_rows(self, inputs: dict) -> list[tuple[float, int]]:
        """Of each row of a batch, to be reported: the sum, and how many tokens it is of."""
        import torch

        # Not inference_mode: what a sharded model gathers within that, it cannot be trained with afterwards.
        with torch.no_grad():
            losses = self._total(self._causal, inputs, self._told_in_pieces, "none")[0].double()
        counts = (_targets(inputs["labels"]) != IGNORED).sum(dim=1).tolist()
        return [(row.sum().item(), count) for row, count in zip(losses.split(counts), counts)]

    def _total(self, model, inputs: dict, in_pieces, reduction: str, keeps_mask: bool = False):
        """The cross entropy of a batch, by `in_pieces` where its logits are too many, and what else the model gave."""
        import torch

        inputs = dict(inputs)
        if not keeps_mask:
            # Padding is on the right, where no token that counts looks. Without a mask for it attention is computed by the kernels that
            # know causal attention alone: they are faster, and on a GPU the ones whose gradients are the same every time.
            inputs.pop("attention_mask", None)
        targets = _targets(inputs.pop("labels"))
        learnt = targets != IGNORED
        labels = targets[learnt]
        if self._most_positions is None or len(labels) <= self._most_positions or not self.goes_in_pieces():
            with _only(self._head, learnt):
                outputs = model(**inputs)
            return self._cross_entropy(outputs.logits, labels, reduction), outputs

        with _only(self._head, torch.zeros_like(learnt)), _heard(self._decoder) as heard:
            outputs = model(**inputs)
        [decoded] = heard

        def of_piece(hidden, ids, labels):
            return self._cross_entropy(self._logits(self._decoder, decoded, hidden, ids), labels, reduction)

        return in_pieces(of_piece, decoded[0][learnt], inputs["input_ids"][learnt], labels), outputs

    def _cross_entropy(self, logits, labels, reduction: str):
        import torch

        if self._is_lean and logits.requires_grad:
            from .lean_loss import losses_of_tokens

            losses = losses_of_tokens(logits.squeeze(0), labels)
            return losses.sum() if reduction == "sum" else losses
        return torch.nn.functional.cross_entropy(logits.squeeze(0).float(), labels, reduction=reduction)

    def _learnt_in_pieces(self, of_piece, hidden, *rest):
        from .in_pieces import sum_in_pieces

        inside = {id(parameter) for parameter in self._decoder.parameters()} - {id(parameter) for parameter in self._head.parameters()}
        behind = [parameter for parameter in self._causal.parameters() if parameter.requires_grad and id(parameter) not in inside]
        return sum_in_pieces(of_piece, behind, hidden, *rest, at_once=self._most_positions)

    def _told_in_pieces(self, of_piece, *parts):
        import torch

        return torch.cat([of_piece(*piece) for piece in zip(*(part.split(self._most_positions) for part in parts))])

    def _logits(self, decoder, decoded, hidden, ids):
        """The model's own logits of these positions, from what its decoder made of all of them."""
        with _in_place_of(decoder, _with_first(decoded, hidden.unsqueeze(0))):
            return self._causal(input_ids=ids.unsqueeze(0), use_cache=False).logits

    def goes_in_pieces(self) -> bool:
        """Whether the model's logits are made from what its decoder gives, position by position: tried once, on three tokens."""
        if not self._was_tried:
            self._was_tried = True
            self._decoder = self._found_decoder()
        return self._decoder is not None

    def _found_decoder(self):
        import torch

        causal, was_training = self._causal, self._causal.training
        causal.eval()
        try:
            with torch.no_grad():
                ids = torch.arange(3, device=causal.device).unsqueeze(0)
                for decoder in (causal.base_model, causal.get_decoder()):
                    with _heard(decoder) as heard:
                        expected = causal(input_ids=ids, use_cache=False).logits
                    if len(heard) != 1 or decoder is causal:
                        continue
                    found = [self._logits(decoder, heard[0], heard[0][0][:, place], ids[:, place]) for place in range(3)]
                    if torch.allclose(torch.cat(found, dim=1), expected, rtol=0.02, atol=0.02 * expected.abs().max().item()):
                        return decoder
        finally:
            causal.train(was_training)
        return None


def _targets(labels):
    """Each position says the next token; the last one has none."""
    import torch

    return torch.nn.functional.pad(labels[:, 1:], (0, 1), value=IGNORED)


def _with_first(outputs, first):
    """What a decoder gave, with another tensor in place of the first."""
    if isinstance(outputs, tuple):
        return (first, *outputs[1:])
    name = next(iter(outputs))
    return type(outputs)(**{**outputs, name: first})


@contextmanager
def _only(head, positions):
    """The layer that makes logits gets these positions and no others."""
    narrow = head.register_forward_pre_hook(lambda _, arguments: (arguments[0][positions].unsqueeze(0), *arguments[1:]))
    try:
        yield
    finally:
        narrow.remove()


@contextmanager
def _heard(module):
    """What the module gives meanwhile."""
    heard: list = []
    hook = module.register_forward_hook(lambda _, arguments, outputs: heard.append(outputs))
    try:
        yield heard
    finally:
        hook.remove()


@contextmanager
def _in_place_of(module, outputs):
    """The module computes nothing meanwhile, and gives this."""
    before = module.__dict__.get("forward")
    module.forward = lambda *_, **__: outputs
    try:
        yield
    finally:
        if before is None:
            del module.forward
        else:
            module.forward = before
