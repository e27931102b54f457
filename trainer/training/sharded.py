"""One model over several processes (FSDP2): each has a part of every matrix, of its gradient and of the optimizer's state, and gathers the
weights of a layer while it computes with them.

What one process does with the model, all do: steps, evaluations, saves. Before the first step, and for the export, rank 0 has the whole model
in the memory of its host. A checkpoint has the weights in one file, as any other has, so that forks and exports read it; of the optimizer's
state each process writes its part.
"""

from pathlib import Path

from ..datasets.rows import read_conversations
from ..platform.failures import BadInput
from ..runs.run_file import RunFile
from .model_to_train import load_base, ready_to_train
from .ways import Ways

OPTIMIZER, SCHEDULER = "optimizer", "scheduler.pt"  # Of a checkpoint: a folder with a file of each process, and a file.


def shard(model, in_bf16: bool) -> None:
    """Leaves of each layer, and of what is beside the layers, this process's part, on its device. `in_bf16`: what is gathered is in bf16, and
    gradients are added up in float32; all else is as the weights are. Raises BadInput for a model that does not say what its layers are."""
    import torch
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    names = base._no_split_modules or ()
    layers = [module for module in model.modules() if type(module).__name__ in names]
    if not layers:
        raise BadInput(f"hyperparameters.sharding is 'full', and the base model ({type(base).__name__}) does not say which its layers are (_no_split_modules). Set it to none, or take another model.")
    mesh = init_device_mesh("cuda" if torch.cuda.is_available() else "cpu", (torch.distributed.get_world_size(),))
    # Under autocast alone, a copy in bf16 of every layer's weights would stay to the backward pass.
    precision = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32) if in_bf16 else MixedPrecisionPolicy()
    for module in [*layers, base]:
        # Of itself it leaves what is beside the layers whole behind a forward pass, also behind one without a backward pass, where the optimizer and a save would find it so.
        fully_shard(module, mesh=mesh, mp_policy=precision, reshard_after_forward=True)
    # By its first forward pass it finds out which weights are trained: not by an evaluation without adapters, for which none are.
    with torch.no_grad(), torch.random.fork_rng():
        model(input_ids=torch.zeros((1, 1), dtype=torch.long, device=base.device))


def with_sharding(kind: type) -> type:
    """A Trainer that shards its model when training begins. (accelerate does so on GPUs alone, and trains whole copies on the CPU without a word.)"""

    class WithSharding(kind):
        def _move_model_to_device(self, model, device):
            """It stays on the host until it is sharded: as a whole, it need not fit a GPU."""

        def _prepare_for_training(self, *arguments):
            shard(self.model, self.args.bf16)
            # By that the Trainer knows that nothing need be put around the model.
            self.is_distributed_loading_by_transformers = True
            return super()._prepare_for_training(*arguments)

        def _get_grad_norm(self, model, grad_norm=None):
            return super()._get_grad_norm(model, grad_norm).full_tensor().item()

        def save_model(self, output_dir=None, _internal_call=False):
            from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

            # All help to gather them, and rank 0 alone gets them.
            gathered = StateDictOptions(full_state_dict=True, cpu_offload=True, ignore_frozen_params=hasattr(self.model, "peft_config"))
            weights = get_model_state_dict(self.model, options=gathered)
            if self.args.should_save:
                # Gathered, tied weights are two tensors.
                tied = getattr(self.model, "all_tied_weights_keys", None) or {}
                self._save(output_dir, {name: tensor for name, tensor in weights.items() if name not in tied})

        def _save_optimizer_and_scheduler(self, output_dir):
            import torch
            from torch.distributed import checkpoint

            checkpoint.save(self._optimizer_state(), checkpoint_id=Path(output_dir) / OPTIMIZER)
            if self.args.should_save:
                torch.save(self.lr_scheduler.state_dict(), Path(output_dir) / SCHEDULER)

        def _load_optimizer_and_scheduler(self, saved):
            import torch
            from torch.distributed import checkpoint
            from torch.distributed.checkpoint.state_dict import set_optimizer_state_dict

            if saved is None:
                return
            state = self._optimizer_state()
            checkpoint.load(state, checkpoint_id=Path(saved) / OPTIMIZER)
            set_optimizer_state_dict(self.model, self.optimizer.optimizer, state)
            self.lr_scheduler.load_state_dict(torch.load(Path(saved) / SCHEDULER, weights_only=True))

        def _optimizer_state(self) -> dict:
            """By the names of the weights, so that any number of processes can go on with it."""
            from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict

            return get_optimizer_state_dict(self.model, self.optimizer.optimizer)

    return WithSharding


def whole_model(run: RunFile, ways: Ways, checkpoint: Path):
    """With the weights of a checkpoint, in the memory of the host."""
    from ..runs.whole_checkpoints import ADAPTERS, load_adapters, load_weights

    model = ready_to_train(load_base(run, ways, None, "cpu"), run, ways)
    if run.has_adapter:
        load_adapters(model, checkpoint / ADAPTERS)
    else:
        load_weights(model, checkpoint)
    return model


def held_out_by_all(run: RunFile, tokenizer, total_steps: int):
    """What the other processes compute the losses of when rank 0 asks them (ranks.py)."""
    from ..evaluation.evaluation import HeldOut

    rows = read_conversations(run.held_out) if run.held_out else []
    return HeldOut(run, rows, tokenizer, total_steps, by_all=True)
