"""Prompts and outputs of many lengths with transformers. The counterpart of `throughput ragged`.

`padded` is `generate` on batches padded on the left, each run until its longest text is done; tokens beyond a text's own
length count for nothing. `continuous` is what `generate_batch` runs, with the length of each request its own.
"""

import torch
from transformers import ContinuousBatchingConfig, GenerationConfig

import common


def main():
    parser = common.arguments(__doc__)
    parser.add_argument("--requests", type=int, default=256)
    parser.add_argument("--longest", type=int, default=1024)
    parser.add_argument("--method", choices=("padded", "continuous"), default="padded")
    parser.add_argument("--batch", type=int, default=32, help="of padded: texts side by side")
    parser.add_argument("--order", choices=("given", "length"), default="length", help="of padded: by prompt length or not")
    parser.add_argument("--kv-gib", type=float, default=2, help="of continuous: memory for keys and values")
    parser.add_argument("--step-tokens", type=int, default=512, help="of continuous: tokens of a step")
    options = parser.parse_args()
    measure(common.load(options), options)


@torch.inference_mode()
def padded(model, load, options):
    if options.order == "length":
        load = sorted(load, key=lambda item: len(item[0]))
    for start in range(0, len(load), options.batch):
        batch = load[start : start + options.batch]
        width, new = max(len(tokens) for tokens, _ in batch), max(new for _, new in batch)
        prompts = torch.zeros(len(batch), width, dtype=torch.long)
        mask = torch.zeros_like(prompts)
        for row, (tokens, _) in enumerate(batch):
            prompts[row, width - len(tokens) :] = torch.from_numpy(tokens)
            mask[row, width - len(tokens) :] = 1
        output = model.generate(
            prompts.to(model.device),
            attention_mask=mask.to(model.device),
            max_new_tokens=new,
            min_new_tokens=new,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )
        assert output.shape[1] == width + new


def continuous(model, load, options):
    config = model.config
    numbers = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim
    positions = int(options.kv_gib * 2**30) // (numbers * model.dtype.itemsize)
    batching = ContinuousBatchingConfig(num_blocks=max(positions // 256, 1), max_batch_tokens=options.step_tokens)
    longest = max(new for _, new in load)
    generation = GenerationConfig(max_new_tokens=longest, do_sample=False, eos_token_id=-1, pad_token_id=0)
    session = model.continuous_batching_context_manager(
        generation_config=generation, continuous_batching_config=batching, block=True, timeout=5
    )
    wanted, got = {}, {}
    with session as manager:
        for index, (tokens, new) in enumerate(load):
            wanted[f"r{index}"] = new
            manager.add_request(tokens.tolist(), request_id=f"r{index}", max_new_tokens=new)
        while len(got) < len(wanted):
            result = manager.get_result(timeout=1)
            if result is not None and result.is_finished():
                assert result.error is None, result.error
                got[result.request_id] = len(result.generated_tokens)
            elif result is None and not manager.is_running():
                raise RuntimeError("its thread ended")
    assert got == wanted, "lengths other than asked for"


def measure(model, options):
    run = {"padded": padded, "continuous": continuous}[options.method]
    vocab = model.config.vocab_size
    run(model, common.even(0, min(options.batch, 8), 16, 4, vocab), options)
    loaded = common.peak_mib()
    common.reset_peak()
    rates, times, work = [], [], []
    for repetition in range(1, options.repetitions + 1):
        load = common.ragged(repetition, options.requests, options.longest, vocab)
        _, seconds = common.timed(lambda: run(model, load, options), options.device)
        rates.append(sum(new for _, new in load) / seconds)
        times.append(seconds)
        work += load
    extra = {"batch": options.batch, "order": options.order} if options.method == "padded" else {}
    common.emit(
        "ragged",
        options,
        method=options.method,
        requests=options.requests,
        longest=options.longest,
        **extra,
        tok_s=common.median(rates),
        seconds=common.median(times),
        peak_mib=common.peak_mib(),
        load_peak_mib=loaded,
        checksum=common.checksum(work),
    )


if __name__ == "__main__":
    main()
