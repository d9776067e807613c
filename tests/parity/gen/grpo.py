"""The golden of GRPO: advantages, losses and gradient norms of TRL's GRPOTrainer over PEFT, on fixed responses.

Usage: python tests/parity/gen/grpo.py   (after models.py, tokenizer.py and sft.py)

tests/golden/grpo holds batch.json (responses of two prompts, four each: ids, how many of them are prompt, the reward, and
log-probabilities of an older policy and of a reference) and cases.json (for each setting: advantages, loss, gradient norm of the adapter, mean
divergence, mean entropy, shares of cut ratios). The policy is the adapter of tests/golden/sft/adapter.
"""

import itertools
import tempfile

import torch
from datasets import Dataset
from peft import PeftModel
from transformers import AutoTokenizer
from trl import GRPOConfig, GRPOTrainer

from common import *

GROUP = 4
LONGEST = 16
REWARDS = [0.9, 0.1, 0.4, 0.4, 1.0, 0.95, 0.0, 1.3]
SEED = 7


def responses(vocab):
    """Two prompts of unequal lengths, with responses of unequal lengths."""
    rng = torch.Generator().manual_seed(SEED)
    draw = lambda n: torch.randint(SPECIALS, vocab, (n,), generator=rng).tolist()
    lengths = [[7, 2, 12, 1], [5, 16, 9, 3]]
    return [(prompt, draw(n)) for prompt, group in zip((draw(5), draw(9)), lengths) for n in group]


def make_trainer(model, scratch):
    config = GRPOConfig(
        output_dir=scratch,
        per_device_train_batch_size=2 * GROUP,
        gradient_accumulation_steps=1,
        num_generations=GROUP,
        max_completion_length=LONGEST,
        beta=0.04,
        # TRL's default weighs k3 by the ratio; here it is plain k3.
        use_bias_correction_kl=False,
        bf16=False,
        gradient_checkpointing=False,
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
    )
    data = Dataset.from_list([{"prompt": name} for name in "ab"])
    tokenizer = AutoTokenizer.from_pretrained(GOLDEN / "tokenizer")
    rewards = lambda completions, **_: list(REWARDS)
    return GRPOTrainer(model=model, reward_funcs=rewards, args=config, train_dataset=data, processing_class=tokenizer)


def scored(trainer, rows):
    """What TRL makes of the responses: padded batch, reference, advantages."""
    prompts, completions = [p for p, _ in rows], [c for _, c in rows]
    texts = [str(i) for i in range(len(rows))]
    trainer._generate = lambda _: (prompts, completions, None, texts, None, {}, None, None)
    return trainer._generate_and_score_completions([{"prompt": t} for t in texts])


def case(trainer, rows, old, reference, settings):
    trainer.loss_type = settings["loss_type"]
    trainer.importance_sampling_level = settings["level"]
    trainer.scale_rewards = settings["scale"]
    trainer.beta = settings["beta"]
    trainer.epsilon_low, trainer.epsilon_high = settings["epsilon"]
    trainer._metrics["train"].clear()
    inputs = scored(trainer, rows)
    inputs["old_per_token_logps"] = old
    inputs["ref_per_token_logps"] = reference
    trainer.model.zero_grad()
    loss = trainer._compute_loss(trainer.model, inputs)
    loss.backward()
    gradients = [p.grad for p in trainer.model.parameters() if p.grad is not None]
    metrics = trainer._metrics["train"]
    found = {
        "advantages": inputs["advantages"].tolist(),
        "loss": loss.item(),
        "grad_norm": torch.stack([g.double().norm() for g in gradients]).norm().item(),
        "kl": metrics["kl"][-1] if settings["beta"] else 0.0,
        "entropy": metrics["entropy"][-1],
        "clipped_low": metrics["clip_ratio/low_mean"][-1],
        "clipped_high": metrics["clip_ratio/high_mean"][-1],
    }
    return settings | found


def all_settings():
    base = {"loss_type": "grpo", "level": "token", "scale": "group", "beta": 0.04, "epsilon": [0.2, 0.2]}
    for loss_type, level in itertools.product(("grpo", "bnpo", "dr_grpo", "dapo"), ("token", "sequence")):
        yield base | {"loss_type": loss_type, "level": level}
    for scale in ("batch", "none"):
        yield base | {"scale": scale}
    yield base | {"beta": 0.0}
    yield base | {"epsilon": [0.1, 0.28], "loss_type": "dapo", "beta": 0.0}
    yield base | {"epsilon": [3e-4, 4e-4], "level": "sequence", "beta": 0.0}


def main():
    folder = GOLDEN / "grpo"
    base = load(GOLDEN / "models" / "qwen3-gqa-tied")
    model = PeftModel.from_pretrained(base, GOLDEN / "sft" / "adapter", is_trainable=True)
    rows = responses(base.config.vocab_size)
    with tempfile.TemporaryDirectory() as scratch:
        trainer = make_trainer(model, scratch)
        trainer.model.train()
        trainer.current_gradient_accumulation_steps = 1
        inputs = scored(trainer, rows)
        ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], 1)
        mask = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], 1)
        with torch.no_grad():
            policy, *_ = trainer._get_per_token_logps_and_entropies(trainer.model, ids, mask, LONGEST)
        rng = torch.Generator().manual_seed(SEED)
        old, reference = (policy + scale * torch.randn(policy.shape, generator=rng) for scale in (0.2, 0.5))
        cases = [case(trainer, rows, old, reference, settings) for settings in all_settings()]
    batch = [
        {"ids": p + c, "prompt": len(p), "reward": w, "old": o[: len(c)].tolist(), "reference": r[: len(c)].tolist()}
        for (p, c), w, o, r in zip(rows, REWARDS, old, reference)
    ]
    facts = {"base": "qwen3-gqa-tied", "group": GROUP, "longest": LONGEST, "trl": __import__("trl").__version__}
    write_json(folder / "cases.json", facts | metadata("grpo.py", SEED) | {"cases": cases})
    (folder / "batch.json").write_text(json.dumps(batch, separators=(",", ":")) + "\n")
    for found in cases:
        print(found)


if __name__ == "__main__":
    main()
