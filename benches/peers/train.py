"""LoRA fine-tuning by TRL's trainer over PEFT, or by that of transformers. The counterpart of `throughput train`."""

import tempfile
import time

import torch
import trl.trainer.utils
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from transformers import AutoTokenizer, Trainer, TrainerCallback, TrainingArguments, default_data_collator
from trl import SFTConfig, SFTTrainer

import common

RANK = 32


class Clock(TrainerCallback):
    """The seconds of every optimizer step but the first, after which the peak of memory is set back."""

    def __init__(self):
        self.ends = []

    def on_step_end(self, *_, **__):
        self.ends.append(time.perf_counter())
        if len(self.ends) == 1:
            common.reset_peak()
            self.ends[0] = time.perf_counter()

    def seconds(self):
        return [end - start for start, end in zip(self.ends, self.ends[1:])]


def main():
    parser = common.arguments(__doc__)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--context", type=int, default=256)
    parser.add_argument("--checkpointing", choices=("true", "false"), default="true")
    parser.add_argument("--trainer", choices=("trl", "transformers"), default="trl")
    parser.add_argument("--tile", type=int, help="trl: logits of so many words of the vocabulary at a time")
    options = parser.parse_args()
    measure(common.load(options), options)


def trainer(model, texts, clock, options):
    settings = {
        "output_dir": tempfile.mkdtemp(),
        "max_steps": options.repetitions + 1,
        "per_device_train_batch_size": options.batch,
        "train_sampling_strategy": "sequential",
        "gradient_checkpointing": options.checkpointing == "true",
        "bf16": options.precision == "bf16",
        "optim": "adamw_torch",
        "learning_rate": 1e-5,
        "use_cpu": options.device == "cpu",
        "dataloader_pin_memory": options.device != "cpu",
        "logging_steps": 1,
        "disable_tqdm": True,
        "save_strategy": "no",
        "report_to": [],
    }
    ids = [tokens.tolist() for tokens, _ in texts]
    lora = LoraConfig(
        r=RANK, lora_alpha=2 * RANK, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    if options.trainer == "transformers":
        # Logits of the whole batch at once.
        model = get_peft_model(model, lora)
        model.enable_input_require_grads()
        data = Dataset.from_dict({"input_ids": ids, "labels": ids})
        arguments = TrainingArguments(**settings)
        return Trainer(model, arguments, default_data_collator, train_dataset=data, callbacks=[clock])
    if options.tile:
        trl.trainer.utils._CHUNKED_LOGPROB_CHUNK_SIZE = options.tile
    return SFTTrainer(
        model,
        SFTConfig(**settings, max_length=None, packing=False, dataset_kwargs={"skip_prepare_dataset": True}),
        train_dataset=Dataset.from_dict({"input_ids": ids}),
        processing_class=AutoTokenizer.from_pretrained(options.model),
        peft_config=lora,
        callbacks=[clock],
    )


def measure(model, options):
    steps = range(options.repetitions + 1)
    vocab = model.config.vocab_size
    texts = [text for step in steps for text in common.even(step, options.batch, options.context, 0, vocab)]
    loaded, clock = common.peak_mib(), Clock()
    run = trainer(model, texts, clock, options)
    run.train()
    adapter = {str(p.dtype) for n, p in run.model.named_parameters() if "lora_" in n}
    assert adapter == {"torch.float32"}, f"the adapter is in {adapter}"
    tile = f", tiles of {options.tile}" if options.tile else ""
    common.emit(
        "train",
        options,
        variant=f"{options.trainer}{tile}",
        trl=trl.__version__,
        batch=options.batch,
        context=options.context,
        checkpointing=options.checkpointing == "true",
        tok_s=options.batch * options.context / common.median(clock.seconds()),
        peak_mib=common.peak_mib(),
        load_peak_mib=loaded,
        loss=next(entry["loss"] for entry in run.state.log_history if "loss" in entry),
        checksum=common.checksum(texts),
    )


if __name__ == "__main__":
    main()
