"""The golden of fine-tuning: ten optimizer steps of TRL's SFTTrainer over PEFT.

Usage: python tests/parity/gen/sft.py   (after models.py and tokenizer.py)

tests/golden/sft holds adapter/ (the start), data.json (ids and how many of them are prompt, in training order),
settings.json, history.json (loss, gradient norm before clipping and learning rate of each step) and trained/ (the
adapter after the last step).
"""

import tempfile

import torch
from datasets import Dataset, disable_progress_bars
from peft import PeftModel
from transformers import AutoTokenizer, PrinterCallback
from trl import SFTConfig, SFTTrainer

from common import *
from lora import adapter, save_adapter

disable_progress_bars()

SETTINGS = {
    "steps": 10,
    "batch": 2,
    "accumulation": 2,
    "lr": 1e-2,
    "warmup_ratio": 0.1,
    "max_grad_norm": 1.0,
    "weight_decay": 0.0,
    "beta1": 0.9,
    "beta2": 0.999,
    "eps": 1e-8,
}


def trainer(model, tokenizer, rows, settings, scratch):
    """TRL's trainer over rows of {ids, prompt}, in their order, on the CPU; in float32 unless `bf16` is set."""
    data = [
        {"input_ids": r["ids"], "completion_mask": [int(i >= r["prompt"]) for i in range(len(r["ids"]))]} for r in rows
    ]
    config = SFTConfig(
        output_dir=scratch,
        max_steps=settings["steps"],
        per_device_train_batch_size=settings["batch"],
        gradient_accumulation_steps=settings["accumulation"],
        learning_rate=settings["lr"],
        lr_scheduler_type="cosine",
        warmup_steps=round(settings["warmup_ratio"] * settings["steps"]),
        max_grad_norm=settings["max_grad_norm"],
        weight_decay=settings["weight_decay"],
        adam_beta1=settings["beta1"],
        adam_beta2=settings["beta2"],
        adam_epsilon=settings["eps"],
        optim="adamw_torch",
        completion_only_loss=True,
        train_sampling_strategy="sequential",
        max_length=None,
        packing=False,
        bf16=settings.get("bf16", False),
        gradient_checkpointing=False,
        use_cpu=True,
        logging_steps=1,
        logging_first_step=True,
        disable_tqdm=True,
        save_strategy="no",
        report_to=[],
    )
    return SFTTrainer(model=model, args=config, train_dataset=Dataset.from_list(data), processing_class=tokenizer)


def train(base, start, tokenizer, rows, settings):
    """Trains the adapter of a folder; the history of steps, and the model."""
    dtype = torch.bfloat16 if settings.get("bf16") else torch.float32
    model = PeftModel.from_pretrained(load(base, dtype), start, is_trainable=True)
    model.train()
    with tempfile.TemporaryDirectory() as scratch:
        run = trainer(model, AutoTokenizer.from_pretrained(tokenizer), rows, settings, scratch)
        run.remove_callback(PrinterCallback)
        run.train()
        logged = [e for e in run.state.log_history if "grad_norm" in e]
    keys = {"loss": "loss", "grad_norm": "grad_norm", "lr": "learning_rate"}
    history = [{ours: float(e[theirs]) for ours, theirs in keys.items()} for e in logged]
    assert len(history) == settings["steps"]
    return history, run.model


def examples(seed, vocab, count):
    """Random prompts of unequal lengths, completed by the beginnings of one text: something that can be learnt."""
    rng = torch.Generator().manual_seed(seed)
    text = torch.randint(SPECIALS, vocab, (22,), generator=rng).tolist()
    rows = []
    for _ in range(count):
        prompt, completion = (int(torch.randint(low, high, (), generator=rng)) for low, high in ((2, 9), (1, 23)))
        ids = torch.randint(SPECIALS, vocab, (prompt,), generator=rng).tolist()
        rows.append({"ids": ids + text[:completion], "prompt": prompt})
    return rows


def main():
    base, folder = GOLDEN / "models" / "qwen3-gqa-tied", GOLDEN / "sft"
    save_adapter(adapter(load(base), 4, 8, ["q_proj", "v_proj"], seed=11, scale=0.3), folder / "adapter")
    rows = examples(5, 103, SETTINGS["steps"] * SETTINGS["batch"] * SETTINGS["accumulation"])
    history, trained = train(base, folder / "adapter", GOLDEN / "tokenizer", rows, SETTINGS)
    save_adapter(trained, folder / "trained")
    write_json(folder / "settings.json", SETTINGS | {"base": "qwen3-gqa-tied"} | metadata("sft.py", 5))
    (folder / "data.json").write_text(json.dumps(rows, separators=(",", ":")) + "\n")
    write_json(folder / "history.json", history)
    for step in history:
        print(step)


if __name__ == "__main__":
    main()
