"""The language model within a model that reads images, sounds or videos as well: it alone is trained."""


def language_prefix(model) -> str:
    """What the names of its layers begin with, its point at the end; "" where the whole model is one."""
    if model.config.get_text_config() is model.config:
        return ""
    decoder = model.get_decoder()
    name = next(name for name, layer in model.named_modules() if layer is decoder)
    return f"{name}." if name else ""


def train_language_alone(model) -> None:
    """Whatever is beside the language model and its output keeps its weights: from texts it would get no gradient."""
    prefix = language_prefix(model)
    if not prefix:
        return
    output = model.get_output_embeddings()
    trained = {id(parameter) for parameter in output.parameters()} if output is not None else set()
    for name, parameter in model.named_parameters():
        if not name.startswith(prefix) and id(parameter) not in trained:
            parameter.requires_grad_(False)
