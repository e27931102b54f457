"""Whether a model says each token from those before it, which is what is trained here."""

from contextlib import contextmanager

from ..platform.failures import BadInput, is_of_the_machine

_TOKENS = 8


def require_looks_back(model) -> None:
    """Raises BadInput for a model that does not compute, or whose tokens look at those behind them, as an encoder's do: it would learn to
    copy the answer that it sees, with a loss that falls to nothing, and could not say any.

    By gradients, which are nothing at all where nothing is looked at, however the numbers are rounded.
    """
    import torch

    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    was_training = model.training
    read: list[torch.Tensor] = []

    def watched(layer, arguments, embedded):
        read.append(embedded.detach().requires_grad_())
        return read[-1].clone()  # Some change it in place.

    model.eval()
    hook = inner.get_input_embeddings().register_forward_hook(watched)
    try:
        with torch.random.fork_rng(), refused_if_it_fails(model):
            ids = torch.arange(_TOKENS, device=inner.device).unsqueeze(0)
            said = model(input_ids=ids, use_cache=False).logits[0, : _TOKENS // 2]
            looked_at = torch.autograd.grad(said.float().sum(), read, allow_unused=True)
    finally:
        hook.remove()
        model.train(was_training)
    if any(each is not None and each[0, _TOKENS // 2 :].any() for each in looked_at):
        raise BadInput(
            f"The base model ({class_name(model)}) looks at the tokens behind each one, as encoders do, so it would learn to copy the answers that it sees. "
            "Take one that writes text from left to right, of a class such as LlamaForCausalLM."
        )


@contextmanager
def refused_if_it_fails(model, alone: bool = True):
    """BadInput where a model's own code, given tokens alone, fails by what it is, and not by what the machine lacks. `alone`: whether no other
    process takes part, whose end would be an error like any other."""
    import torch

    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, AssertionError, RuntimeError) as error:
        is_of_others = isinstance(error, RuntimeError) and not alone
        if is_of_others or is_of_the_machine(error) or isinstance(error, torch.AcceleratorError):
            raise
        told = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        raise BadInput(f"The base model ({class_name(model)}) cannot be trained on texts alone: its code in transformers fails with {told}. Take a model of another architecture.") from error


def class_name(model) -> str:
    return type(model.get_base_model() if hasattr(model, "get_base_model") else model).__name__
