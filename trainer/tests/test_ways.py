from ..platform.failures import BadInput
from ..runs.run_file import read_run_file
from ..training.ways import ROUNDED, optimizer_of, weights_in
from .support import HYPERPARAMETERS, Trainings, model_path, train_here, write_run_file

GB = 10**9


class Weights(Trainings):
    """In what all weights are trained, and that nothing of what they learn is lost to rounding."""

    def run_of(self, training_type: str, weights: str | None = None):
        return read_run_file(write_run_file(self.work, training_type=training_type, hyperparameters={**HYPERPARAMETERS, "weights": weights}))

    def test_bf16_where_it_is_chosen_or_a_gpu_has_no_room_for_more(self):
        from ..base_models.models import load_model, parameters_of

        self.assertEqual(weights_in(model_path()), parameters_of(load_model(model_path()))[1])
        needed = 16 * weights_in(model_path())
        for training_type, weights, gpu_bytes, optimizer in (
            ("standard", None, None, "adamw_torch_fused"),
            ("standard", None, 80 * GB, "adamw_torch_fused"),
            ("standard", None, needed, ROUNDED),
            ("standard", "fp32", needed, "adamw_torch_fused"),
            ("standard", "bf16", 80 * GB, ROUNDED),
            ("standard", "bf16", None, ROUNDED),
            ("lora", None, needed, "adamw_torch_fused"),
            ("qlora", None, None, "adamw_torch_fused"),
            ("qlora", None, 80 * GB, "paged_adamw_8bit"),
        ):
            with self.subTest(training_type, weights=weights, gpu_bytes=gpu_bytes):
                self.assertEqual(optimizer_of(self.run_of(training_type, weights), gpu_bytes), optimizer)

    def test_it_is_refused_where_it_means_nothing(self):
        with self.assertRaisesRegex(BadInput, "hyperparameters.weights is 'bf16', and says in what all weights are trained; leave it out, or train with standard, or with dpo and finetuning_type full"):
            self.run_of("qlora", "bf16")
        with self.assertRaisesRegex(BadInput, "hyperparameters.weights is 'fp16'; it must be one of null, fp32, bf16"):
            self.run_of("standard", "fp16")

    def test_many_small_steps_add_up_to_what_they_are_in_float32(self):
        # Round to the nearest in rounded_adamw.rounded, and the weights stay where they are, as those of plain bf16 do.
        import torch

        from ..training.rounded_adamw import RoundedAdamW

        def moved(dtype, optimizer) -> torch.Tensor:
            torch.manual_seed(0)
            weights, direction = torch.nn.Parameter(torch.randn(4096).to(dtype)), torch.randn(4096).sign()
            before, steps = weights.detach().clone().float(), optimizer([weights])
            for _ in range(200):
                weights.grad = (direction * (0.5 + 0.1 * torch.randn(4096))).to(dtype)
                steps.step()
            return (weights.detach().float() - before) * direction

        expected = moved(torch.float32, lambda weights: torch.optim.AdamW(weights, lr=1e-6, weight_decay=0.0))
        torch.testing.assert_close(moved(torch.float32, lambda weights: RoundedAdamW(weights, lr=1e-6)), expected, rtol=0, atol=1e-6)
        self.assertEqual(moved(torch.bfloat16, lambda weights: torch.optim.AdamW(weights, lr=1e-6, weight_decay=0.0)).abs().max().item(), 0)
        found = moved(torch.bfloat16, lambda weights: RoundedAdamW(weights, lr=1e-6))
        self.assertAlmostEqual(found.mean().item() / expected.mean().item(), 1, delta=0.1)

    def test_what_it_draws_follows_from_seed_step_and_place(self):
        import torch

        from ..training.rounded_adamw import RoundedAdamW

        def after(seed: int) -> torch.Tensor:
            weights = [torch.nn.Parameter(torch.ones(256, dtype=torch.bfloat16)) for _ in range(2)]
            steps = RoundedAdamW(weights, lr=1e-3, seed=seed)
            for each in weights:
                each.grad = torch.ones_like(each)
            torch.randn(3)  # What others draw meanwhile is no matter of its.
            steps.step()
            return torch.stack([each.detach() for each in weights])

        self.assertTrue(torch.equal(after(1), after(1)))
        self.assertFalse(torch.equal(after(1), after(2)))
        self.assertFalse(torch.equal(*after(1)))

    def test_it_learns_as_in_float32_with_half_the_memory(self):
        import torch

        from ..base_models.models import load_model
        from ..training.rehearsal import checkpoint_bytes

        losses = {}
        for weights in ("fp32", "bf16"):
            _, events = train_here(self.fresh(weights), training_type="standard", hyperparameters={**HYPERPARAMETERS, "weights": weights})
            losses[weights] = [event["loss"] for event in events.of("step")]
        checkpoints = {weights: self.work / weights / "checkpoints" / "e1" / "checkpoint-12" for weights in losses}
        sizes = {weights: (checkpoint / "optimizer.pt").stat().st_size for weights, checkpoint in checkpoints.items()}
        self.assertLess(sizes["bf16"], 0.6 * sizes["fp32"])
        # Of what room on the disk was asked for before the first step.
        for weights, dtype, optimizer in (("fp32", torch.float32, "adamw_torch_fused"), ("bf16", torch.bfloat16, ROUNDED)):
            written = sizes[weights] + (checkpoints[weights] / "model.safetensors").stat().st_size
            self.assertAlmostEqual(checkpoint_bytes(load_model(model_path(), dtype=dtype), optimizer) / written, 1, delta=0.1)
        self.assertLess(losses["bf16"][-1], losses["bf16"][0] - 0.3)
        self.assertAlmostEqual(losses["bf16"][-1], losses["fp32"][-1], delta=0.1)
